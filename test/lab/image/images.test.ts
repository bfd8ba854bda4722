// Our images: built as `npm run images` does it, checked, run and killed. The miner in nvidia is a stand-in here.
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MinerRelease } from '../../../miners/releases.ts';
import { practiceMinerProgram } from '../../../scripts/images/stand-in.ts';
import { HEAD_BYTES, sha256Of } from '../../../scripts/release/head.ts';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import { buildRelease } from '../../../scripts/release/release.ts';
import { tarGz } from '../../fakes/archives.ts';
import { FakeRegistry } from '../../fakes/registry.ts';
import { until } from '../../rig/fleet.ts';
import { LAB_IMAGES_BASE, startContainer, type Container } from '../docker.ts';
import {
  noteStages,
  npmRunImages,
  PREFIX,
  RELEASE,
  removeImages,
  startImageLab,
  type ImageLab,
  type ImagesRun,
} from './image-lab.ts';

let lab: ImageLab;
let dir: string;
let built: ImagesRun;
let registry: FakeRegistry;
/** Flags for images whose Node is a stand-in of some bytes: what takes time is saving and compressing the real one. */
let small: string[];
let containers: Container[];

beforeAll(async () => {
  lab = await startImageLab();
  dir = await mkdtemp(join(tmpdir(), 'spotrig-images-'));
  registry = await new FakeRegistry().listen();
  const runtimePath = join(dir, 'stand-in-node.sh');
  await writeFile(runtimePath, '#!/bin/sh\necho v0.0.0\n');
  const release = join(dir, 'release');
  await buildRelease({ out: release, xz: 'off', runtimePath, cacheDir: join(dir, 'cache'), log: () => undefined });
  small = ['--release', release, '--prefix', `${PREFIX}small-`];
  built = await npmRunImages(['--engine', 'docker', '--stand-in']);
});

afterEach(async () => {
  for (const container of containers ?? []) await container.remove();
  containers = [];
});

afterAll(async () => {
  registry?.close();
  await lab?.close();
  await removeImages();
  if (dir !== undefined) await rm(dir, { recursive: true, force: true });
});

function ref(name: string): string {
  const image = built.outcome?.images.find((i) => i.name === name);
  if (image === undefined) throw new Error(`${name} was not built: ${built.stderr}`);
  return image.ref;
}

async function inspect(
  name: string,
): Promise<{ Size: number; Config: { User: string; Env: string[]; Labels: object } }> {
  const { stdout } = await execa('docker', ['image', 'inspect', ref(name)]);
  return (JSON.parse(stdout) as Awaited<ReturnType<typeof inspect>>[])[0] ?? Promise.reject(new Error('no answer'));
}

async function inImage(name: string, script: string): Promise<string> {
  return (await execa('docker', ['run', '--rm', '--network', 'none', ref(name), 'sh', '-c', script])).stdout;
}

async function boot(name: string, env: Record<string, string>, files: Record<string, string> = {}): Promise<Container> {
  const container = await startContainer({ name: `${PREFIX}${name}`, image: ref(name), env, files });
  containers = [...(containers ?? []), container];
  return container;
}

