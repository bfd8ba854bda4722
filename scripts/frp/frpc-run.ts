// The owner's frpc, for as long as a command runs: its configuration in a private folder that goes with it, its words kept.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { commonPart, frpcToml } from '../../entrypoint/frp/config.ts';
import { isListening } from '../../entrypoint/frp/frpc.ts';
import type { Way } from '../../entrypoint/frp/ladder.ts';
import { sshArgv, writeSshFiles } from '../../entrypoint/frp/ssh.ts';
import { transportOf } from '../../entrypoint/frp/transport.ts';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { realClock } from '../../platform/clock.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { runForOutput, spawnGroup } from '../../platform/process.ts';
import { scrub } from '../../platform/secrets.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';

const LINES_MAX = 200;
const LINE_MAX_CHARS = 400;
const VERSION_MS = 10_000;
const SSH_LOOK_MS = 100;
const SETPRIV = '/usr/bin/setpriv';

/** The version of a program frpc. Throws `frpc_missing` when it cannot be run, with how to mend it. */
export async function frpcVersion(program: string): Promise<string> {
  const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' };
  const ran = await runForOutput({ argv: [program, '--version'], env, timeoutMs: VERSION_MS, maxBytes: 4096 });
  const version = /^v?(\d+\.\d+\.\d+)/.exec(ran.stdout.trim())?.[1];
  if (ran.code === 0 && version !== undefined) return version;
  throw new SpotrigError('frpc_missing', `${program} is no frpc that runs here: name one by --frpc`, {
    cause: ran.error ?? undefined,
  });
}

export interface Frpc {
  /** What it said last, without secrets. */
  lines(): readonly string[];
  /** null while it runs. */
  exit(): { code: number | null; error: Error | null } | null;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

/** Who logs in, and by what. */
export interface FrpcLogin {
  user: string;
  /** null: no ticket; frps's hook will refuse. */
  ticket: string | null;
  /** frp's own token; null where frps has none. */
  token: string | null;
  caPem: string;
  /** OpenSSH private key of the account beside frps; null: the rung `ssh` cannot be tried. */
  sshKey: string | null;
}

/**
 * Starts frpc by one way to one address, for the rung `ssh` inside an SSH session as the worker's. `proxy` of the environment is not
 * inherited: frpc would take it, even for loopback. Throws `frpc_rung` for a rung that the address has not, or that cannot be tried from here.
 */
export async function startFrpc(o: {
  program: string;
  address: FrpAddress;
  way: Omit<Way, 'place'>;
  login: FrpcLogin;
  visitors: readonly object[];
}): Promise<Frpc> {
  const dir = await privateFolder();
  const run = new Run(dir);
  try {
    const { address, way, login } = o;
    const sshPort = way.rung === 'ssh' && login.sshKey !== null ? await freeLoopbackPort() : undefined;
    const caPath = join(dir, 'ca.pem');
    const tokenPath = login.token === null ? null : join(dir, 'token');
    const more = {
      ...(sshPort === undefined ? {} : { sshPort }),
      ...(way.name === undefined ? {} : { otherName: way.name }),
    };
    const transport = transportOf(address, way.rung, caPath, more);
    if (transport === null)
      throw new SpotrigError('frpc_rung', `${address.url} cannot be tried by ${way.rung} from here`);
    const common = commonPart({ way: transport, user: login.user, ticket: login.ticket, tokenPath, admin: null });
    const path = join(dir, 'frpc.toml');
    await writeFile(caPath, login.caPem, { mode: 0o600 });
    if (tokenPath !== null && login.token !== null) await writeFile(tokenPath, login.token, { mode: 0o600 });
    await writeFile(path, frpcToml(common, { visitors: [...o.visitors] }), { mode: 0o600 });
    const argv = [o.program, '-c', path];
    if (sshPort === undefined || address.ssh === null || login.sshKey === null) {
      run.start(argv, transport.env);
      return run;
    }
    await writeSshFiles(dir, address.ssh, login.sshKey, sshPort);
    run.start(sshArgv(dir), {});
    void run.startBehind(sshPort, argv, transport.env);
    return run;
  } catch (error) {
    await run.close();
    throw error;
  }
}

/** In memory, where there is such a folder: what is left by a kill is gone with the machine. */
function privateFolder(): Promise<string> {
  return mkdtemp(join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), 'spotrig-frpc-')).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EROFS')) throw error;
    return mkdtemp(join(tmpdir(), 'spotrig-frpc-'));
  });
}

/** frpc, and the ssh before it where there is one: what they say, and that both end together. */
class Run implements Frpc {
  readonly #dir: string;
  readonly #children: { kill(signal: NodeJS.Signals): void; ended: Promise<unknown> }[] = [];
  readonly #lines: string[] = [];
  #exit: ReturnType<Frpc['exit']> = null;
  #isClosed = false;

  constructor(dir: string) {
    this.#dir = dir;
  }

  lines(): readonly string[] {
    return this.#lines;
  }

  exit(): ReturnType<Frpc['exit']> {
    return this.#exit;
  }

  start(argv: readonly string[], env: Readonly<Record<string, string>>): void {
    // The kernel ends it if this process is killed.
    const guard = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL'] : [];
    const child = spawnGroup({
      argv: [...guard, ...argv],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...env },
      ...{ stdout: 'pipe', stderr: 'stdout' },
    });
    const ended = child.exited.then(({ code, error }) => (this.#exit ??= { code, error }));
    this.#children.push({ kill: (signal) => child.kill(signal), ended });
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const plain = scrub(line).replaceAll(/[^\x20-\x7e]/g, '?');
      this.#lines.push(plain.slice(0, LINE_MAX_CHARS));
      if (this.#lines.length > LINES_MAX) this.#lines.shift();
    });
  }

  /** Once ssh listens at its end; where it ends before, that is the end of all. */
  async startBehind(sshPort: number, argv: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
    while (!this.#isClosed && this.#exit === null) {
      if (await isListening(sshPort)) {
        if (!this.#isClosed) this.start(argv, env);
        return;
      }
      await realClock.sleep(SSH_LOOK_MS);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const child of this.#children) child.kill('SIGKILL');
    // A child does not keep Node alive.
    const alive = setInterval(() => undefined, 1000);
    await Promise.all(this.#children.map(({ ended }) => ended));
    clearInterval(alive);
    await rm(this.#dir, { recursive: true, force: true });
  }
}

export type LoginState = 'in' | 'waiting' | 'failed';

/** Whether it has logged in, by its words. */
export function loginState(frpc: Pick<Frpc, 'lines' | 'exit'>): LoginState {
  if (frpc.lines().some((line) => line.includes('login to server success'))) return 'in';
  return frpc.exit() === null ? 'waiting' : 'failed';
}

/** Why it is not in, in its own words, the last ones that complain; null where it said nothing. */
export function complaintOf(frpc: Pick<Frpc, 'lines' | 'exit'>): string | null {
  const failed = frpc.exit()?.error;
  if (failed !== null && failed !== undefined) return `frpc cannot be started: ${failed.message}`;
  const line = frpc.lines().findLast((one) => /error|failed|refused|denied|invalid|no such/i.test(one));
  return line?.replace(/^[\d\-:. ]+\[[A-Z]\] (?:\[[^\]]*\] )*/, '') ?? null;
}
