import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { MinerRelease } from '../../miners/releases.ts';
import { realClock, type Clock } from '../../platform/clock.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { silentLogger } from '../../platform/logger.ts';
import { tarGz } from '../../test/fakes/archives.ts';
import { ArtifactStore, type ArtifactEvent, type StoreOptions } from './store.ts';

/** No pauses, only turns. */
const clock: Clock = { ...realClock, sleep: () => new Promise((resolve) => setImmediate(resolve)) };
const program = randomBytes(50_000);
const archive = await tarGz([
  { name: 'm-1.0/README', content: 'read me' },
  { name: 'm-1.0/miner', content: program },
]);
const sha256 = createHash('sha256').update(archive).digest('hex');
const never = new AbortController().signal;
const other = 'c'.repeat(64);
const boot = 'b'.repeat(32);

let home: string;
let server: Server;
let base: string;
let release: MinerRelease;
let asked: string[];
let events: ArtifactEvent[];
/** What the server has, by path. */
let files: Map<string, Buffer>;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'spotrig-store-'));
  await mkdir(join(home, 'run'));
  asked = [];
  events = [];
  files = new Map([[`/m1/artifacts/${sha256}`, archive]]);
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const file = files.get(request.url ?? '');
    if (file === undefined) response.writeHead(404).end();
    else response.end(file);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  release = {
    miner: 'm',
    version: '1.0',
    url: `${base}/release.tar.gz`,
    sha256,
    size_bytes: archive.length,
    unpacked_bytes: program.length,
    archive: 'tar.gz',
    member: 'm-1.0/miner',
  };
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => {
    server.close(resolve);
  });
  await rm(home, { recursive: true });
});

function store(more: Partial<StoreOptions> = {}): ArtifactStore {
  return new ArtifactStore({ home, boot, clock, logger: silentLogger, emit: (event) => events.push(event), ...more });
}

async function failure(call: Promise<unknown>): Promise<SpotrigError> {
  const error: unknown = await call.catch((e: unknown) => e);
  if (!(error instanceof SpotrigError)) throw new Error('expected a SpotrigError', { cause: error });
  return error;
}

