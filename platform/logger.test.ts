import { afterEach, expect, it } from 'vitest';
import { createLogger } from './logger.ts';
import { forgetSecrets, registerSecret } from './secrets.ts';

afterEach(forgetSecrets);

function logger(level: string) {
  const lines: string[] = [];
  return { lines, log: createLogger({ name: 'test', level, write: (line) => lines.push(line) }) };
}

it('writes lines in order with their own time, fields of the parent, and no secret', async () => {
  registerSecret('hunter22');
  const { lines, log } = logger('info');
  log.info({ n: 1 }, 'first');
  const said = Date.now();
  log.child({ pool: 'p' }).error({ text: 'pass hunter22' }, 'second');
  log.debug({}, 'too quiet');
  expect(lines).toEqual([]);
  await log.flush();
  log.warn({}, 'third');
  const seen = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(seen.map((s) => [s['level'], s['msg'], s['name']])).toEqual([
    [30, 'first', 'test'],
    [50, 'second', 'test'],
    [40, 'third', 'test'],
  ]);
  expect(seen[1]).toMatchObject({ pool: 'p', text: 'pass ***' });
  expect(Math.abs(Date.parse(String(seen[0]?.['time'])) - said)).toBeLessThan(1000);
});

it('says nothing when silent', async () => {
  const { lines, log } = logger('silent');
  log.error({}, 'x');
  await log.flush();
  expect(lines).toEqual([]);
});
