// `spotrig connect`: from the owner's machine to a worker's service, through frps by frpc's visitor. The collector says how.
import { execa } from 'execa';
import { constants } from 'node:os';
import type { ParseArgsOptionsConfig } from 'node:util';
import { waysOf } from '../../entrypoint/frp/ladder.ts';
import { LOGIN_MS } from '../../entrypoint/frp/transport.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock } from '../../platform/clock.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { registerSecret } from '../../platform/secrets.ts';
import { type FrpAddress, parseFrpUrl } from '../../stratum/frp-url.ts';
import { ErrorBody } from '../../wire/envelope.ts';
import { FRP_SERVICE, type FrpRung } from '../../wire/frp-names.ts';
import { AttachAnswer } from '../../wire/frp.ts';
import { isWorkerName } from '../../wire/token.ts';
import { WrongOption, collectorAccess } from '../collector-access.ts';
import { type Carried, carries } from '../frp/carries.ts';
import { findSshKey } from '../frp/ssh-key.ts';
import { type Frpc, complaintOf, frpcVersion, loginState, startFrpc } from '../frp/frpc-run.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = "reach a worker's ssh or another service of it";

const HELP = `spotrig connect: reach a service that a worker exposes (SPOTRIG_EXPOSE), without a port of the worker's

  connect WORKER ssh [-- SSH-ARGUMENTS]   a shell there, or what the arguments of ssh say
  connect WORKER SERVICE                  prints 127.0.0.1:PORT, which leads there until Ctrl+C

  --collector URL          the collector (default http://127.0.0.1:8480)
  --collector-pin PIN      base64 SHA-256 of an https collector's public key; may be given again
  --admin-token-file FILE  its admin's token (or the variable SPOTRIG_ADMIN_TOKEN)
  --data DIR               else, of a collector on this machine: its folder, with its own token (default ./var/collector)
  --ssh-key FILE           OpenSSH private key for the rung ssh (or the variable SPOTRIG_FRP_SSH_KEY, or the one in --data)
  --frpc PATH              frpc 0.70 or later (default: the one in PATH)
  --port N                 the port on this machine (default: a free one)
  --user NAME              of ssh (default root)
  --json                   no ssh, whatever the service: print where it is as JSON, and stay until Ctrl+C

Exit code: of ssh where it ran; else 0 after Ctrl+C, 1 when the service was not reached, 64 when the call was wrong.
`;

const OPTIONS = {
  collector: { type: 'string', default: 'http://127.0.0.1:8480' },
  'collector-pin': { type: 'string', multiple: true, default: [] },
  'admin-token-file': { type: 'string' },
  data: { type: 'string', default: './var/collector' },
  'ssh-key': { type: 'string' },
  frpc: { type: 'string', default: 'frpc' },
  port: { type: 'string', default: '0' },
  user: { type: 'string', default: 'root' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];
type Service = AttachAnswer['services'][number];

const COLLECTOR_MS = 20_000;
const ANSWER_MAX_BYTES = 1024 * 1024;
/** After the login: the worker's side takes a moment, and a service that does not speak first is only known not to close. */
const CARRY_MS = 10_000;
const QUIET_MS = 3000;
const POLL_MS = 150;

/** `spotrig connect …`. Resolves with the exit code. `signal` ends it as Ctrl+C does. */
export async function run(argv: string[], signal?: AbortSignal): Promise<number> {
  const [interrupt, terminate] = [new AbortController(), new AbortController()];
  const onInterrupt = (): void => interrupt.abort();
  const onTerminate = (): void => terminate.abort();
  process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onTerminate);
  try {
    const split = argv.indexOf('--');
    const { values, positionals } = parsed(split === -1 ? argv : argv.slice(0, split));
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const sshArgs = split === -1 ? [] : argv.slice(split + 1);
    const [worker = '', service = ''] = positionals;
    if (!isWorkerName(worker) || !FRP_SERVICE.test(service) || positionals.length > 2)
      throw new UsageError('give a worker and one of its services, like: connect rig-7 ssh; see --help');
    if (sshArgs.length > 0 && (service !== 'ssh' || values.json))
      throw new UsageError('words after -- are for ssh, and no ssh runs here');
    const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : 65_536;
    if (port > 65_535) throw new UsageError('--port: a port from 1 to 65535');
    if (!/^[A-Za-z_][\w.-]{0,31}$/.test(values.user)) throw new UsageError('--user: a user name of the worker');
    const kill = signal === undefined ? terminate.signal : AbortSignal.any([terminate.signal, signal]);
    const ended = AbortSignal.any([interrupt.signal, kill]);
    return await connect({ flags: values, worker, service, port, sshArgs, kill, signal: ended });
  } catch (error) {
    console.error(`spotrig connect: ${messageOf(error)}`);
    return error instanceof UsageError || error instanceof WrongOption ? EX_USAGE : 1;
  } finally {
    process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onTerminate);
  }
}

