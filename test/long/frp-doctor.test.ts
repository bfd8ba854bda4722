// `spotrig doctor frp` against what `spotrig frps-config` writes: the real frps and frpc, and the real collector as their judge. Each
// fault that it names is made here.
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadKeys } from '../../collector/keys.ts';
import { mintToken } from '../../collector/tokens.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { run as doctor } from '../../scripts/commands/doctor.ts';
import { run as frpsConfig } from '../../scripts/commands/frps-config.ts';
import { makeCertificate } from '../fakes/certificate.ts';
import { frpBinaries, frpMissing } from '../frp/binaries.ts';
import { type Front, lacking, startNginx, startSshd } from '../frp/fronts.ts';
import { type FrpProcess, startFrp } from '../frp/processes.ts';
import { type CollectorProcess, startCollectorProcess } from '../rig/collector-process.ts';

interface Report {
  ways: {
    rung: string;
    reach: { fault: string | null };
    login: { ok: boolean | null; detail: string | null };
    wrong: string | null;
  }[];
  checks: { name: string; ok: boolean | null; detail: string }[];
}

const BUILD_LIMIT_MS = 600_000;
const [noNginx] = await lacking('nginx');
const missing = (await frpMissing()) ?? (noNginx === undefined ? null : `there is no ${noNginx}`);