describe('npm run images', () => {
  it('builds all four on a debootstrap base, and all pass the check to the byte', async () => {
    expect(built.stderr).toContain('debug: checking its size');
    expect(built.exitCode).toBe(0);
    expect(built.outcome?.images.map(({ name }) => name)).toEqual(['worker', 'nvidia', 'cpu', 'debug']);
    for (const { name, report } of built.outcome?.images ?? []) {
      expect(report, name).toMatchObject({ verdict: 'ok', faults: [] });
      expect(report.sizes?.classic_bytes, name).toBe((await inspect(name)).Size);
    }
  });

  it('labels them, leaves no list or cache of apt in them, and runs them as a user', async () => {
    const expected = {
      'org.opencontainers.image.revision': built.outcome?.revision,
      'org.opencontainers.image.version': built.outcome?.version,
      'org.opencontainers.image.created': new Date((built.outcome?.epoch_s ?? 0) * 1000)
        .toISOString()
        .replace('.000', ''),
    };
    for (const name of ['worker', 'nvidia', 'cpu', 'debug']) {
      const { Config } = await inspect(name);
      expect(Config.Labels, name).toMatchObject(expected);
      expect(Config.User, name).toBe(name === 'debug' ? 'root' : 'spotrig');
      expect(Config.Env, name).toContain('NVIDIA_DRIVER_CAPABILITIES=compute,utility');
      expect(Config.Env, name).toContain(`NVIDIA_VISIBLE_DEVICES=${name === 'cpu' ? 'void' : 'all'}`);
      const leftovers = 'find /var/lib/apt/lists /var/cache/apt /var/log /tmp /release -type f 2>/dev/null || true';
      expect(await inImage(name, leftovers), name).toBe('');
    }
  });

  it('has the runtime stripped and ready, and what a GPU miner asks of the image', async () => {
    expect(
      await inImage('worker', 'ls /var/lib/spotrig/artifacts/*/node && stat -c %u:%g /opt/spotrig/entrypoint.sh'),
    ).toMatch(/^\/var\/lib\/spotrig\/artifacts\/[0-9a-f]{64}\/node\n10001:10001$/);
    expect(
      await inImage('nvidia', 'cat /etc/OpenCL/vendors/nvidia.icd; readlink /usr/lib/x86_64-linux-gnu/libnvidia-ml.so'),
    ).toBe('libnvidia-opencl.so.1\nlibnvidia-ml.so.1');
    expect(await inImage('nvidia', 'ls /usr/lib/x86_64-linux-gnu/libOpenCL.so.1; ls /tmp')).not.toContain('archive');
    expect(await inImage('cpu', 'xmrig --version')).toContain('XMRig');
    expect(
      await inImage('debug', 'for p in htop nvtop sshd; do command -v $p; done; ls /etc/ssh; /opt/frpc/frpc --version'),
    ).toMatch(/htop\n.*nvtop\n.*sshd\n(?!.*host_key)[^]*\n0\.\d+\.\d+$/);
  });

  it('pushes nothing when one is over its limit, and says what', async () => {
    const padded = `${PREFIX}padded-base:1`;
    const dockerfile = `FROM ${LAB_IMAGES_BASE}\nRUN head -c 380000000 /dev/zero >/padding\n`;
    await execa('docker', ['build', '--tag', padded, '-'], { input: dockerfile, env: { DOCKER_BUILDKIT: '0' } });
    const flags = ['--engine', 'docker', '--only', 'worker', '--base', padded, ...small];
    const run = await npmRunImages([...flags, '--push', `${registry.host}/me/spotrig`]);
    expect(run.exitCode).toBe(1);
    expect(run.outcome?.images.map(({ name, report }) => [name, report.verdict])).toEqual([['worker', 'over']]);
    expect(run.outcome?.pushed).toEqual([]);
    expect(run.stderr).toContain('worker failed the size check; nothing was pushed');
    expect(registry.requests).toBe(0);
  });

  it('pushes what passed, in gzip layers', async () => {
    const run = await npmRunImages([
      '--engine',
      'docker',
      '--only',
      'worker',
      ...small,
      '--push',
      `${registry.host}/me/spotrig`,
    ]);
    expect(run.stderr).not.toContain('failed');
    expect(run.exitCode).toBe(0);
    expect(run.outcome?.pushed).toEqual([`${registry.host}/me/spotrig-worker:${run.outcome?.version}`]);
    const layers = registry.manifests.flatMap((manifest) => manifest.layers);
    expect(layers.length).toBe(run.outcome?.images[0]?.report.layers.length);
    for (const { mediaType, digest } of layers) {
      expect(mediaType).toMatch(/gzip$/);
      expect(registry.blobs.get(digest)?.magic).toMatch(/^1f8b/);
    }
  });
});

