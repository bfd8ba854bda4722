import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { composeStandIn, newKey, publishStandIn } from '../../test/fakes/release.ts';
import { run } from './verify.ts';

const { key, publicText } = newKey();
let dir: string;
let said: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-verify-cli-'));
  const composed = await composeStandIn();
  await publishStandIn({ out: join(dir, 'good'), composed, key, serial: 7 });
  await publishStandIn({ out: join(dir, 'newer'), composed, key, serial: 8 });
  await publishStandIn({ out: join(dir, 'bad'), composed, key, serial: 7 });
  await writeFile(join(dir, 'bad/loader.sh'), '<html>');
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(() => {
  vi.setSystemTime('2026-11-26T12:00:00Z');
  vi.stubEnv('SPOTRIG_RELEASE_KEY', undefined);
  said = '';
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((text: string) => {
      said += `${text}\n`;
    });
  }
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

it('says that a release is good', async () => {
  expect(await run([join(dir, 'good'), '--key', publicText])).toBe(0);
  expect(said).toContain('good: every byte is as it was signed');
  vi.stubEnv('SPOTRIG_RELEASE_KEY', publicText);
  said = '';
  expect(await run([join(dir, 'good'), '--json'])).toBe(0);
  expect(JSON.parse(said)).toMatchObject({ good: true, is_key_known: true, findings: [], manifest: { serial: 7 } });
});

it('says what is wrong, and what is stale', async () => {
  expect(await run([join(dir, 'bad'), '--key', publicText])).toBe(1);
  expect(said).toMatch(/wrong {2}loader\.sh has 6 bytes, not 6144\n/);
  expect(said).toContain('NOT good: 1 fault');
  said = '';
  expect(await run([join(dir, 'good'), '--key', publicText, '--serial-at-least', join(dir, 'newer')])).toBe(1);
  expect(said).toContain('stale  the release has the serial 7, and 8 is out');
  expect(await run([join(dir, 'good'), '--key', newKey().publicText])).toBe(1);
  expect(await run([join(dir, 'absent')])).toBe(1);
  expect(said).toContain('manifest.json is not there');
});

it('does not take a call that it does not understand', async () => {
  for (const argv of [
    [],
    [join(dir, 'good'), 'more'],
    [join(dir, 'good'), '--key', 'no key'],
    [join(dir, 'good'), '--serial-at-least', join(dir, 'absent')],
    [join(dir, 'good'), '--limit-s', '0'],
    [join(dir, 'good'), '--nonsense'],
  ]) {
    expect(await run(argv)).toBe(64);
  }
  expect(await run(['--help'])).toBe(0);
});
