import { describe, expect, it } from 'vitest';
import { directCollectors, parseCollectorAddress } from './collector-address.ts';

describe('parseCollectorAddress', () => {
  it('tells the collector from the way to it', () => {
    expect(parseCollectorAddress('https://c.example:8480/')).toEqual({ url: 'https://c.example:8480', frp: null });
    expect(parseCollectorAddress('https://c.example/a#frp=collector-1')).toEqual({
      url: 'https://c.example/a',
      frp: 'collector-1',
    });
  });

  it.each(['https://c.example#', 'https://c.example#frp=', 'https://c.example#frp=A', 'https://c.example#frp=a#b'])(
    'refuses %s',
    (text) => expect(parseCollectorAddress(text)).toBeNull(),
  );

  it('picks those that are reached directly', () => {
    expect(directCollectors(['https://a.example', 'https://b.example#frp=b', 'http://c.example/x'])).toEqual([
      'https://a.example',
      'http://c.example/x',
    ]);
  });
});
