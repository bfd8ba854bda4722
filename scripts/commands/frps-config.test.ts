// The command on a data folder of its own. That the real frps and frpc take what it writes: test/long/frp-config.test.ts.
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { egressKeyId } from '../../platform/derive.ts';
import { forgetSecrets } from '../../platform/secrets.ts';
import { parseFrpUrl } from '../../stratum/frp-url.ts';
import { parseFrpTicket } from '../../wire/frp-names.ts';
import { run } from './frps-config.ts';

interface Answer {
  order: Record<string, string>;
  files: { path: string; changed: boolean }[];
  notes: string[];
}

let dir: string;
let out: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-frps-'));
  for (const name of ['log', 'error'] as const)
    vi.spyOn(console, name).mockImplementation((text) => {
      out += `${String(text)}\n`;
    });
});
afterEach(async () => {
  vi.restoreAllMocks();
  forgetSecrets();
  await rm(dir, { recursive: true, force: true });
});

const HOST = ['--host', 'tun.example.org,192.0.2.5'];

async function cli(...argv: string[]): Promise<[code: number, printed: string]> {
  out = '';
  const code = await run([...argv, '--data', dir]);
  return [code, out.trim()];
}

async function answer(...argv: string[]): Promise<Answer> {
  const [code, printed] = await cli(...argv, '--json');
  expect([code, printed]).toEqual([0, expect.stringMatching(/^\{/)]);
  return JSON.parse(printed) as Answer;
}

const file = (name: string): Promise<string> => readFile(join(dir, 'frps', name), 'utf8');
const toml = async (name: string): Promise<Record<string, unknown>> => parse(await file(name));
const changed = ({ files }: Answer): string[] =>
  files.filter((one) => one.changed).map(({ path }) => path.slice(dir.length + 1));

async function configure(more = ''): Promise<void> {
  const table = `[frp]\naddresses = ["frp://tun.example.org:443"]\nports = "20000-20009"\n${more}`;
  await writeFile(join(dir, 'collector.toml'), table);
}
const EXPORT = '[[frp.egress]]\nname = "pool-a"\ntarget = "pool.example.org:3333"\n';

it('writes frps.toml with the hook, the token in a file of its own, and a certificate of the kept authority', async () => {
  await configure();
  const { order } = await answer(...HOST, '--other', 'a.example,b.example');
  const frps = await toml('frps.toml');
  const secrets = JSON.parse(await readFile(join(dir, 'frp.json'), 'utf8')) as { token: string; hook_path: string };
  expect(frps).toMatchObject({
    ...{ bindAddr: '127.0.0.1', bindPort: 7000, proxyBindAddr: '127.0.0.1', maxPortsPerClient: 16 },
    allowPorts: [{ start: 20_000, end: 20_009 }],
    transport: { tcpMuxKeepaliveInterval: 10, heartbeatTimeout: 90, tls: { force: false } },
    ...{ detailedErrorsToClient: true, enablePrometheus: true },
  });
  expect(frps['httpPlugins']).toEqual([
    {
      ...{ name: 'collector', addr: '127.0.0.1:8490', path: `/${secrets.hook_path}` },
      ops: ['Login', 'NewProxy', 'CloseProxy', 'Ping', 'NewUserConn'],
    },
  ]);
  expect(await file('frps.toml')).not.toContain(secrets.token);
  expect(await file('token')).toBe(secrets.token);
  for (const name of ['token', 'frps.toml', 'server.key'])
    expect((await stat(join(dir, 'frps', name))).mode & 0o777, name).toBe(0o600);
  expect((await stat(join(dir, 'frp-ca.key'))).mode & 0o777).toBe(0o600);
  expect(order['SPOTRIG_FRP']).toBe(`frp://:${secrets.token}@tun.example.org:443`);
  const ca = Buffer.from(order['SPOTRIG_FRP_CA'] ?? '', 'base64').toString();
  expect(order['SPOTRIG_FRP_CA']?.length).toBeLessThan(1536);
  const certificate = new X509Certificate(await file('server.crt'));
  expect(certificate.verify(new X509Certificate(ca).publicKey)).toBe(true);
  for (const name of ['tun.example.org', 'a.example', 'b.example']) expect(certificate.checkHost(name)).toBe(name);
  expect(certificate.checkIP('192.0.2.5')).toBe('192.0.2.5');
});

it('changes nothing the second time, and only the certificate when the names changed', async () => {
  await configure(EXPORT);
  await answer(...HOST);
  const before = [await file('server.key'), await readFile(join(dir, 'frp-ca.pem'), 'utf8')];
  expect(changed(await answer(...HOST))).toEqual([]);
  expect(changed(await answer(...HOST, '--other', 'a.example', '--bare'))).toEqual([
    'frps/server.crt',
    'frps/frps.toml',
    'frps/frps.service',
  ]);
  expect([await file('server.key'), await readFile(join(dir, 'frp-ca.pem'), 'utf8')]).toEqual(before);
});

it('renews a certificate near its end', async () => {
  await configure();
  await answer(...HOST);
  vi.useFakeTimers({ now: Date.now() + 650 * 86_400_000, toFake: ['Date'] });
  try {
    expect(changed(await answer(...HOST))).toEqual(['frps/server.crt']);
  } finally {
    vi.useRealTimers();
  }
});

it('replaces no authority whose key is lost', async () => {
  await configure();
  await answer(...HOST);
  await rm(join(dir, 'frp-ca.key'));
  expect(await cli(...HOST)).toEqual([1, expect.stringMatching(/frp-ca\.key is not there: put that key back/)]);
});

it('exports each target under each live key, and keeps the one before', async () => {
  await configure(EXPORT);
  const first = (await answer(...HOST, '--egress')).order['SPOTRIG_EGRESS_KEY'] ?? '';
  const second = (await answer(...HOST, '--egress', '--rotate')).order['SPOTRIG_EGRESS_KEY'] ?? '';
  const config = await toml('frpc-egress.toml');
  expect(config['proxies']).toEqual(
    [second, first].map((key) => ({
      ...{ name: `pool-a-${egressKeyId(key)}`, type: 'stcp', secretKey: key, allowUsers: ['*'] },
      ...{ localIP: 'pool.example.org', localPort: 3333 },
      healthCheck: { type: 'tcp', timeoutSeconds: 5, maxFailed: 3, intervalSeconds: 15 },
    })),
  );
  const { spotrig } = config['metadatas'] as { spotrig: string };
  const ticket = parseFrpTicket(spotrig);
  expect(ticket?.role).toBe('egress');
  expect(Math.round(((ticket?.expires_s ?? 0) - Date.now() / 1000) / 86_400)).toBe(400);
});

it('says what goes into collector.toml where it has no [frp]', async () => {
  const { order, notes } = await answer(
    '--host',
    '192.0.2.5,tun.example.org',
    '--web',
    'www.example.org',
    '--mux-off=9444',
  );
  const { token } = JSON.parse(await readFile(join(dir, 'frp.json'), 'utf8')) as { token: string };
  const address = 'frp://192.0.2.5:443?sni=tun.example.org&wss=www.example.org:443&nomux=192.0.2.5:9444';
  expect(order['SPOTRIG_FRP']).toBe(address.replace('frp://', `frp://:${token}@`));
  expect(parseFrpUrl(order['SPOTRIG_FRP'] ?? '')).toHaveProperty('frps.sni', 'tun.example.org');
  expect(notes.join('\n')).toContain(address);
  expect(await toml('frps-nomux.toml')).toMatchObject({ bindPort: 9444, transport: { tcpMux: false } });
  expect(await file('nginx.conf')).toContain('www.example.org 127.0.0.1:8443;');
});

it.each([
  [[], '--host NAME is needed'],
  [['--host', 'a b'], 'no name or address'],
  [[...HOST, '--port', '0'], '--port: a port'],
  [[...HOST, '--bare', '--web', 'w.example'], '--web needs nginx'],
  [[...HOST, '--ssh', 'tun@s.example:22'], 'go together'],
  [[...HOST, '--egress'], 'no [[frp.egress]]'],
  [[...HOST, '--wrong'], "Unknown option '--wrong'"],
])('refuses %j', async (argv, words) => {
  expect(await cli(...argv)).toEqual([64, expect.stringContaining(words)]);
});

it('makes the key of the rung ssh once, for orders and for an account that may reach frps only', async () => {
  await configure();
  const hostKey = join(dir, 'host_key.pub');
  const key = `AAAAC3NzaC1lZDI1NTE5AAAAI${'b'.repeat(43)}`;
  await writeFile(hostKey, `ssh-ed25519 ${key} root@server\n`);
  const flags = [...HOST, '--ssh', 'tun@ssh.example.org:22', '--ssh-host-key', hostKey];
  const first = await answer(...flags, '--inner-port', '7443');
  expect(first.notes.join(' ')).toContain(`ssh=tun@ssh.example.org:22&hostkey=${key}&sshto=7443`);
  expect(await file('authorized_keys')).toMatch(
    /^restrict,port-forwarding,permitopen="127\.0\.0\.1:7443",permitlisten="127\.0\.0\.1:1",command="\/bin\/false" ssh-ed25519 \S+ spotrig\n$/,
  );
  const secret = Buffer.from(first.order['SPOTRIG_FRP_SSH_KEY'] ?? '', 'base64').toString();
  expect(secret).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/);
  expect(secret).toBe(await readFile(join(dir, 'frp-ssh.key'), 'utf8'));
  expect((await stat(join(dir, 'frp-ssh.key'))).mode & 0o777).toBe(0o600);
  const again = await answer(...flags, '--inner-port', '7443');
  expect([changed(again), again.order]).toEqual([[], first.order]);
  expect((await answer(...flags)).notes.join(' ')).not.toContain('sshto');
});
