import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../platform/logger.ts';
import { egressPortsPath, keepEgressPorts } from './egress-ports.ts';

let home = '';
let next = 0;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'egress-'));
  await mkdir(join(home, 'run'));
  next = 4000;
});
afterEach(() => rm(home, { recursive: true }));

const keep = (names: string[], boot = 'one') =>
  keepEgressPorts({ home, boot, names, logger: silentLogger, freePort: () => Promise.resolve(next++) });

describe('keepEgressPorts', () => {
  it('gives each export a port, and the same one for as long as the boot', async () => {
    expect([...(await keep(['pool-a', 'collector', 'pool-a']))]).toEqual([
      ['pool-a', 4000],
      ['collector', 4001],
    ]);
    expect((await stat(egressPortsPath(home))).mode & 0o777).toBe(0o600);
    expect([...(await keep(['collector', 'pool-b']))]).toEqual([
      ['collector', 4001],
      ['pool-b', 4002],
    ]);
    expect([...(await keep(['pool-a']))]).toEqual([['pool-a', 4000]]);
    expect([...(await keep(['pool-a'], 'two'))]).toEqual([['pool-a', 4003]]);
  });

  it('takes no port twice, and none from a file that is torn or not its own', async () => {
    await writeFile(egressPortsPath(home), '{"boot":"one","ports":{"pool-a":4000,"pool-b":99999,"Bad":1}}');
    expect([...(await keep(['pool-b', 'pool-a']))]).toEqual([
      ['pool-b', 4001],
      ['pool-a', 4000],
    ]);
    for (const text of ['{"boot":"one","po', '[]', 'null', '{"boot":"one","ports":null}']) {
      await writeFile(egressPortsPath(home), text);
      expect((await keep(['pool-a'])).get('pool-a')).toBeGreaterThan(4001);
    }
  });

  it('writes nothing where no export is named, and works where nothing can be written', async () => {
    expect((await keep([])).size).toBe(0);
    await expect(stat(egressPortsPath(home))).rejects.toThrow('ENOENT');
    await rm(join(home, 'run'), { recursive: true });
    expect((await keep(['pool-a'])).get('pool-a')).toBe(4000);
  });
});
