// The owner's frpc, for as long as a command runs: its configuration in a private folder that goes with it, its words kept.
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'smol-toml';
import { type FrpTransport, transportOf } from '../../entrypoint/frp/transport.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { runForOutput, spawnGroup } from '../../platform/process.ts';
import { scrub } from '../../platform/secrets.ts';
import type { FrpAddress } from '../../stratum/frp-url.ts';
import { FRP_TICKET_META, type FrpRung } from '../../wire/frp-names.ts';

const LINES_MAX = 200;
const LINE_MAX_CHARS = 400;
const VERSION_MS = 10_000;
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
}

/**
 * Starts frpc by one rung of one address. `proxy` of the environment is not inherited: frpc would take it, even for loopback. Throws
 * `frpc_rung` for a rung that the address has not, or that cannot be tried from here.
 */
export async function startFrpc(o: {
  program: string;
  address: FrpAddress;
  rung: FrpRung;
  login: FrpcLogin;
  visitors: readonly object[];
}): Promise<Frpc> {
  // Memory, where there is such a folder: what is left by a kill is gone with the machine.
  const dir = await mkdtemp(join(process.env['XDG_RUNTIME_DIR'] ?? tmpdir(), 'spotrig-frpc-')).catch(
    (error: unknown) => {
      if (!isErrno(error, 'ENOENT', 'EACCES', 'EROFS')) throw error;
      return mkdtemp(join(tmpdir(), 'spotrig-frpc-'));
    },
  );
  const removed = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const caPath = join(dir, 'ca.pem');
    const way = transportOf(o.address, o.rung, caPath);
    if (way === null) throw new SpotrigError('frpc_rung', `${o.address.url} cannot be tried by ${o.rung} from here`);
    await writeFile(caPath, o.login.caPem, { mode: 0o600 });
    const path = join(dir, 'frpc.toml');
    await writeFile(path, stringify(tomlOf(way, o)), { mode: 0o600 });
    // The kernel ends it if this process is killed.
    const guard = existsSync(SETPRIV) ? [SETPRIV, '--pdeathsig', 'KILL'] : [];
    const child = spawnGroup({
      argv: [...guard, o.program, '-c', path],
      env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', ...way.env },
      ...{ stdout: 'pipe', stderr: 'stdout' },
    });
    const lines: string[] = [];
    let exit: ReturnType<Frpc['exit']> = null;
    const ended = child.exited.then(({ code, error }) => (exit = { code, error }));
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        lines.push(
          scrub(line)
            .replaceAll(/[^\x20-\x7e]/g, '?')
            .slice(0, LINE_MAX_CHARS),
        );
        if (lines.length > LINES_MAX) lines.shift();
      });
    }
    return {
      lines: () => lines,
      exit: () => exit,
      async close() {
        child.kill('SIGKILL');
        // The child does not keep Node alive.
        const alive = setInterval(() => undefined, 1000);
        await ended;
        clearInterval(alive);
        await removed();
      },
    };
  } catch (error) {
    await removed();
    throw error;
  }
}

function tomlOf(way: FrpTransport, o: { login: FrpcLogin; visitors: readonly object[] }): object {
  const { user, ticket, token } = o.login;
  return {
    ...{ serverAddr: way.serverAddr, serverPort: way.serverPort, transport: way.transport },
    ...{ user, loginFailExit: true, log: { to: 'console', disablePrintColor: true } },
    ...(token === null ? {} : { auth: { method: 'token', token } }),
    ...(ticket === null ? {} : { metadatas: { [FRP_TICKET_META]: ticket } }),
    visitors: [...o.visitors],
  };
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