interface Call {
  flags: Flags;
  worker: string;
  service: string;
  port: number;
  sshArgs: readonly string[];
  /** Ends the waiting: Ctrl+C and the like. */
  signal: AbortSignal;
  /** Ends ssh too, as Ctrl+C does not. */
  kill: AbortSignal;
}

/** Where the service is now, by what, and how to leave. */
interface Reached {
  host: string;
  port: number;
  frps: string;
  /** null: a port of frps itself, without frpc. */
  rung: FrpRung | null;
  frpc: Frpc | null;
}

async function connect(call: Call): Promise<number> {
  const answer = await askCollector(call);
  const { worker, service: name, flags, signal } = call;
  const service = answer.services.find((one) => one.name === name);
  if (service === undefined) {
    const has = answer.services.map((one) => one.name);
    throw new SpotrigError(
      'connect_service',
      `${worker} exposes no ${name}` +
        (has.length === 0 ? ' and nothing else: its order needs SPOTRIG_EXPOSE' : `; it has ${has.join(', ')}`),
    );
  }
  if (service.state !== 'up') say(`the service is "${service.state}" by the worker's last report; trying all the same`);
  const reached = await reach(call, answer, service);
  if (reached === null) return 0;
  try {
    const { host, port, frps, rung } = reached;
    if (flags.json) console.log(JSON.stringify({ worker, service: name, host, port, frps, rung }));
    else if (name !== 'ssh') console.log(`${host}:${port}`);
    if (name === 'ssh' && !flags.json) return await ssh(call, reached);
    say(`${name} of ${worker} by ${frps}${rung === null ? '' : `, ${rung}`}. Ctrl+C ends it.`);
    return await stay(reached.frpc, signal);
  } finally {
    await reached.frpc?.close();
  }
}

async function askCollector({ flags, worker, signal }: Call): Promise<AttachAnswer> {
  const { collector, data } = flags;
  const access = await collectorAccess({
    ...{ collector, data, pins: flags['collector-pin'], tokenFile: flags['admin-token-file'] },
  });
  const { status, body } = await access
    .ask(`/api/v1/workers/${worker}/attach`, { timeoutMs: COLLECTOR_MS, maxBytes: ANSWER_MAX_BYTES, signal })
    .catch((error: unknown) => {
      throw new SpotrigError('connect_collector', `the collector ${access.origin} does not answer`, { cause: error });
    });
  const value = jsonOf(body);
  if (status !== 200) {
    const refusal = ErrorBody.safeParse(value);
    const said = refusal.success ? refusal.data.message : '';
    const hint = status === 401 || status === 403 ? ' (--admin-token-file, SPOTRIG_ADMIN_TOKEN, or --data)' : '';
    throw new SpotrigError('connect_collector', `the collector says ${status}${said === '' ? '' : `: ${said}`}${hint}`);
  }
  const answer = AttachAnswer.safeParse(value);
  if (!answer.success)
    throw new SpotrigError('connect_collector', 'the collector answers in another form: is it of another release?');
  const secrets = [answer.data.token, answer.data.ticket, ...answer.data.services.map((one) => one.secret_key)];
  for (const secret of secrets) if (secret !== null) registerSecret(secret);
  return answer.data;
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return null;
  }
}

/** Tries address after address on each rung, until the service is there. null: stopped meanwhile. */
async function reach(call: Call, answer: AttachAnswer, service: Service): Promise<Reached | null> {
  const addresses = answer.frps.flatMap((text) => {
    const read = parseFrpUrl(text);
    return 'frps' in read ? [read.frps] : [];
  });
  if (addresses.length === 0)
    throw new SpotrigError('connect_frps', 'the collector names no frps that this release knows');
  if (service.type === 'tcp') return reachPort(call, addresses, service);
  const bindPort = call.port === 0 ? await freeLoopbackPort() : call.port;
  await frpcVersion(call.flags.frpc);
  const { flags } = call;
  const sshKey = await findSshKey({
    ...{ file: flags['ssh-key'], env: process.env['SPOTRIG_FRP_SSH_KEY'], dataDir: flags.data },
  });
  let tried = 0;
  /** Another rung leads to the same frps. */
  const reachedFrps = new Set<FrpAddress>();
  // Without its key the rung `ssh` is none.
  const reachable = sshKey === null ? addresses.map((one) => ({ ...one, ssh: null })) : addresses;
  for (const { place, ...way } of waysOf(reachable, null)) {
    const address = reachable[place];
    if (call.signal.aborted || address === undefined) return null;
    const { rung } = way;
    if (reachedFrps.has(address) && rung !== 'tls_no_mux') continue;
    const title = `${address.url} by ${rung}`;
    const frpc = await startFrpc({
      ...{ program: flags.frpc, address, way },
      login: { user: answer.user, ticket: answer.ticket, token: answer.token, caPem: answer.ca_pem, sshKey },
      visitors: [
        {
          ...{ name: service.name, type: 'stcp', serverUser: answer.worker, serverName: service.name },
          ...{ secretKey: service.secret_key ?? '', bindAddr: '127.0.0.1', bindPort },
        },
      ],
    });
    let complaint: string | null = 'stopped';
    try {
      complaint = await comesUp(frpc, { port: bindPort, rung, service: service.name, signal: call.signal });
    } finally {
      if (complaint !== null) await frpc.close();
    }
    if (complaint === null) return { host: '127.0.0.1', port: bindPort, frps: address.url, rung, frpc };
    if (call.signal.aborted) return null;
    if (loginState(frpc) === 'in' && rung !== 'tls_no_mux') reachedFrps.add(address);
    tried += 1;
    say(`${title}: ${complaint}`);
  }
  if (tried === 0)
    throw new SpotrigError(
      'connect_frps',
      'no way to frps can be tried from here: the rung ssh needs its key (--ssh-key)',
    );
  throw new SpotrigError('connect_failed', `${service.name} of ${answer.worker} was not reached by any way`);
}