describe.skipIf(missing !== null && process.env['CI'] !== 'true')(`spotrig doctor frp (${missing ?? 'real'})`, () => {
  let dir: string;
  let address: string;
  let port: number;
  let ca: string;
  const servers: FrpProcess[] = [];
  let nginx: Front;
  let collector: CollectorProcess;
  let printed = '';

  beforeEach(() => {
    for (const name of ['log', 'error'] as const)
      vi.spyOn(console, name).mockImplementation((text) => {
        printed += `${String(text)}\n`;
      });
    printed = '';
  });
  afterEach(() => vi.restoreAllMocks());

  beforeAll(async () => {
    const programs = await frpBinaries();
    dir = await mkdtemp(join(tmpdir(), 'spotrig-doctor-'));
    port = await freeLoopbackPort();
    const [web, noMux] = [await freeLoopbackPort(), await freeLoopbackPort()].map(String);
    address =
      `frp://127.0.0.1:${String(port)}?sni=tun.test&other=www.other.test` +
      `&wss=localhost:${web ?? ''}&nomux=127.0.0.1:${noMux ?? ''}`;
    const hook = `127.0.0.1:${String(await freeLoopbackPort())}`;
    await writeFile(
      join(dir, 'collector.toml'),
      `[frp]\nhook = "${hook}"\naddresses = ["${address}"]\nports = "20000-20009"\n`,
    );
    vi.spyOn(console, 'log').mockImplementation(() => undefined);
    const flags = ['--host', '127.0.0.1,tun.test,localhost', '--other', 'www.other.test'];
    const places = ['--bare', '--port', String(port), `--mux-off=${noMux ?? ''}`];
    expect(await frpsConfig([...flags, ...places, '--data', dir])).toBe(0);
    vi.restoreAllMocks();
    ca = join(dir, 'frp-ca.pem');
    collector = await startCollectorProcess({ port: 0, dataDir: dir, releaseDir: dir, pageDir: dir });
    const files = join(dir, 'frps');
    for (const name of ['frps', 'frps-nomux']) {
      const config = parse(await readFile(join(files, `${name}.toml`), 'utf8'));
      // The dashboard's port is a fixed one, and this machine may have an frps already.
      Object.assign(config['webServer'] as object, { port: await freeLoopbackPort() });
      const frps = await startFrp({ program: programs.frps, dir, name: `${name}-under-test`, config });
      servers.push(frps);
      await frps.said(/frps started successfully/);
    }
    const certificate = { certFile: join(files, 'server.crt'), keyFile: join(files, 'server.key') };
    const place = { host: '127.0.0.1', port: Number(web) };
    nginx = await startNginx({ dir, ...place, frps: `127.0.0.1:${String(port)}`, certificate });
  }, BUILD_LIMIT_MS);
  afterAll(async () => {
    await nginx.close();
    for (const frps of servers) await frps.kill();
    await collector.stop();
    await rm(dir, { recursive: true, force: true });
  });

  async function ask(...argv: string[]): Promise<[code: number, report: Report]> {
    const { frpc } = await frpBinaries();
    printed = '';
    const code = await doctor(['frp', '--json', '--frpc', frpc, ...argv]);
    return [code, JSON.parse(printed) as Report];
  }
  const token = async (): Promise<string> =>
    /^[\w-]+$/m.exec(await readFile(join(dir, 'frps', 'token'), 'utf8'))?.[0] ?? '';
  const withToken = (text: string): string => address.replace('frp://', `frp://:${text}@`);

  it('finds every way good with the collector’s folder, and says how fast', { timeout: 120_000 }, async () => {
    const [code, { ways, checks }] = await ask('--data', dir);
    expect(ways.map(({ rung, login, wrong }) => [rung, login.ok, wrong])).toEqual([
      ['tls', true, null],
      ['tls_classic', true, null],
      ['tls_other_name', true, null],
      ['tls_no_name', true, null],
      ['wss', true, null],
      ['tls_no_mux', true, null],
    ]);
    expect(checks.find(({ name }) => name === 'clock')).toMatchObject({ ok: true });
    expect(checks.find(({ name }) => name === 'hook')).toMatchObject({ ok: true });
    expect(code).toBe(0);
    const { frpc } = await frpBinaries();
    printed = '';
    expect(await doctor(['frp', '--frpc', frpc, '--data', dir])).toBe(0);
    expect(printed).toMatch(/^address +rung +reached +login/);
    for (const secret of [await token(), 'owner.']) expect(printed).not.toContain(secret);
  });

  it('comes as far as the collector without a ticket, and all the way by a worker’s token', async () => {
    const [code, { ways }] = await ask(withToken(await token()), '--ca', ca);
    expect([code, ways[0]?.login.ok, ways[0]?.login.detail]).toEqual([
      0,
      null,
      expect.stringContaining('wants a ticket') as string,
    ]);
    const file = join(dir, 'rig-1.token');
    const expires_s = Math.floor(Date.now() / 1000) + 3600;
    await writeFile(file, mintToken(await loadKeys(dir), { worker: 'rig-1', expires_s }));
    const [also, asWorker] = await ask(withToken(await token()), '--ca', ca, '--token-file', file);
    expect([also, asWorker.ways.map(({ login }) => login.ok)]).toEqual([0, Array(6).fill(true)]);
  }, 120_000);

  it('names the fault: the authority, the name, frp’s token, nobody there', async () => {
    const foreign = join(dir, 'foreign.pem');
    await writeFile(foreign, (await makeCertificate('foreign')).cert);
    const plain = (text: string): string => `${text}&rungs=tls`;
    const faultOf = async (...argv: string[]) => {
      const [code, { ways }] = await ask(...argv);
      return [code, ways[0]?.reach.fault, ways[0]?.wrong];
    };
    const said = (text: string): string => expect.stringContaining(text) as string;
    expect(await faultOf(plain(address), '--ca', foreign)).toEqual([1, 'ca', said('authority')]);
    const other = `frp://127.0.0.1:${String(port)}?sni=not.there.test&rungs=tls`;
    expect(await faultOf(other, '--ca', ca)).toEqual([1, 'name', said('not.there.test')]);
    const nobody = `frp://127.0.0.1:${String(await freeLoopbackPort())}?sni=tun.test&rungs=tls`;
    expect(await faultOf(nobody, '--ca', ca)).toEqual([1, 'tcp', said('nothing listens')]);
    expect(await faultOf(plain(withToken('wrong-token')), '--data', dir)).toEqual([1, null, said('SPOTRIG_FRP')]);
    expect(printed).not.toContain('wrong-token');
    const noMux = `frp://127.0.0.1:1?sni=tun.test&nomux=127.0.0.1:${String(port)}&rungs=tls_no_mux`;
    expect(await faultOf(noMux, '--data', dir)).toEqual([1, null, said('tcpMux = false')]);
  }, 120_000);

  it('logs in inside ssh, by the key and the account that frps-config makes', async ({ skip }) => {
    const lack = await lacking('ssh', 'sshd');
    if (lack.length > 0) skip(`no ${lack.join(', ')} here`);
    const sshDir = join(dir, 'sshd');
    await mkdir(sshDir);
    const sshPort = await freeLoopbackPort();
    const sshd = await startSshd({ dir: sshDir, host: '127.0.0.1', port: sshPort, permitOpen: null });
    try {
      const place = ['--ssh', `root@127.0.0.1:${String(sshPort)}`, '--ssh-host-key', join(sshDir, 'host_key.pub')];
      const out = join(dir, 'ssh-files');
      const names = ['--host', '127.0.0.1,tun.test', '--bare', '--port', String(port)];
      expect(await frpsConfig([...names, ...place, '--data', dir, '--out', out])).toBe(0);
      await copyFile(join(out, 'authorized_keys'), join(sshDir, 'authorized_keys'));
      const hostKey = sshd.hostKey.split(' ')[1] ?? '';
      const at = (to: number): string =>
        `frp://127.0.0.1:${String(port)}?sni=tun.test&ssh=root@127.0.0.1:${String(sshPort)}&hostkey=${hostKey}` +
        `&sshto=${String(to)}&rungs=ssh`;
      const [code, { ways }] = await ask(at(port), '--data', dir);
      expect([code, ways.map(({ rung, login, wrong }) => [rung, login.ok, wrong])]).toEqual([0, [['ssh', true, null]]]);
      const said = (text: string): string => expect.stringContaining(text) as string;
      const wrongOf = async (...argv: string[]) => (await ask(...argv, '--data', dir))[1].ways[0]?.wrong;
      expect(await wrongOf(at(port), '--ssh-key', sshd.keyFile), printed).toEqual(said('authorized_keys'));
      expect(await wrongOf(at(port - 1)), printed).toEqual(said('permitopen'));
    } finally {
      await sshd.close();
    }
  }, 120_000);

  it('says that the collector is down, which lets nobody in', async () => {
    await collector.stop();
    const [code, { ways, checks }] = await ask(`${address}&rungs=tls`, '--data', dir);
    expect([code, ways[0]?.wrong]).toEqual([1, expect.stringContaining('does not reach the collector')]);
    expect(checks.find(({ name }) => name === 'hook')).toMatchObject({
      ok: false,
      detail: expect.stringContaining('start the collector') as string,
    });
  }, 60_000);

  it('refuses a call that it does not understand', async () => {
    expect(await doctor(['frq'])).toBe(64);
    expect(await doctor(['frp', 'frp://:secret-token@'])).toBe(64);
    expect(await doctor(['frp', address])).toBe(64);
    expect(printed).not.toContain('secret-token');
    expect(printed).toContain('--ca FILE is needed');
  });
});