describe('the miner that is baked into nvidia', () => {
  /** An archive of one program under a pin of the test's own. */
  async function pinned(program: Buffer): Promise<string[]> {
    const bytes = await tarGz([{ name: 't-rex', content: program }]);
    const pin: MinerRelease = {
      ...{ miner: 't-rex', version: '0.0.1', sha256: sha256Of(bytes), size_bytes: null, unpacked_bytes: null },
      ...{ url: 'https://example.org/stand-in-linked.tar.gz', archive: 'tar.gz', member: 't-rex' },
    };
    await writeFile(join(dir, 'archive.tar.gz'), bytes);
    await writeFile(join(dir, 'pins.json'), JSON.stringify([pin]));
    return [
      '--engine',
      'docker',
      '--only',
      'nvidia',
      '--miner',
      join(dir, 'archive.tar.gz'),
      '--pins',
      join(dir, 'pins.json'),
      ...small,
    ];
  }
  /** A program of this machine that needs a library which the image lacks. */
  const curl = (): Promise<Buffer> => readFile('/usr/bin/curl');

  it('is refused where a library is lacking', async () => {
    const run = await npmRunImages(await pinned(await curl()));
    expect(run.exitCode).toBe(1);
    for (const part of ['needs what this image lacks', 'libcurl.so.4 => not found']) expect(run.stderr).toContain(part);
    expect(run.stderr).not.toContain('libz.so.1 => not found');
  });

  it('may lack the driver’s library, and nothing else', async () => {
    // The names are of the same length, so the program stays one.
    const asCuda = Buffer.from((await curl()).toString('latin1').replaceAll('libcurl.so.4', 'libcuda.so.1'), 'latin1');
    const run = await npmRunImages(await pinned(asCuda));
    expect(run.stderr).not.toContain('lacks');
    expect(run.exitCode).toBe(0);
  });

  it('is refused by the build itself where the bytes are not the digest’s', async () => {
    await pinned(Buffer.from('#!/bin/sh\n'));
    const args = { WORKER: ref('worker'), MINER: 't-rex', MINER_ARCHIVE: 'archive.tar.gz', MINER_MEMBER: 't-rex' };
    const words = Object.entries({ ...args, MINER_SHA256: 'a'.repeat(64) }).flatMap(([k, v]) => [
      '--build-arg',
      `${k}=${v}`,
    ]);
    const file = ['--file', join('images/nvidia/Dockerfile')];
    const run = await execa('docker', ['build', '--force-rm', ...file, ...words, dir], {
      reject: false,
      all: true,
      env: { DOCKER_BUILDKIT: '0' },
    });
    noteStages(run.all);
    expect(run.exitCode).not.toBe(0);
    expect(run.all).toContain('is not the archive that was pinned');
  });

  it('is refused before any build where it is not pinned', async () => {
    const flags = await pinned(await curl());
    await writeFile(join(dir, 'pins.json'), '[]');
    const run = await npmRunImages(flags);
    expect(run.exitCode).toBe(1);
    expect(run.stderr).toContain('is no pinned release');
    expect(run.stderr).not.toContain('building');
  });

  it('mines as the image presets it', async () => {
    const env = { ...(await lab.order('lab-nvidia')) };
    await boot('nvidia', env);
    expect(await lab.hashing('lab-nvidia')).toMatchObject({ miner: 't-rex', rejected: 0 });
  });
});

describe('the worker image', () => {
  const MINER = '/opt/t-rex';
  const BAKED = '/opt/spotrig/entrypoint.sh';
  const FETCHED = '/opt/spotrig/onstart.sh';

  async function bootWorker(worker: string, env: Record<string, string>): Promise<Container> {
    const program = join(dir, 't-rex');
    await writeFile(program, await practiceMinerProgram());
    await chmod(program, 0o755);
    const order = { ...(await lab.order(worker)), SPOTRIG_MINER: `t-rex@${MINER}`, ...env };
    return await boot('worker', order, { [program]: MINER });
  }

  /** Kills the container, damages the script on its disk, and starts it again: it must hash again, with the whole script. */
  async function killDamageStart(o: {
    container: Container;
    worker: string;
    script: string;
    damage: (whole: Buffer) => Buffer;
  }): Promise<void> {
    const whole = await readFile(join(RELEASE, 'entrypoint.sh'));
    const { boot: before } = await lab.hashing(o.worker);
    await o.container.kill();
    const local = join(dir, 'damaged.sh');
    const damaged = o.damage(Buffer.from(whole));
    await writeFile(local, damaged);
    await chmod(local, 0o755);
    await o.container.put(local, o.script);
    await o.container.start();
    await lab.hashing(o.worker, before);
    const sum = async (): Promise<string> => (await o.container.exec('sha256sum', o.script)).slice(0, 64);
    // The head is healed; the payload behind it is an artefact by then.
    const healed = whole.subarray(0, HEAD_BYTES);
    expect(await sum()).toBe(sha256Of(healed));
  }

  const flipped = (whole: Buffer): Buffer => {
    whole[2000] = (whole[2000] ?? 0) ^ 1;
    return whole;
  };
  const cut = (whole: Buffer): Buffer => whole.subarray(0, 3000);

  it('boots from its baked script, and again after docker kill, without a download', async () => {
    const container = await bootWorker('lab-baked', {});
    const first = await lab.hashing('lab-baked');
    await container.kill();
    await container.start();
    const second = await lab.hashing('lab-baked', first.boot);
    expect(second).toMatchObject({ miner: 't-rex', rejected: 0 });
    const log = await container.exec('cat', '/var/lib/spotrig/log/head.log');
    expect(log.split('\n').filter((line) => line.includes('start, boot'))).toHaveLength(2);
    expect(log).not.toContain(' bytes, ');
    expect(await container.exec('sh', '-c', 'stat -c %U /proc/[0-9]*/exe 2>/dev/null | sort -u')).toBe('spotrig');
  });

  it('heals its baked script from a mirror', async () => {
    const container = await bootWorker('lab-heals', { SPOTRIG_MIRRORS: lab.mirror });
    const at = { container, worker: 'lab-heals', script: BAKED };
    await killDamageStart({ ...at, damage: flipped });
    await killDamageStart({ ...at, damage: cut });
  });

  it('does as CLORE’s image where DELEGATED_ENTRYPOINT is set, and heals what was fetched', async () => {
    const container = await bootWorker('lab-delegated', { DELEGATED_ENTRYPOINT: `${lab.mirror}/entrypoint.sh` });
    await lab.hashing('lab-delegated');
    expect(await container.exec('cat', FETCHED)).toBe(
      (await readFile(join(RELEASE, 'entrypoint.sh'), 'utf8')).trimEnd(),
    );
    await killDamageStart({ container, worker: 'lab-delegated', script: FETCHED, damage: cut });
  });
});

