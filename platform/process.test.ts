import { describe, expect, it } from 'vitest';
import { realClock } from './clock.ts';
import { findMarked, identify, isAlive, killLadder, runForOutput, spawnGroup } from './process.ts';

const env = { PATH: '/usr/bin:/bin' };

/** A child that has said "ready", so that its signal handlers are in place. */
async function readyChild(script: string, extra: Record<string, string> = {}) {
  const child = spawnGroup({
    argv: ['/bin/bash', '-c', script],
    env: { ...env, ...extra },
    stdout: 'pipe',
    stderr: 'ignore',
  });
  await new Promise((resolve) => child.stdout?.once('data', resolve));
  const id = await identify(child.pid);
  if (id === null) throw new Error('the child has gone');
  return { child, id };
}

describe('killLadder', () => {
  it('ends a child that listens to INT by INT', async () => {
    const { child, id } = await readyChild('trap "exit 3" INT; echo ready; while :; do sleep 0.05; done');
    expect(await killLadder({ id, steps: [{ signal: 'SIGINT', waitMs: 5000 }], clock: realClock })).toBe('gone');
    expect(await child.exited).toMatchObject({ code: 3 });
    expect(await isAlive(id)).toBe(false);
  });

  it('goes up to KILL for one that does not listen, its helpers included', async () => {
    const { child, id } = await readyChild('trap "" INT TERM; sleep 60 & echo ready; wait; sleep 60');
    const steps = [
      { signal: 'SIGINT', waitMs: 150 },
      { signal: 'SIGTERM', waitMs: 150 },
      { signal: 'SIGKILL', waitMs: 5000 },
    ] as const;
    expect(await killLadder({ id, steps, clock: realClock })).toBe('gone');
    expect(await child.exited).toMatchObject({ signal: 'SIGKILL' });
  });
});

describe('findMarked', () => {
  it('finds the leader that carries the variable, not its helpers', async () => {
    const { child, id } = await readyChild('sleep 60 & echo ready; wait', { SPOTRIG_TEST_MARK: 'm-1' });
    const found = (await findMarked('SPOTRIG_TEST_MARK')).filter((p) => p.value === 'm-1');
    expect(found.map((p) => p.id)).toEqual([id]);
    expect(Math.abs((found[0]?.startedAtMs ?? 0) - Date.now())).toBeLessThan(10_000);
    child.kill('SIGKILL');
    await child.exited;
    expect((await findMarked('SPOTRIG_TEST_MARK')).filter((p) => p.value === 'm-1')).toEqual([]);
  });
});

describe('runForOutput', () => {
  it('gives output and code, a missing program as an error, a hang as timedOut', async () => {
    const run = (argv: string[], timeoutMs = 5000) => runForOutput({ argv, env, timeoutMs, maxBytes: 5 });
    expect(await run(['/bin/bash', '-c', 'echo 123456789; echo e >&2; exit 4'])).toMatchObject({
      code: 4,
      stdout: '12345',
      stderr: 'e\n',
    });
    expect((await run(['/nowhere/program'])).error).toMatchObject({ code: 'ENOENT' });
    expect(await run(['/bin/sleep', '60'], 100)).toMatchObject({ timedOut: true });
  });
});

it.each([
  ['ENOENT', ['/nowhere/miner']],
  ['ENOTDIR', ['/etc/passwd/miner']],
  ['ERR_INVALID_ARG_VALUE', ['/bin/echo', 'a\0b']],
])('says why a program could not be started: %s', async (code, argv) => {
  const child = spawnGroup({ argv, env, stdout: 'pipe', stderr: 'ignore' });
  expect(child.pid).toBe(0);
  expect((await child.exited).error).toMatchObject({ code });
  expect((await runForOutput({ argv, env, timeoutMs: 5000, maxBytes: 5 })).error).toMatchObject({ code });
});
