// `spotrig doctor frp`: goes every way to every frps as a worker would, and says which one fails, at what step, and how to mend it.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { CONFIG_FILE, readConfig } from '../../collector/config.ts';
import { type FrpSecretValues, FRP_SECRETS_FILE, loadFrpSecrets } from '../../collector/frp/secrets.ts';
import type { FrpConfig } from '../../collector/frp/settings.ts';
import { staffTicket } from '../../collector/frp/tickets.ts';
import { KEYS_FILE, loadKeys } from '../../collector/keys.ts';
import { type FrpCa, readFrp, readFrpCa } from '../../entrypoint/frp/settings.ts';
import { type Way, waysOf } from '../../entrypoint/frp/ladder.ts';
import { LOGIN_MS } from '../../entrypoint/frp/transport.ts';
import { realClock } from '../../platform/clock.ts';
import { deriveSecret } from '../../platform/derive.ts';
import { messageOf } from '../../platform/errors.ts';
import { httpRequest } from '../../platform/http.ts';
import { runForOutput } from '../../platform/process.ts';
import { registerSecret } from '../../platform/secrets.ts';
import { bracketed } from '../../stratum/address.ts';
import { endpointOf, serverNameOf } from '../../stratum/frp-rungs.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_OWNER, FRP_TICKET_LABEL, FRP_TICKET_META, type FrpRung, formatFrpTicket } from '../../wire/frp-names.ts';
import { parseToken } from '../../wire/token.ts';
import { mendLogin, mendReach } from '../frp/advice.ts';
import { type FrpcLogin, complaintOf, loginState, startFrpc } from '../frp/frpc-run.ts';
import { findSshKey } from '../frp/ssh-key.ts';
import { type Reach, reachSsh, reachTls } from '../frp/reach.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = 'try every way to an frps from here, and say what is wrong with it';

const HELP = `spotrig doctor frp: tries every way to every frps from this machine, and says what is wrong and how to mend it

  doctor frp [ADDRESS...]   addresses as in SPOTRIG_FRP (default: that variable; with --data: those of collector.toml)

  --ca FILE          the authority's PEM (default: the variable SPOTRIG_FRP_CA; with --data: the one of collector.toml)
  --data DIR         the collector's data folder, on its machine: logs in as the owner, and asks the hook and frps's dashboard too
  --config FILE      collector.toml (default: the one in --data)
  --token-file FILE  a worker's token: logs in as that worker. With neither, it is seen how far the login comes without a ticket
  --ssh-key FILE     OpenSSH private key for the rung ssh (default: the variable SPOTRIG_FRP_SSH_KEY; with --data: the one there)
  --frpc PATH        frpc 0.70 or later (default: the one in PATH)
  --json             print JSON instead

Exit code 0 when every way is good, 1 when one is not, 64 when the call was wrong.
`;

