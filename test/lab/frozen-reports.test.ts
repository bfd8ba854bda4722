// Reports pass a wire that freezes every connection after 25 packets or 16 KB, both directions together, over https: each report has a
// connection of its own and is answered below the threshold, so not one of them is sent twice. (Now and then
// the last packets of a connection's end come after it, and are missed by nobody.)
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../rig/fleet.ts';
import { SERVER_ADDRESS, startFrozenWire, type Freeze } from './frozen-wire.ts';

const SPOTRIG = resolve('bin/spotrig.js');
const PORT = 8443;
const WORKER = 'rig-frozen';
let dir: string;
let token: string;

describe.skipIf(process.getuid?.() !== 0)('reports over a wire that freezes connections (root makes it)', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-frozen-reports-'));
    const subject = ['-subj', '/CN=lab', '-addext', `subjectAltName=IP:${SERVER_ADDRESS}`, '-days', '2'];
    const files = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
    await execa('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', ...subject, ...files]);
    const mint = ['token', 'mint', '--worker', WORKER, '--data', join(dir, 'data')];
    token = (await execa(process.execPath, [SPOTRIG, ...mint])).stdout.trim();
  });

  afterAll(() => rm(dir, { recursive: true, force: true }));

  const freezes: Freeze[] = [
    { after: 'packets', limit: 25, delayMs: 20 },
    { after: 'bytes', limit: 16_384, delayMs: 20 },
  ];

  it.each(freezes)('frozen after $limit $after', async (freeze) => {
    const wire = await startFrozenWire(freeze);
    try {
      const env = { PATH: process.env['PATH'] ?? '', SPOTRIG_ADMIN_TOKEN: 'a'.repeat(32) };
      let words = '';
      const listen = ['--listen', `${SERVER_ADDRESS}:${PORT}`, '--data', join(dir, 'data')];
      const tls = ['--tls-cert', join(dir, 'cert.pem'), '--tls-key', join(dir, 'key.pem')];
      wire
        .start('server', [process.execPath, SPOTRIG, 'collector', ...listen, ...tls], env)
        .on('data', (data: Buffer) => (words += data.toString()));
      await until('the collector', 20_000, () => Promise.resolve(words.includes('collector listens') ? true : null));
      const order = {
        ...{ collector: `https://${SERVER_ADDRESS}:${PORT}`, token, worker: WORKER },
        home: join(dir, `home-${freeze.after}`),
      };
      let said = '';
      wire
        .start('worker', [process.execPath, resolve('test/lab/send-reports.ts')], {
          ...{ PATH: process.env['PATH'] ?? '', LAB_UPLINK: JSON.stringify(order) },
          NODE_EXTRA_CA_CERTS: join(dir, 'cert.pem'),
        })
        .on('data', (data: Buffer) => (said += data.toString()));
      const sent = await until('all reports', 60_000, () =>
        Promise.resolve(/^sent in (\d+) ms, (\d+) reports$/m.exec(said)),
      );
      console.log(`lab: ${freeze.limit} ${freeze.after}: ${sent[0]}, ${wire.frozen()} connections froze`);
      expect(Number(sent[2])).toBeGreaterThan(3);
      expect(said).not.toContain('collector failed');
      expect(wire.frozen(), said).toBeLessThan(Number(sent[2]) / 3);
    } finally {
      await wire.close();
    }
  });
});
