// `spotrig connect`, the whole way on loopback: a collector with its hook, the real frps as frps-config makes it, a worker's real frpc, a real sshd behind.
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCollector } from '../../collector/main.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { deriveSecret } from '../../platform/derive.ts';
import { frpBinaries, frpMissing } from '../frp/binaries.ts';
import { type Front, type SshKeys, lacking, startSshd } from '../frp/fronts.ts';
import { type FrpProcess, startFrp } from '../frp/processes.ts';
import { workerTicketOf } from '../fakes/frp-ticket.ts';
import { type Printed, capturePrinted } from '../fakes/printed.ts';
import { envelope, frpRecord } from '../fakes/reports.ts';
import { frpSecretLabel } from '../../wire/frp-names.ts';
import { parseToken } from '../../wire/token.ts';
import { run } from '../../scripts/commands/connect.ts';
import { run as frpsConfig } from '../../scripts/commands/frps-config.ts';
import { run as token } from '../../scripts/commands/token.ts';

const printed: Printed = { out: '', err: '' };

async function cli(...argv: string[]): Promise<[code: number, printed: string]> {
  Object.assign(printed, { out: '', err: '' });
  return [await run(argv), printed.out + printed.err];
}

beforeEach(() => void capturePrinted(printed));

const [noSsh] = await lacking('ssh', 'sshd');
const missing = (await frpMissing()) ?? (noSsh === undefined ? null : `there is no ${noSsh}`);
describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`spotrig connect (${missing ?? 'real frp'})`, () => {
  let dir: string;
  let sshd: Front & SshKeys;
  let worker: FrpProcess;
  let url: string;
  let flags: string[];
  let ended: Promise<number>;
  const stop = new AbortController();
  let frps: FrpProcess;

  beforeAll(async () => {
    capturePrinted(printed);
    const programs = await frpBinaries();
    dir = await mkdtemp(join(tmpdir(), 'spotrig-connect-'));
    const [frpsPort, hookPort, sshPort] = [
      await freeLoopbackPort(),
      await freeLoopbackPort(),
      await freeLoopbackPort(),
    ];
    const closed = await freeLoopbackPort();
    sshd = await startSshd({ dir, host: '127.0.0.1', port: sshPort, permitOpen: null });
    const hostKey = sshd.hostKey.split(' ')[1] ?? '';
    const inSsh = `ssh=root@127.0.0.1:${sshPort}&hostkey=${hostKey}&sshto=${frpsPort}&rungs=ssh`;
    const addresses = [
      `frp://127.0.0.1:${closed}?sni=tun.example.org`,
      `frp://localhost:${frpsPort}?sni=tun.example.org&${inSsh}`,
      `frp://127.0.0.1:${frpsPort}?sni=tun.example.org`,
    ];
    await writeFile(
      join(dir, 'collector.toml'),
      `[frp]\nhook = "127.0.0.1:${hookPort}"\naddresses = ${JSON.stringify(addresses)}\n` +
        `[[frp.egress]]\nname = "pool-a"\ntarget = "127.0.0.1:${sshPort}"\n`,
    );
    const bare = ['--bare', '--egress', '--port', String(frpsPort)];
    expect(await frpsConfig(['--data', dir, '--host', '127.0.0.1,tun.example.org', ...bare])).toBe(0);
    printed.out = '';
    ended = runCollector(['--data', dir, '--listen', '127.0.0.1:0', '--log-level', 'error'], stop.signal);
    await vi.waitFor(() => expect(printed.out).toMatch(/"url":"http/), { timeout: 10_000 });
    url = /"url":"([^"]+)"/.exec(printed.out)?.[1] ?? '';
    const served = parse(await readFile(join(dir, 'frps/frps.toml'), 'utf8'));
    // The dashboard's port is a fixed one, and this machine may have an frps already.
    Object.assign(served['webServer'] as object, { port: await freeLoopbackPort() });
    frps = await startFrp({ program: programs.frps, dir, name: 'frps-under-test', config: served });
    await frps.said(/frps started successfully/);

    printed.out = '';
    expect(await token(['mint', '--worker', 'rig-7', '--data', dir])).toBe(0);
    const minted = printed.out.trim();
    const mac = parseToken(minted)?.mac ?? '';
    const proxy = (name: string) => ({
      ...{ name, type: 'stcp', secretKey: deriveSecret(mac, frpSecretLabel(name)), allowUsers: ['_owner'] },
      ...{ localIP: '127.0.0.1', localPort: sshPort },
    });
    worker = await startFrp({
      ...{ program: programs.frpc, dir, name: 'worker' },
      config: {
        ...{ serverAddr: '127.0.0.1', serverPort: frpsPort, user: 'rig-7', loginFailExit: false },
        auth: { method: 'token', token: await readFile(join(dir, 'frps/token'), 'utf8') },
        transport: { tls: { serverName: 'tun.example.org', trustedCaFile: join(dir, 'frp-ca.pem') } },
        metadatas: { spotrig: workerTicketOf(minted) },
        proxies: [proxy('ssh'), proxy('web')],
      },
    });
    const exposed = ['ssh', 'web', 'gone'].map((name) => ({
      ...{ name, type: 'stcp' as const, local_port: sshPort, remote_port: null, state: 'up' as const, reason: null },
    }));
    const report = envelope({
      worker: 'rig-7',
      sentAt: Date.now(),
      records: [frpRecord(Date.now(), { state: 'up', exposed })],
    });
    const sent = await fetch(`${url}/v1/reports`, {
      ...{ method: 'POST', body: JSON.stringify(report) },
      headers: { authorization: `Bearer ${minted}`, 'content-type': 'application/json' },
    });
    expect(sent.status, await sent.text()).toBeLessThan(300);
    await worker.said(/\[web\] start proxy success/);
    flags = ['--collector', url, '--data', dir, '--frpc', programs.frpc];
  }, 600_000);
  afterAll(async () => {
    stop.abort();
    await worker.kill();
    await sshd.close();
    await frps.kill();
    await ended;
    await rm(dir, { recursive: true, force: true });
  });

  it('runs ssh there, by the address that works, and hands its exit code on', { timeout: 60_000 }, async () => {
    const ssh = ['-F', 'none', '-i', sshd.keyFile, '-o', `UserKnownHostsFile=${dir}/known`];
    const mark = join(dir, 'was-there');
    const words = ['-o', 'BatchMode=yes', '-o', 'StrictHostKeyChecking=accept-new', `echo yes > ${mark}; exit 7`];
    expect(await cli('rig-7', 'ssh', ...flags, '--', ...ssh, ...words)).toEqual([7, expect.stringContaining('by tls')]);
    expect(await readFile(mark, 'utf8')).toBe('yes\n');
    expect(await readFile(join(dir, 'known'), 'utf8')).toMatch(/^rig-7\.spotrig ssh-ed25519 /);
  });

  it('lets the operator’s frpc in, as frps-config writes it', { timeout: 60_000 }, async () => {
    const config = parse(await readFile(join(dir, 'frps/frpc-egress.toml'), 'utf8'));
    const egress = await startFrp({ program: (await frpBinaries()).frpc, dir, name: 'egress', config });
    try {
      await egress.said(/\[pool-a-[0-9a-f]{8}\] start proxy success/);
    } finally {
      await egress.kill();
    }
  });

  it('gives a port for another service, and takes all away at the end', { timeout: 60_000 }, async () => {
    const left = await leftOvers();
    const end = new AbortController();
    Object.assign(printed, { out: '', err: '' });
    const code = run(['rig-7', 'web', '--json', ...flags], end.signal);
    await expect.poll(() => printed.out, { timeout: 20_000 }).toMatch(/\n/);
    const { host, port, rung } = JSON.parse(printed.out) as { host: string; port: number; rung: string };
    expect([host, rung]).toEqual(['127.0.0.1', 'tls']);
    expect(await leftOvers()).toHaveLength(left.length + 1);
    end.abort();
    expect(await code).toBe(0);
    expect(await leftOvers()).toEqual(left);
    expect(port).toBeGreaterThan(0);
  });

  it('goes inside ssh where it has the key', { timeout: 60_000 }, async () => {
    const end = new AbortController();
    Object.assign(printed, { out: '', err: '' });
    const code = run(['rig-7', 'web', '--json', ...flags, '--ssh-key', sshd.keyFile], end.signal);
    await expect.poll(() => printed.out, { timeout: 30_000 }).toMatch(/\n/);
    expect(JSON.parse(printed.out)).toMatchObject({ rung: 'ssh', service: 'web' });
    end.abort();
    expect(await code).toBe(0);
  });

  it('says what is wrong where a service is not there', { timeout: 120_000 }, async () => {
    expect(await cli('rig-7', 'nothing', ...flags)).toEqual([1, expect.stringContaining('it has ssh, web, gone')]);
    expect(await cli('rig-8', 'ssh', ...flags)).toEqual([1, expect.stringContaining('the collector says 404')]);
    const [code, said] = await cli('rig-7', 'gone', ...flags);
    expect([code, said]).toEqual([1, expect.stringContaining('the worker is not there with it')]);
    expect(await cli('rig-7', 'ssh', ...flags, '--frpc', '/nowhere/frpc')).toEqual([
      1,
      expect.stringContaining('name one by --frpc'),
    ]);
  });

  it('needs the collector’s token, and says where it is', async () => {
    const tokenFile = join(dir, 'admin.token');
    expect((await stat(tokenFile)).mode & 0o777).toBe(0o600);
    const [code, said] = await cli('rig-7', 'ssh', '--collector', url, '--data', join(dir, 'another'));
    expect([code, said]).toEqual([1, expect.stringContaining(`the collector says 401`)]);
    expect(said).toContain(tokenFile);
    const wrong = join(dir, 'wrong.token');
    await writeFile(wrong, 'x'.repeat(40));
    const words = await cli('rig-7', 'ssh', ...flags, '--admin-token-file', wrong);
    expect(words).toEqual([1, expect.stringContaining('the collector says 401')]);
    // Given as a flag it is as good.
    expect(await cli('rig-7', 'nothing', ...flags, '--admin-token-file', tokenFile)).toEqual([
      1,
      expect.stringContaining('it has ssh, web, gone'),
    ]);
    await mkdir(join(dir, 'damaged'));
    await writeFile(join(dir, 'damaged/admin.token'), 'short');
    expect(await cli('rig-7', 'ssh', '--collector', url, '--data', join(dir, 'damaged'))).toEqual([
      64,
      expect.stringContaining('admin.token is damaged'),
    ]);
  });
});

async function leftOvers(): Promise<string[]> {
  const names = await readdir(process.env['XDG_RUNTIME_DIR'] ?? tmpdir());
  return names.filter((name) => name.startsWith('spotrig-frpc-')).toSorted();
}
