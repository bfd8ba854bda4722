import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { realClock, type Clock } from './clock.ts';
import { exclusively } from './exclusive.ts';

const clock: Clock = { ...realClock, sleep: (_ms, signal) => realClock.sleep(1, signal) };
const never = new AbortController().signal;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spotrig-exclusive-'));
});

afterEach(() => rm(folder, { recursive: true }));

it('lets one work at a time, and the next after a failure', async () => {
  let atOnce = 0;
  let most = 0;
  const work = async (): Promise<void> => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 5));
    atOnce--;
    throw new Error('failed');
  };
  const calls = Array.from({ length: 4 }, () => exclusively({ purpose: 'test', folder, clock, signal: never }, work));
  expect((await Promise.allSettled(calls)).map((c) => c.status)).toEqual(Array(4).fill('rejected'));
  expect(most).toBe(1);
});

it('does not wait for other folders and purposes', async () => {
  const inner = (purpose: string, of: string): Promise<string> =>
    exclusively({ purpose, folder: of, clock, signal: never }, () => Promise.resolve('done'));
  const both = exclusively({ purpose: 'test', folder, clock, signal: never }, async () => [
    await inner('other', folder),
    await inner('test', join(folder, '..')),
  ]);
  expect(await both).toEqual(['done', 'done']);
});

it('stops waiting when it is told to', async () => {
  const stop = new AbortController();
  const hold = Promise.withResolvers<void>();
  const holder = exclusively({ purpose: 'test', folder, clock, signal: never }, () => hold.promise);
  const waiter = exclusively({ purpose: 'test', folder, clock, signal: stop.signal }, () => Promise.resolve());
  stop.abort(new Error('the order ends'));
  await expect(waiter).rejects.toThrow('the order ends');
  hold.resolve();
  await holder;
});