const OPTIONS = {
  ca: { type: 'string' },
  data: { type: 'string' },
  config: { type: 'string' },
  'token-file': { type: 'string' },
  'ssh-key': { type: 'string' },
  frpc: { type: 'string', default: 'frpc' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

const OWNER_TICKET_S = 600;
const POLL_MS = 100;
const LOCAL_LIMIT_MS = 5_000;
const LOCAL_MAX_BYTES = 65_536;
/** frps gives up on a hook after ten seconds; one that takes a second is in trouble. */
const HOOK_SLOW_MS = 1_000;
const DASHBOARD = 'http://127.0.0.1:7500/api/serverinfo';
const CLOCK_SKEW_MAX_MS = 120_000;

interface Login {
  /** null: it was not tried, or came as far as it can without a ticket. */
  ok: boolean | null;
  ms: number | null;
  detail: string | null;
}

interface Row {
  address: string;
  rung: FrpRung;
  /** Of `tls_other_name`: the name that is sent. */
  name?: string;
  reach: Reach;
  login: Login;
  /** How to mend it; null: it is good. */
  wrong: string | null;
}

interface Check {
  name: string;
  ok: boolean | null;
  detail: string;
}

/** `spotrig doctor …`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const [topic, ...texts] = positionals;
    if (topic !== 'frp') throw new UsageError('say what to look at: doctor frp; see --help');
    const { rows, checks } = await examine(values, texts);
    console.log(values.json ? JSON.stringify({ ways: rows, checks }, null, 2) : textOf(rows, checks));
    return rows.every(({ wrong }) => wrong === null) && checks.every(({ ok }) => ok !== false) ? 0 : 1;
  } catch (error) {
    console.error(`spotrig doctor: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

type Flags = ReturnType<typeof parsed>['values'];

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}

/** What this machine knows where the collector runs on it. */
interface Local {
  frp: FrpConfig;
  secrets: FrpSecretValues;
  ticket: string;
}

async function examine(flags: Flags, texts: readonly string[]): Promise<{ rows: Row[]; checks: Check[] }> {
  const local = await localOf(flags);
  const addresses = addressesOf(texts, local);
  const ca_pem = await caOf(flags, local);
  const who = await whoOf(flags, local);
  const sshKey = await findSshKey({
    ...{ file: flags['ssh-key'], env: process.env['SPOTRIG_FRP_SSH_KEY'], dataDir: flags.data },
  });
  const frpc = await frpcCheck(flags.frpc);
  const checks = [frpc];
  if (local !== null) checks.push(await hookCheck(local), await frpsCheck(local));
  const rows: Row[] = [];
  // One after the other: some providers count connections (facts/frp.md section 4).
  for (const address of addresses) {
    for (const { rung, name } of waysOf([address], null)) {
      const way = name === undefined ? { rung } : { rung, name };
      const login = { ...who, token: address.token ?? local?.secrets.token ?? null, caPem: ca_pem, sshKey };
      rows.push(await examineWay({ address, way, login, frpc: frpc.ok === false ? null : flags.frpc }));
    }
  }
  const clock = await clockCheck(addresses, rows);
  if (clock !== null) checks.push(clock);
  return { rows, checks };
}

async function examineWay(o: {
  address: FrpAddress;
  way: Omit<Way, 'place'>;
  login: FrpcLogin;
  frpc: string | null;
}): Promise<Row> {
  const { address, way, login } = o;
  const { rung } = way;
  const reach = await reachOf(address, way, login.caPem);
  const row = { address: address.url, ...way, reach };
  const isKeyless = rung === 'ssh' && login.sshKey === null;
  const isLeft = reach.fault !== null || isKeyless || o.frpc === null;
  const why = isKeyless ? 'not tried: it needs the workers’ key (--ssh-key)' : 'not tried';
  const tried = isLeft ? { ok: null, ms: null, detail: why } : await tryLogin({ ...o, program: o.frpc ?? '' });
  const wrong = mendReach(reach, nowMs()) ?? (tried.ok === false ? mendLogin(tried.detail ?? '', rung) : null);
  return { ...row, login: tried, wrong };
}

function reachOf(address: FrpAddress, { rung, name }: Omit<Way, 'place'>, ca_pem: string): Promise<Reach> {
  if (rung === 'ssh' && address.ssh !== null) return reachSsh(address.ssh);
  const at = endpointOf(address, rung);
  if (at === null) throw new Error(`${address.url} has no rung ${rung}`);
  return reachTls({ ...at, names: [serverNameOf(address, rung, name)], ca_pem });
}

async function tryLogin(o: {
  address: FrpAddress;
  way: Omit<Way, 'place'>;
  login: FrpcLogin;
  program: string;
}): Promise<Login> {
  const limitMs = LOGIN_MS[o.way.rung];
  const begun = performance.now();
  const frpc = await startFrpc({ ...o, visitors: [] });
  try {
    while (loginState(frpc) === 'waiting' && performance.now() - begun < limitMs) await realClock.sleep(POLL_MS);
    const ms = Math.round(performance.now() - begun);
    if (loginState(frpc) === 'in') return { ok: true, ms, detail: null };
    // Its last words may still be in the pipe.
    await realClock.sleep(POLL_MS);
    const limit = `no login within ${limitMs / 1000} s`;
    const detail = complaintOf(frpc) ?? (frpc.exit() === null ? limit : 'frpc ended without a word');
    const isTicketAsked = o.login.ticket === null && detail.includes(FRP_TICKET_META) && detail.includes('no ticket');
    if (isTicketAsked) return { ok: null, ms, detail: 'reached the collector, which wants a ticket (--token-file)' };
    return { ok: false, ms, detail };
  } finally {
    await frpc.close();
  }
}

async function localOf(flags: Flags): Promise<Local | null> {
  if (flags.data === undefined) {
    if (flags.config !== undefined) throw new UsageError('--config needs --data, where the secrets are');
    return null;
  }
  const data = resolve(flags.data);
  const path = resolve(flags.config ?? join(data, CONFIG_FILE));
  const read = readConfig(path);
  if ('complaints' in read) throw new Error(read.complaints.join('; '));
  if (read.config.frp === null) throw new Error(`${path} has no [frp]: see spotrig frps-config`);
  const missing = [KEYS_FILE, FRP_SECRETS_FILE].find((name) => !existsSync(join(data, name)));
  // Made here they would be nobody's.
  if (missing !== undefined) throw new Error(`--data: ${data} has no ${missing}; run spotrig frps-config first`);
  const { values: secrets } = await loadFrpSecrets(data, realClock);
  const ticket = staffTicket(await loadKeys(data), 'owner', Math.floor(nowMs() / 1000) + OWNER_TICKET_S);
  return { frp: read.config.frp, secrets, ticket };
}

function addressesOf(texts: readonly string[], local: Local | null): FrpAddress[] {
  const given = texts.length > 0 ? texts.join(' ') : (process.env['SPOTRIG_FRP'] ?? '');
  const text = given !== '' ? given : (local?.frp.addresses.join(' ') ?? '');
  const read = readFrp(text);
  if ('wrong' in read) throw new UsageError(`the text of SPOTRIG_FRP ${read.wrong}`);
  for (const { token } of read) if (token !== null) registerSecret(token);
  return read;
}

async function caOf(flags: Flags, local: Local | null): Promise<string> {
  const ofEnv = process.env['SPOTRIG_FRP_CA'];
  const read: FrpCa | { wrong: string } | null =
    flags.ca !== undefined ? { path: resolve(flags.ca) } : ofEnv !== undefined ? readFrpCa(ofEnv) : null;
  if (read !== null && 'wrong' in read) throw new UsageError(`SPOTRIG_FRP_CA ${read.wrong}`);
  if (read !== null && 'pem' in read) return read.pem;
  const path = read?.path ?? local?.frp.ca_file;
  if (path === undefined) throw new UsageError('--ca FILE is needed: the authority that frps’s certificate is of');
  const pem = await readFile(path, 'utf8');
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Error(`${path} holds no PEM certificate`);
  return pem;
}

async function whoOf(flags: Flags, local: Local | null): Promise<Pick<FrpcLogin, 'user' | 'ticket'>> {
  const file = flags['token-file'];
  if (file === undefined) return { user: FRP_OWNER, ticket: local?.ticket ?? null };
  const fields = parseToken((await readFile(file, 'utf8')).trim());
  if (fields === null) throw new UsageError('--token-file: what it holds has not the form of a token');
  const { kid, worker, expires_s, mac } = fields;
  registerSecret(mac);
  const secret = deriveSecret(mac, FRP_TICKET_LABEL);
  return { user: worker, ticket: formatFrpTicket({ role: 'worker', kid, worker, expires_s, secret }) };
}

async function frpcCheck(program: string): Promise<Check> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const argv = [program, '--version'];
  const done = await runForOutput({ argv, env, timeoutMs: LOCAL_LIMIT_MS, maxBytes: 1000 });
  if (done.code !== 0)
    return { name: 'frpc', ok: false, detail: `${program} cannot be run: get frp 0.70 or later, or give --frpc PATH` };
  return versionCheck('frpc', done.stdout.trim(), [0, 70, 0]);
}

/** Older ones spoil websockets, or lose sessions (facts/frp.md section 1). */
function versionCheck(name: string, version: string, least: readonly [number, number, number]): Check {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const rank = (a: number, b: number, c: number): number => (a * 1000 + b) * 1000 + c;
  const isGood = rank(major, minor, patch) >= rank(...least);
  return { name, ok: isGood, detail: isGood ? version : `${version} is too old: take ${least.join('.')} or later` };
}

/** Whether the hook listens, refuses a bad ticket, takes a good one, and how fast. */
async function hookCheck({ frp, secrets, ticket }: Local): Promise<Check> {
  const { host, port } = frp.hook;
  const url = `http://${bracketed(host)}:${port}/${secrets.hook_path}`;
  const name = 'hook';
  try {
    const begun = performance.now();
    const bad = await askHook(url, 'none');
    const good = await askHook(url, ticket);
    const ms = Math.round((performance.now() - begun) / 2);
    if (!bad) return { name, ok: false, detail: 'it lets a bad ticket in: another program answers at its address' };
    if (good) return { name, ok: false, detail: 'it refuses the owner’s ticket: its collector has another --data' };
    if (ms > HOOK_SLOW_MS) return { name, ok: false, detail: `it takes ${ms} ms: the collector’s machine is too busy` };
    return { name, ok: true, detail: `refuses a bad ticket and takes a good one, ${ms} ms each` };
  } catch (error) {
    const detail = `${host}:${port} does not answer (${messageOf(error)}): start the collector with this --data; without it frps refuses everybody`;
    return { name, ok: false, detail };
  }
}

/** Whether it refuses the login. */
async function askHook(url: string, ticket: string): Promise<boolean> {
  const content = { user: FRP_OWNER, metas: { [FRP_TICKET_META]: ticket }, run_id: 'doctor' };
  const { status, body } = await httpRequest({
    ...{ url, timeoutMs: LOCAL_LIMIT_MS, maxBytes: LOCAL_MAX_BYTES },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: '0.1.0', op: 'Login', content }),
  });
  if (status !== 200) throw new Error(`status ${status}`);
  const { reject } = JSON.parse(body.toString('utf8')) as { reject?: unknown };
  if (typeof reject !== 'boolean') throw new Error('an answer without reject');
  return reject;
}

