import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseSizePolicy, readSizePolicy } from './policy.ts';

describe('a size policy', () => {
  it('is CCR’s limit where the file says nothing', () => {
    expect(parseSizePolicy('', 'size.toml')).toEqual({ limit_bytes: 600_000_000, warn_percent: 95 });
  });

  it('is what the file says', () => {
    const text = 'limit_bytes = 400_000_000\nwarn_percent = 90\nwaste_bytes_max = 0\n';
    expect(parseSizePolicy(text, 'size.toml')).toEqual({
      limit_bytes: 400_000_000,
      warn_percent: 90,
      waste_bytes_max: 0,
    });
  });

  it.each([
    ['limit_bytes = 0', 'limit_bytes'],
    ['limit_bytes = "600MB"', 'limit_bytes'],
    ['limit = 1', 'limit'],
    ['warn_percent = 101', 'warn_percent'],
    ['waste_bytes_max = -1', 'waste_bytes_max'],
    ['limit_bytes =', 'is not TOML'],
  ])('refuses %s and names it', (text, named) => {
    expect(() => parseSizePolicy(text, 'images/cpu/size.toml')).toThrow(
      expect.objectContaining({ code: 'size_policy', message: expect.stringContaining(named) as unknown }) as Error,
    );
  });

  it('comes from a file; one that is not there is named', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'spotrig-policy-'));
    try {
      await writeFile(join(dir, 'size.toml'), 'limit_bytes = 5\n');
      expect((await readSizePolicy(join(dir, 'size.toml'))).limit_bytes).toBe(5);
      await expect(readSizePolicy(join(dir, 'none.toml'))).rejects.toMatchObject({ code: 'size_policy' });
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
