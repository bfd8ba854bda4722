import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../test/fakes/clock.ts';
import { Pacer } from './pacer.ts';

let stop: AbortController;
afterEach(() => stop.abort());

function pacerOf(at_once: number) {
  stop = new AbortController();
  const clock = new FakeClock();
  const pacer = new Pacer({ clock, pause_ms: 10_000, at_once, signal: stop.signal });
  const log: string[] = [];
  const run = (pool: string, name: string, ms: number): Promise<void> =>
    pacer.run(pool, async () => {
      log.push(`${clock.monoMs() / 1000} ${name}`);
      await clock.sleep(ms);
    });
  return { clock, log, run, pacer };
}

describe('connections to pools', () => {
  it('come one by one to each pool, with a pause from the end of one to the next', async () => {
    const { clock, log, run } = pacerOf(8);
    void run('a', 'a1', 2000);
    void run('a', 'a2', 1000);
    void run('b', 'b1', 1000);
    void run('a', 'a3', 0);
    await clock.advance(60_000);
    expect(log).toEqual(['0 a1', '0 b1', '12 a2', '23 a3']);
  });

  it('are few at once, and a pool that waits for its pause holds no place', async () => {
    const { clock, log, run } = pacerOf(2);
    for (const name of ['a', 'b', 'c', 'd']) void run(name, name, 3000);
    void run('a', 'again', 1000);
    await clock.advance(60_000);
    expect(log).toEqual(['0 a', '0 b', '3 c', '3 d', '13 again']);
  });

  it('goes on after a task that failed', async () => {
    const { clock, log, run, pacer } = pacerOf(1);
    const failed = pacer.run('a', () => Promise.reject(new Error('no')));
    await expect(failed).rejects.toThrow('no');
    void run('a', 'a', 0);
    await clock.advance(10_000);
    expect(log).toEqual(['10 a']);
  });

  it('end with the signal', async () => {
    const { clock, log, run } = pacerOf(1);
    const first = run('a', 'a1', 1000);
    const second = expect(run('a', 'a2', 0)).rejects.toThrow('over');
    await clock.advance(2000);
    await first;
    stop.abort(new Error('over'));
    await second;
    await expect(run('b', 'b', 0)).rejects.toThrow('over');
    expect(log).toEqual(['0 a1']);
  });
});