/** frps's release, by its dashboard as `frps-config` sets it up. */
async function frpsCheck({ secrets }: Local): Promise<Check> {
  try {
    const basic = Buffer.from(`admin:${deriveSecret(secrets.token, 'frp dashboard')}`).toString('base64');
    const { status, body } = await httpRequest({
      ...{ url: DASHBOARD, timeoutMs: LOCAL_LIMIT_MS, maxBytes: LOCAL_MAX_BYTES },
      headers: { authorization: `Basic ${basic}` },
    });
    if (status !== 200) throw new Error(`status ${status}`);
    const { version } = JSON.parse(body.toString('utf8')) as { version?: unknown };
    return versionCheck('frps', String(version), [0, 70, 1]);
  } catch (error) {
    return { name: 'frps', ok: null, detail: `its dashboard does not answer here (${messageOf(error)})` };
  }
}

/** By the web server before frps, the only one on the way that tells the time. null: none was reached. */
async function clockCheck(addresses: readonly FrpAddress[], rows: readonly Row[]): Promise<Check | null> {
  const row = rows.find(({ rung, reach }) => rung === 'wss' && reach.fault === null);
  const wss = addresses.find(({ url }) => url === row?.address)?.wss;
  const pin = row?.reach.spki_sha256;
  if (wss === null || wss === undefined || pin === null || pin === undefined) return null;
  try {
    const url = `https://${bracketed(wss.host)}:${wss.port}/`;
    const { headers } = await httpRequest({
      ...{ url, timeoutMs: LOCAL_LIMIT_MS, maxBytes: 1024 * 1024, pinSha256: [pin] },
    });
    const server_ms = Date.parse(headers['date'] ?? '');
    if (Number.isNaN(server_ms)) return null;
    const s = Math.round((nowMs() - server_ms) / 1000);
    const ok = Math.abs(s) * 1000 <= CLOCK_SKEW_MAX_MS;
    return { name: 'clock', ok, detail: `${s} s from ${wss.host}’s${ok ? '' : ': set the clock of one of the two'}` };
  } catch (error) {
    return { name: 'clock', ok: null, detail: `${wss.host} tells no time (${messageOf(error)})` };
  }
}

