import { expect, it } from 'vitest';
import { formatMark, homeMark, parseMark, specHash } from './marker.ts';

const mark = {
  home: homeMark('/var/lib/spotrig'),
  boot: 'a'.repeat(32),
  spec: 'b'.repeat(32),
  apiPort: 4067,
  relayPort: 0,
};

it('reads back what it wrote, and refuses all else', () => {
  expect(parseMark(formatMark(mark))).toEqual(mark);
  for (const bad of [
    '',
    'x',
    `${formatMark(mark)}:1`,
    formatMark(mark).slice(1),
    formatMark({ ...mark, apiPort: -1 }),
  ]) {
    expect(parseMark(bad)).toBeNull();
  }
});

it('tells specs apart by argument, by environment, and not by the order of variables', () => {
  const one = specHash(['miner', '-a', 'x'], { A: '1', B: '2' });
  expect(specHash(['miner', '-a', 'x'], { B: '2', A: '1' })).toBe(one);
  expect(specHash(['miner', '-a x'], { A: '1', B: '2' })).not.toBe(one);
  expect(specHash(['miner', '-a', 'x'], { A: '1', B: '3' })).not.toBe(one);
});
