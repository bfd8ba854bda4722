import { describe, expect, it } from 'vitest';
import { HandOver } from './hand-over.ts';

describe('HandOver', () => {
  it('keeps the newest until somebody takes them, then passes each on at once, to the newest taker', async () => {
    const queue = new HandOver<number>(2);
    for (const item of [1, 2, 3]) queue.push(item);
    await queue.first;
    const taken: string[] = [];
    queue.handTo((item) => taken.push(`a${item}`));
    queue.push(4);
    queue.handTo((item) => taken.push(`b${item}`));
    queue.push(5);
    expect(taken).toEqual(['a2', 'a3', 'a4', 'b5']);
  });
});
