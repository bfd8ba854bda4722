import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { codeOf, messageOf } from '../platform/errors.ts';
import { FakeClock } from '../test/fakes/clock.ts';
import { loadKeys } from './keys.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-keys-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe('the keys of a data folder', () => {
  it('are made at the first start, readable by the owner only, and then stay', async () => {
    const data = join(dir, 'data');
    const first = await loadKeys(data, new FakeClock());
    expect(first.newest.secret.symmetricKeySize).toBe(32);
    expect((await stat(join(data, 'keys.json'))).mode & 0o777).toBe(0o600);
    const again = await loadKeys(data);
    expect(again.newest.kid).toBe(first.newest.kid);
    expect(again.newest.secret.equals(first.newest.secret)).toBe(true);
  });

  it('gain one that mints, and another process sees it', async () => {
    const running = await loadKeys(dir);
    const old = running.newest;
    const added = await (await loadKeys(dir)).add(1_790_000_000_000);
    expect(running.secretOf(added.kid)).toBeNull();
    await running.refresh();
    expect(running.secretOf(added.kid)?.equals(added.secret)).toBe(true);
    expect(running.secretOf(old.kid)?.equals(old.secret)).toBe(true);
    expect(running.newest.kid).toBe(added.kid);
  });

  it('are not replaced when the file is damaged, and the error quotes none of it', async () => {
    await loadKeys(dir);
    const path = join(dir, 'keys.json');
    const text = await readFile(path, 'utf8');
    for (const damaged of [
      text.slice(0, -20),
      text.replace('"keys"', '"kes"'),
      text.replace(/"key_b64": "../, '"key_b64": "'),
      '',
    ]) {
      await writeFile(path, damaged);
      const error: unknown = await loadKeys(dir).catch((caught: unknown) => caught);
      expect(codeOf(error)).toBe('keys_unreadable');
      expect(messageOf(error)).not.toContain(/"key_b64": "([^"]{8})/.exec(text)?.[1]);
      expect(await readFile(path, 'utf8')).toBe(damaged);
    }
  });
});