describe('ensure', () => {
  it('fetches from a mirror, unpacks, and leaves nothing else', async () => {
    const path = await store().ensure(release, [`${base}/m0`, `${base}/m1/`], never);
    expect(path).toBe(join(home, 'artifacts', sha256, 'miner'));
    expect((await readFile(path)).equals(program)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o755);
    expect(await readdir(join(home, 'artifacts', sha256))).toEqual(['.program.json', 'miner']);
    expect(await readdir(join(home, 'partial'))).toEqual([]);
    expect(asked).toEqual([`/m0/artifacts/${sha256}`, `/m1/artifacts/${sha256}`]);
    expect(events).toEqual([{ event: 'artifact_ready', level: 'info', detail: 'm 1.0 is fetched and unpacked' }]);
  });

  it('asks the release page last, and works without a known size', async () => {
    files = new Map([['/release.tar.gz', archive]]);
    const unsized = { ...release, size_bytes: null, unpacked_bytes: null };
    const path = await store().ensure(unsized, [`${base}/m1`], never);
    expect((await readFile(path)).equals(program)).toBe(true);
    expect(asked).toEqual([`/m1/artifacts/${sha256}`, '/release.tar.gz']);
  });

  it('takes a program that is no archive, from mirrors alone where it has no address', async () => {
    const plainSha256 = createHash('sha256').update(program).digest('hex');
    files = new Map([[`/m1/artifacts/${plainSha256}`, program]]);
    const sizes = { size_bytes: null, unpacked_bytes: null };
    const plain: MinerRelease = {
      ...release,
      ...sizes,
      url: null,
      sha256: plainSha256,
      archive: 'plain',
      member: 'frpc',
    };
    const path = await store().ensure(plain, [`${base}/m1`], never);
    expect(path).toBe(join(home, 'artifacts', plainSha256, 'frpc'));
    expect((await readFile(path)).equals(program)).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o755);
  });

  it('asks nobody for what is there', async () => {
    const mirrors = [`${base}/m1`];
    await store().ensure(release, mirrors, never);
    asked = [];
    await store().ensure(release, mirrors, never);
    expect(asked).toEqual([]);
  });

  it('fetches once for two who ask at once', async () => {
    const one = store();
    const mirrors = [`${base}/m1`];
    const paths = await Promise.all([one.ensure(release, mirrors, never), one.ensure(release, mirrors, never)]);
    expect(paths[0]).toBe(paths[1]);
    expect(asked).toHaveLength(1);
  });

  it('heals what kills and virus scanners leave behind', async () => {
    await mkdir(join(home, 'artifacts', sha256), { recursive: true }); // the program was taken out of it
    await mkdir(join(home, 'partial', 'unpack-0123456789ab'), { recursive: true });
    await writeFile(join(home, 'partial', 'unpack-0123456789ab', 'miner'), 'half');
    await writeFile(join(home, 'partial', sha256), archive.subarray(0, 1000));
    const path = await store().ensure(release, [`${base}/m1`], never);
    expect((await readFile(path)).equals(program)).toBe(true);
    expect(await readdir(join(home, 'partial'))).toEqual([]);
  });

  it('needs no network when only unpacking was left to do', async () => {
    await mkdir(join(home, 'partial'));
    await writeFile(join(home, 'partial', sha256), archive);
    await store().ensure(release, [], never);
    expect(asked).toEqual([]);
  });

  it('says who was dropped, and asks all of them again once all are', async () => {
    const wrong = randomBytes(archive.length);
    files = new Map([
      [`/m1/artifacts/${sha256}`, wrong],
      ['/release.tar.gz', wrong],
    ]);
    const one = store();
    const mirrors = [`${base}/m1`];
    const error = await failure(one.ensure(release, mirrors, never));
    expect(error.code).toBe('artifact_unavailable');
    expect(error.message).toContain(`SPOTRIG_MIRRORS`);
    expect(events.map((e) => `${e.event} ${e.detail}`)).toEqual([
      `mirror_dropped ${base}/m1/artifacts/${sha256} is not asked again: gave a file of another digest`,
      `mirror_dropped ${base}/release.tar.gz is not asked again: gave a file of another digest`,
    ]);

    files = new Map([[`/m1/artifacts/${sha256}`, archive]]);
    await one.ensure(release, [`${base}/m1`], never);
  });

  it('does not ask a dropped mirror again in this boot, also after a new start of Node', async () => {
    const wrong = randomBytes(archive.length);
    files = new Map([
      [`/m1/artifacts/${sha256}`, wrong],
      [`/m2/artifacts/${sha256}`, archive],
    ]);
    const mirrors = [`${base}/m1`, `${base}/m2`];
    await store().ensure(release, mirrors, never);
    expect(asked).toHaveLength(2);
    await rm(join(home, 'artifacts'), { recursive: true });
    asked = [];
    await store().ensure(release, mirrors, never);
    expect(asked).toEqual([`/m2/artifacts/${sha256}`]);
    await rm(join(home, 'artifacts'), { recursive: true });
    asked = [];
    await store({ boot: 'c'.repeat(32) }).ensure(release, mirrors, never);
    expect(asked).toHaveLength(2);
  });

  it('fetches a program again that was found to be damaged, and says so', async () => {
    const one = store();
    const path = await one.ensure(release, [`${base}/m1`], never);
    await one.recheck(release, never);
    const flipped = Buffer.from(program);
    flipped.writeUInt8((flipped[1000] ?? 0) ^ 1, 1000);
    await writeFile(path, flipped);
    asked = [];
    await one.ensure(release, [`${base}/m1`], never);
    expect(asked).toEqual([]);
    await one.recheck(release, never);
    expect(events.slice(1).map((e) => `${e.event} ${e.level}`)).toEqual(['artifact_failed error']);
    expect((await readFile(path)).equals(flipped)).toBe(true);
    await one.ensure(release, [`${base}/m1`], never);
    expect((await readFile(path)).equals(program)).toBe(true);
  });

  it('says so when all that is there is in use', async () => {
    await mkdir(join(home, 'artifacts', other), { recursive: true });
    const small = store({ freeBytes: () => Promise.resolve(10_000_000) });
    await small.prune(new Set([other]), never);
    const error = await failure(small.ensure(release, [`${base}/m1`], never));
    expect(error.message).toMatch(/in use; free 7 MB or take a server with a larger disk$/);
  });

  it('refuses to start what the disk cannot hold, and names what could go', async () => {
    await mkdir(join(home, 'artifacts', other), { recursive: true });
    await writeFile(join(home, 'artifacts', other, 'old'), randomBytes(2_000_000));
    const small = store({ freeBytes: () => Promise.resolve(10_000_000) });
    const error = await failure(small.ensure(release, [`${base}/m1`], never));
    expect(error.code).toBe('disk_low');
    expect(error.retryable).toBe(true);
    expect(error.message).toMatch(
      /^m 1\.0 needs 17 MB and 10 MB are free in .*: in .*artifacts could go: cccccccccccc \(3 MB\)$/,
    );
    expect(error.context).toMatchObject({ needed_bytes: archive.length + program.length, free_bytes: 10_000_000 });
    expect(asked).toEqual([]);
  });

  it('does not call a broken archive unavailable', async () => {
    const error = await failure(store().ensure({ ...release, member: 'nope' }, [`${base}/m1`], never));
    expect(error.code).toBe('archive_no_member');
    expect(await readdir(join(home, 'artifacts'))).toEqual([]);
    expect(await readdir(join(home, 'partial'))).toEqual([sha256]);
  });

  it('ends with the signal and keeps the part', async () => {
    const stop = new AbortController();
    server.removeAllListeners('request');
    server.on('request', (_request, response) => {
      response.writeHead(200, { 'content-length': archive.length });
      response.write(archive.subarray(0, 1000), () => stop.abort(new SpotrigError('stopping', 'the order ends')));
    });
    const call = store().ensure(release, [`${base}/m1`], stop.signal);
    expect((await failure(call)).code).toBe('stopping');
    expect(await readdir(join(home, 'partial'))).toEqual([sha256]);
  });
});

