import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scrub } from '../../platform/secrets.ts';
import { FRP_SECRETS_FILE, loadFrpSecrets, rotateEgressKey } from './secrets.ts';

const clock = { nowMs: () => 1_790_000_000_000 };

describe('the secrets of frp', () => {
  let dir: string;
  beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'spotrig-frp-'))));
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  it('are made once, are nobody else’s to read, and are scrubbed from texts', async () => {
    const { values } = await loadFrpSecrets(join(dir, 'data'), clock);
    expect((await loadFrpSecrets(join(dir, 'data'), clock)).values).toEqual(values);
    expect(statSync(join(dir, 'data', FRP_SECRETS_FILE)).mode & 0o777).toBe(0o600);
    const [key] = values.egress_keys;
    expect(new Set([values.token, values.hook_path, key?.key]).size).toBe(3);
    expect(scrub(`a ${values.token} b ${values.hook_path} c ${key?.key ?? ''}`)).toBe('a *** b *** c ***');
  });

  it('rotate the egress key alone, keep the one before, and a running collector sees it', async () => {
    const running = await loadFrpSecrets(dir, clock);
    const [first] = running.values.egress_keys;
    const { values } = await rotateEgressKey(dir, clock);
    expect(values.egress_keys[1]).toEqual(first);
    await running.refresh();
    expect(running.values).toEqual(values);
    const later = await rotateEgressKey(dir, clock);
    expect(later.values.egress_keys.map(({ key }) => key)).not.toContain(first?.key);
    expect(later.values.egress_keys).toHaveLength(2);
    expect([later.values.token, later.values.hook_path]).toEqual([values.token, values.hook_path]);
  });

  it('are refused where the file is damaged, without its text and without replacing it', async () => {
    const path = join(dir, FRP_SECRETS_FILE);
    for (const text of ['', '{"token":"c2VjcmV0', '{}', '{"token":"x","hook_path":"y","egress_keys":[]}']) {
      writeFileSync(path, text);
      await expect(loadFrpSecrets(dir, clock)).rejects.toMatchObject({ code: 'frp_secrets_unreadable' });
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });
});
