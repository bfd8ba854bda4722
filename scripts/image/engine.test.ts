// Against a fake engine: the real ones are in the lab.
import { mkdtemp, rm } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tar } from '../../test/fakes/archives.ts';
import { savedArchive } from '../../test/fakes/images.ts';
import { checkImage } from './check.ts';
import { engineAddress } from './engine.ts';

let dir: string;
let server: Server | null = null;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-engine-'));
});

afterEach(async () => {
  server?.close();
  server = null;
  await rm(dir, { recursive: true });
});

interface FakeEngine {
  size_bytes: number;
  driverStatus?: string[][];
  component?: string;
  archive: Buffer;
  /** The connection breaks after this many bytes of the archive. */
  cutAt?: number;
}

/** The environment in which it is found. */
async function fakeEngine(o: FakeEngine): Promise<{ DOCKER_HOST: string }> {
  const path = join(dir, 'engine.sock');
  const answers: Record<string, object> = {
    '/images/team/x%3A1/json': { Id: 'sha256:0', Size: o.size_bytes },
    '/info': { Driver: 'overlay2', DriverStatus: o.driverStatus ?? [['Backing Filesystem', 'extfs']] },
    '/version': { Version: '28.0.0', Components: [{ Name: o.component ?? 'Engine' }] },
  };
  server = createServer((request, response) => {
    const answer = answers[request.url ?? ''];
    if (answer !== undefined) response.end(JSON.stringify(answer));
    else if (request.url !== '/images/team/x%3A1/get') {
      response.statusCode = request.url?.includes('busy') === true ? 500 : 404;
      response.end(JSON.stringify({ message: 'the engine is busy' }));
    } else if (o.cutAt === undefined) response.end(o.archive);
    else response.write(o.archive.subarray(0, o.cutAt), () => response.destroy());
  });
  await new Promise<void>((resolve) => server?.listen(path, resolve));
  return { DOCKER_HOST: `unix://${path}` };
}

async function archive(): Promise<Buffer> {
  const link = { name: 'l', type: 'symlink' as const, linkname: 'a' };
  return await savedArchive({ layers: [await tar([{ name: 'a', content: Buffer.alloc(70_000, 1) }, link])] });
}

describe('an image in an engine', () => {
  it('is read through the socket, and what the engine shows is said where it differs', async () => {
    const env = await fakeEngine({ size_bytes: 70_000, archive: await archive() });
    expect(await checkImage('team/x:1', { env })).toMatchObject({
      ...{ verdict: 'ok', sizes: { classic_bytes: 70_001 } },
      engine: { name: 'docker 28.0.0', driver: 'overlay2', store: 'classic', size_bytes: 70_000 },
      notes: ['the engine itself shows 70000 bytes (-1 against the count)'],
    });
  });

  it('is the same from containerd’s store and from podman, whose figures are other ones', async () => {
    const driverStatus = [['driver-type', 'io.containerd.snapshotter.v1']];
    const env = await fakeEngine({ size_bytes: 9, driverStatus, archive: await archive() });
    expect(await checkImage('docker-daemon:team/x:1', { env })).toMatchObject({
      ...{ engine: { store: 'containerd' }, sizes: { classic_bytes: 70_001 } },
      notes: [expect.stringContaining('containerd')],
    });
    server?.close();
    const podman = await fakeEngine({ size_bytes: 9, component: 'Podman Engine', archive: await archive() });
    expect(await checkImage('team/x:1', { env: podman })).toMatchObject({ engine: { store: 'podman' }, notes: [] });
  });

  it('whose stream breaks off is not taken for whole', async () => {
    const env = await fakeEngine({ size_bytes: 1, archive: await archive(), cutAt: 30_000 });
    await expect(checkImage('team/x:1', { env })).rejects.toMatchObject({ code: 'image_source' });
  });

  it('that is not there, or that the engine does not give, is told in its words', async () => {
    const env = await fakeEngine({ size_bytes: 1, archive: await archive() });
    await expect(checkImage('none:1', { env })).rejects.toMatchObject({ code: 'image_source' });
    await expect(checkImage('busy:1', { env })).rejects.toMatchObject({
      code: 'image_engine',
      message: expect.stringContaining('the engine is busy') as unknown,
    });
  });
});

describe('where the engine is', () => {
  const none = (): boolean => false;

  it('is what DOCKER_HOST says', () => {
    expect(engineAddress({ DOCKER_HOST: 'unix:///x/y.sock' }, none).options).toEqual({ socketPath: '/x/y.sock' });
    expect(engineAddress({ DOCKER_HOST: 'tcp://[::1]:99' }, none).options).toEqual({ host: '::1', port: '99' });
    expect(engineAddress({ DOCKER_HOST: 'tcp://h' }, none)).toMatchObject({ isTls: false, options: { port: '2375' } });
    for (const wrong of ['ssh://h', 'npipe://x', 'unix://relative'])
      expect(() => engineAddress({ DOCKER_HOST: wrong }, none)).toThrow(/DOCKER_HOST/);
    const withTls = { DOCKER_HOST: 'tcp://h:2376', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: '/nowhere' };
    expect(() => engineAddress(withTls, none)).toThrow(/DOCKER_CERT_PATH/);
  });

  it('is else the first socket that is there', () => {
    const podman = '/run/user/7/podman/podman.sock';
    const env = { XDG_RUNTIME_DIR: '/run/user/7' };
    expect(engineAddress(env, () => true).text).toBe('/var/run/docker.sock');
    expect(engineAddress(env, (path) => path === podman).options).toEqual({ socketPath: podman });
    expect(() => engineAddress(env, none)).toThrow(/no engine here/);
  });
});
