// A disk that is full at any single write: what the store leaves is complete or absent, and the next call finishes the work.
import { createHash, randomBytes } from 'node:crypto';
import type * as fs from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it, vi } from 'vitest';
import type { MinerRelease } from '../../miners/releases.ts';
import { realClock, type Clock } from '../../platform/clock.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { silentLogger } from '../../platform/logger.ts';
import { tarGz } from '../../test/fakes/archives.ts';
import { ArtifactStore } from './store.ts';

const real = await vi.importActual<typeof fs>('node:fs/promises');

/** Calls that need room, in the order in which they are made; the one with this number finds none. */
const disk = vi.hoisted(() => ({ calls: 0, fullAt: Infinity, name: '' }));

vi.mock('node:fs/promises', async (importActual) => {
  const actual = await importActual<typeof fs>();
  const limited = <A extends unknown[], R>(name: string, call: (...args: A) => Promise<R>) => {
    return async (...args: A): Promise<R> => {
      if (++disk.calls === disk.fullAt) {
        disk.name = name;
        throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
      }
      return call(...args);
    };
  };
  return {
    ...actual,
    mkdir: limited('mkdir', actual.mkdir),
    rename: limited('rename', actual.rename),
    open: async (path: string, flags: string, mode?: number) => {
      const file = await (flags === 'r' ? actual.open : limited(`open ${flags}`, actual.open))(path, flags, mode);
      for (const name of ['appendFile', 'writeFile', 'sync', 'truncate'] as const) {
        const call = file[name].bind(file) as (...args: unknown[]) => Promise<void>;
        Object.assign(file, { [name]: limited(name, call) });
      }
      return file;
    },
  };
});

const clock: Clock = { ...realClock, sleep: () => new Promise((resolve) => setImmediate(resolve)) };
/** So small that it comes in one chunk: the writes are then the same each time. */
const program = randomBytes(5_000);
const archive = await tarGz([{ name: 'miner', content: program }]);
const sha256 = createHash('sha256').update(archive).digest('hex');
const server = createServer((_request, response) => response.end(archive));
await new Promise<void>((resolve) => {
  server.listen(0, '127.0.0.1', resolve);
});
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/miner.tar.gz`;
const release: MinerRelease = {
  ...{ miner: 'm', version: '1.0', url, sha256, archive: 'tar.gz', member: 'miner' },
  ...{ size_bytes: archive.length, unpacked_bytes: program.length },
};
const never = new AbortController().signal;
let home = '';

afterEach(async () => {
  disk.fullAt = Infinity;
  await real.rm(home, { recursive: true });
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

async function ensure(): Promise<string> {
  const options = { home, boot: 'b'.repeat(32), clock, logger: silentLogger, emit: () => undefined };
  return new ArtifactStore({ ...options, freeBytes: () => Promise.resolve(1e9) }).ensure(release, [], never);
}

it('is told as disk_low, leaves nothing half, and is healed by the next call, at whichever write it happens', async () => {
  const names: string[] = [];
  for (let n = 1; ; n++) {
    home = await real.mkdtemp(join(tmpdir(), 'spotrig-full-'));
    await real.mkdir(join(home, 'run'));
    Object.assign(disk, { calls: 0, fullAt: n, name: '' });
    const error: unknown = await ensure().then(
      () => null,
      (e: unknown) => e,
    );
    if (disk.name === '') break; // there were fewer writes
    names.push(disk.name);
    if (error !== null) {
      expect(error).toBeInstanceOf(SpotrigError);
      expect(error).toMatchObject({ code: 'disk_low', retryable: true });
    }
    for (const name of await real.readdir(join(home, 'artifacts')).catch(() => [])) {
      expect(name).toBe(sha256);
      expect((await real.readdir(join(home, 'artifacts', name))).toSorted()).toEqual(['.program.json', 'miner']);
    }
    disk.fullAt = Infinity;
    expect((await real.readFile(await ensure())).equals(program)).toBe(true);
    expect((await real.readdir(join(home, 'partial'))).filter((name) => name.startsWith('unpack-'))).toEqual([]);
    await real.rm(home, { recursive: true });
  }
  const kinds = ['mkdir', 'open a+', 'truncate', 'appendFile', 'open wx', 'sync', 'writeFile', 'rename'];
  expect(new Set(names)).toEqual(new Set(kinds));
});