/** null once the visitor carries; else what is wrong. */
async function comesUp(
  frpc: Frpc,
  o: { port: number; rung: FrpRung; service: string; signal: AbortSignal },
): Promise<string | null> {
  const started = realClock.monoMs();
  while (loginState(frpc) === 'waiting') {
    if (o.signal.aborted) return 'stopped';
    if (realClock.monoMs() - started > LOGIN_MS[o.rung])
      return `no login within ${LOGIN_MS[o.rung] / 1000} s${saidBy(frpc)}`;
    await realClock.sleep(POLL_MS);
  }
  if (loginState(frpc) === 'failed') return complaintOf(frpc) ?? 'frpc ended without a word';
  const end = realClock.monoMs() + CARRY_MS;
  let last: Carried = 'refused';
  do {
    if (o.signal.aborted) return 'stopped';
    last = await carries({ host: '127.0.0.1', port: o.port, limit_ms: o.service === 'ssh' ? CARRY_MS : QUIET_MS });
    // Of ssh the server's greeting comes first.
    if (last === 'data' || (last === 'open' && o.service !== 'ssh')) return null;
    await realClock.sleep(POLL_MS);
  } while (realClock.monoMs() < end && frpc.exit() === null);
  if (last === 'refused') return `frpc does not listen on 127.0.0.1:${o.port}${saidBy(frpc)}`;
  if (last === 'open') return 'logged in and taken, but ssh does not greet: the tunnel or the worker stands still';
  return `logged in, but the worker is not there with it (another frps, or gone)${saidBy(frpc)}`;
}

function saidBy(frpc: Frpc): string {
  const complaint = complaintOf(frpc);
  return complaint === null ? '' : `: ${complaint}`;
}

/** A service of type tcp is a port of frps: no frpc is needed, but it must be open to us. */
async function reachPort(call: Call, addresses: readonly FrpAddress[], service: Service): Promise<Reached> {
  const { remote_port } = service;
  if (remote_port === null) throw new SpotrigError('connect_port', `frps has given ${service.name} no port yet`);
  for (const { host, url } of addresses) {
    const found = await carries({ host, port: remote_port, limit_ms: call.service === 'ssh' ? CARRY_MS : QUIET_MS });
    if (found === 'data' || (found === 'open' && call.service !== 'ssh'))
      return { host, port: remote_port, frps: url, rung: null, frpc: null };
  }
  throw new SpotrigError(
    'connect_port',
    `${service.name} is port ${remote_port} of frps, and that is not open from here: expose it without /tcp, or make frps with ` +
      '`frps-config --public-ports`',
  );
}

/** Runs ssh on this terminal; its exit code. Ctrl+C is ssh's own affair: it has the same terminal. */
async function ssh({ flags, worker, sshArgs, kill }: Call, { host, port }: Reached): Promise<number> {
  const args = ['-p', String(port), '-o', `HostKeyAlias=${worker}.spotrig`, `${flags.user}@${host}`, ...sshArgs];
  const ran = await execa('ssh', args, { stdio: 'inherit', reject: false, cancelSignal: kill });
  if (ran.exitCode !== undefined) return ran.exitCode;
  if (ran.signal !== undefined) return 128 + constants.signals[ran.signal];
  throw new SpotrigError('connect_ssh', 'ssh cannot be started: install OpenSSH', { cause: ran.cause });
}

/** Until Ctrl+C, or until frpc ends. */
async function stay(frpc: Frpc | null, signal: AbortSignal): Promise<number> {
  while (!signal.aborted) {
    if (frpc !== null && frpc.exit() !== null) throw new SpotrigError('connect_frpc', `frpc ended${saidBy(frpc)}`);
    await realClock.sleep(POLL_MS * 4);
  }
  return 0;
}

/** Beside the answer: on standard error. */
function say(text: string): void {
  console.error(`spotrig connect: ${text}`);
}

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}