describe('the debug image', () => {
  it('lets its owner in by ssh as root, beside a worker that is not root', async () => {
    const key = join(dir, 'key');
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
    const port = String(await freeLoopbackPort());
    const container = await boot('debug', {
      ...(await lab.order('lab-debug')),
      ...{
        SSH_KEY: await readFile(`${key}.pub`, 'utf8'),
        SSH_LISTEN: `127.0.0.1:${port}`,
        SPOTRIG_MINER: 't-rex@/nowhere',
      },
    });
    const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'BatchMode=yes', 'LogLevel=ERROR'];
    const words = ['-i', key, '-p', port, ...options.flatMap((option) => ['-o', option]), 'root@127.0.0.1'];
    const who = await until('a shell', 60_000, async () => {
      const { stdout, failed } = await execa('ssh', [...words, 'id -u; command -v htop'], { reject: false });
      return failed ? null : stdout;
    });
    expect(who).toBe('0\n/usr/bin/htop');
    await until('the worker’s first report', 60_000, () => lab.row('lab-debug'));
    const node = 'stat -c %U $(dirname $(grep -l main[.]cjs /proc/[0-9]*/cmdline))';
    expect(await container.exec('sh', '-c', node)).toBe('spotrig');
    // The worker's user may look at process 1, and finds no password of the owner there.
    const environ = await container.exec(
      'setpriv',
      '--reuid=spotrig',
      '--regid=spotrig',
      '--init-groups',
      'cat',
      '/proc/1/environ',
    );
    expect(environ).toContain('SPOTRIG_MINER=');
    expect(environ).not.toContain('SSH_KEY=');
  });
});

describe('buildah', () => {
  it('makes the same image twice from one commit', async ({ skip }) => {
    if ((await execa('buildah', ['--version'], { reject: false })).failed) skip('buildah is not installed here');
    const base = join(dir, 'base.tar');
    await execa('docker', ['save', '--output', base, LAB_IMAGES_BASE]);
    const digests: (string | null | undefined)[] = [];
    for (const storage of ['one', 'two']) {
      const conf = join(dir, `${storage}.conf`);
      const root = join(dir, storage);
      await writeFile(conf, `[storage]\ndriver = "overlay"\ngraphroot = "${root}/graph"\nrunroot = "${root}/run"\n`);
      const env = { BUILDAH_ISOLATION: 'chroot', CONTAINERS_STORAGE_CONF: conf };
      const flags = ['--engine', 'buildah', '--only', 'worker', '--base', `docker-archive:${base}`, ...small];
      const run = await npmRunImages(flags, env);
      expect(run.exitCode, run.stderr).toBe(0);
      const image = run.outcome?.images[0];
      digests.push(image?.digest);
      expect(image?.report.layers.length).toBeGreaterThan(1);
      for (const { compression, blob_digest } of image?.report.layers ?? [])
        expect(compression, blob_digest).toBe('gzip');
      await execa('buildah', ['rmi', '--all', '--force'], { env });
    }
    expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(digests[1]).toBe(digests[0]);
  });
});