function nowMs(): number {
  return realClock.nowMs();
}

function textOf(rows: readonly Row[], checks: readonly Check[]): string {
  const table = [
    ['address', 'rung', 'reached', 'login', 'certificate until', 'key (SPKI)'],
    ...rows.map(({ address, rung, reach, login }) => [
      ...[address, rung, reach.fault === null ? `${reach.tls_ms ?? reach.connect_ms ?? 0} ms` : `no: ${reach.fault}`],
      login.ok === true ? `${login.ms ?? 0} ms` : login.ok === false ? 'no' : '-',
      ...[reach.expires?.slice(0, 10) ?? '-', reach.spki_sha256 ?? '-'],
    ]),
  ];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const notes = rows.flatMap(({ address, rung, reach, login, wrong }) => {
    const detail = reach.detail ?? login.detail;
    if (wrong === null) return detail === null ? [] : [`${rung} ${address}: ${detail}`];
    return [`${rung} ${address}: ${detail ?? 'not good'}`, `  mend: ${wrong}`];
  });
  const words = { true: 'good', false: 'WRONG', null: 'unknown' } as const;
  const others = checks.map(({ name, ok, detail }) => `${name.padEnd(6)} ${words[`${ok}`]}: ${detail}`);
  return [...lines, '', ...notes, ...others].join('\n');
}