describe('prune', () => {
  it('removes what no plan needs, and nothing that is not its own', async () => {
    const one = store();
    await one.ensure(release, [`${base}/m1`], never);
    await mkdir(join(home, 'artifacts', other));
    await writeFile(join(home, 'artifacts', 'notes'), 'mine');
    await writeFile(join(home, 'partial', other), 'part');
    await writeFile(join(home, 'partial', sha256), 'unpacked already');
    await mkdir(join(home, 'partial', 'unpack-0123456789ab'));
    expect(await one.prune(new Set([sha256]), never)).toEqual([other]);
    expect((await readdir(join(home, 'artifacts'))).toSorted()).toEqual([sha256, 'notes'].toSorted());
    expect(await readdir(join(home, 'partial'))).toEqual([]);
  });

  it('keeps a part that is still wanted', async () => {
    await mkdir(join(home, 'partial'));
    await writeFile(join(home, 'partial', sha256), 'part');
    expect(await store().prune(new Set([sha256]), never)).toEqual([]);
    expect(await readdir(join(home, 'partial'))).toEqual([sha256]);
  });

  it('does nothing in an empty home', async () => {
    expect(await store().prune(new Set(), never)).toEqual([]);
  });
});

describe('a program of the image', () => {
  it('takes a program, also through a link', async () => {
    await writeFile(join(home, 'miner'), program, { mode: 0o755 });
    await symlink(join(home, 'miner'), join(home, 'link'));
    await store().preinstalled(join(home, 'link'));
  });

  it('says what is wrong', async () => {
    expect((await failure(store().preinstalled(join(home, 'none')))).code).toBe('miner_missing');
    expect((await failure(store().preinstalled(home))).code).toBe('miner_not_executable');
    await writeFile(join(home, 'plain'), program, { mode: 0o644 });
    const error = await failure(store().preinstalled(join(home, 'plain')));
    expect(error.code).toBe('miner_not_executable');
    expect(error.message).toContain('chmod 755');
  });
});
