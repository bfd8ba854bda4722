// Behind a filter that lets every connection freeze after 16 KB, or after 25 packets: a cold start still completes, over http and
// https. The head is the real one and fetches the payload and the runtime; Node then fetches a miner's archive by the real store.
// The runtime is a stand-in of some 300 KB that hands over to the Node of the tests, because a real one takes too long for a test
// on such a link (at about 100 KB a second).
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { MinerRelease } from '../../miners/releases.ts';
import type { Manifest } from '../../scripts/release/manifest.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { tarGz } from '../fakes/archives.ts';
import { until } from '../rig/fleet.ts';
import { SERVER_ADDRESS, startFrozenWire, type Freeze } from './frozen-wire.ts';

const program = randomBytes(400_000);
let dir: string;
let manifest: Manifest;
let miner: MinerRelease;

describe.skipIf(process.getuid?.() !== 0)('a wire that freezes connections (root makes it)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-freeze-'));
    const runtimePath = join(dir, 'stand-in-node');
    const start = `#!/bin/bash\nexec ${process.execPath} "$@"\nexit\n`;
    await writeFile(runtimePath, Buffer.concat([Buffer.from(start), randomBytes(300_000)]));
    const settingsPath = join(dir, 'release.toml');
    await writeFile(settingsPath, 'mirrors = []\nnode_flags = ["--max-semi-space-size=1"]\n');
    manifest = await buildRelease({
      ...{ out: join(dir, 'dist'), entry: 'test/lab/fetch-payload.ts', xz: 'make', log: () => undefined },
      ...{ settingsPath, runtimePath, cacheDir: join(dir, 'cache') },
    });
    const archive = await tarGz([{ name: 'miner', content: program }]);
    const sha256 = createHash('sha256').update(archive).digest('hex');
    await writeFile(join(dir, 'dist/artifacts', sha256), archive);
    miner = {
      ...{ miner: 'm', version: '1.0', url: 'http://127.0.0.1:9/m.tar.gz', archive: 'tar.gz', member: 'miner' },
      ...{ sha256, size_bytes: archive.length, unpacked_bytes: program.length },
    };
    const subject = ['-subj', '/CN=lab', '-addext', `subjectAltName=IP:${SERVER_ADDRESS}`, '-days', '2'];
    const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
    await execa('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files]);
    await writeFile(join(dir, 'wgetrc'), `ca_certificate = ${join(dir, 'cert.pem')}\n`);
  });

  afterAll(() => rm(dir, { recursive: true, force: true }));

  const cases: { scheme: 'http' | 'https'; freeze: Freeze }[] = (['http', 'https'] as const).flatMap((scheme) => [
    { scheme, freeze: { after: 'bytes', limit: 16_384, delayMs: 20 } },
    { scheme, freeze: { after: 'packets', limit: 25, delayMs: 20 } },
  ]);

  it.concurrent.each(cases)('$scheme, frozen after $freeze.limit $freeze.after', async ({ scheme, freeze }) => {
    const wire = await startFrozenWire(freeze);
    const place = join(dir, `${scheme}-${freeze.after}`);
    const home = join(place, 'home');
    try {
      await mkdir(home, { recursive: true });
      let requests = '';
      const mirror = wire.start(
        'server',
        [process.execPath, resolve('test/lab/mirror-process.ts'), join(dir, 'dist'), SERVER_ADDRESS, dir],
        { PATH: process.env['PATH'] ?? '' },
      );
      mirror.on('data', (data: Buffer) => (requests += data.toString()));
      await until('the mirror', 20_000, () => Promise.resolve(requests.includes('ready') ? true : null));
      const base = `${scheme}://${SERVER_ADDRESS}:${scheme === 'http' ? 8080 : 8443}`;
      const ca = join(dir, 'cert.pem');
      const begun = performance.now();
      wire.start('worker', ['/bin/bash', resolve('test/contract/delegated-entrypoint.sh')], {
        ...{ PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ONSTART: join(place, 'onstart.sh') },
        ...{ RETRY_SLEEP_S: '1', DELEGATED_ENTRYPOINT: `${base}/loader.sh`, SPOTRIG_MIRRORS: base, SPOTRIG_HOME: home },
        ...{ WGETRC: join(dir, 'wgetrc'), CURL_CA_BUNDLE: ca, SSL_CERT_FILE: ca, NODE_EXTRA_CA_CERTS: ca },
        LAB_RELEASE: JSON.stringify(miner),
      });
      const result = await until(
        'a fetched miner',
        240_000,
        async () =>
          JSON.parse(await readFile(join(home, 'result.json'), 'utf8').catch(() => 'null')) as { path?: string } | null,
      );
      const seconds = ((performance.now() - begun) / 1000).toFixed(0);
      console.log(
        `lab: ${scheme}, ${freeze.limit} ${freeze.after}: cold start ${seconds} s, ${wire.frozen()} connections froze`,
      );
      expect((await readFile(result.path ?? JSON.stringify(result))).equals(program)).toBe(true);
      expect(wire.frozen()).toBeGreaterThanOrEqual(3);
      // Payload, runtime and miner each were tried whole first, and came by ranges.
      const runtime = manifest.files.find((f) => f.what === 'Node runtime, xz')?.name ?? '';
      const payload = manifest.files.find((f) => f.what.startsWith('payload'))?.name ?? '';
      for (const name of [payload, runtime, `artifacts/${miner.sha256}`]) {
        expect(requests, name).toMatch(new RegExp(`^${scheme} /${name} bytes=\\d+-\\d+$`, 'm'));
      }
    } finally {
      await wire.close();
    }
  });
});
