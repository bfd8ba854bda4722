// The real frps and frpc as processes of a test: each in a group of its own, ended with the test, and by the kernel if the test itself
// is killed. Configurations are objects, written as TOML beside the process's log.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'smol-toml';
import { spawnGroup } from '../../platform/process.ts';

const LINES_MAX = 400;
/** Sends KILL to the program when the one that started it is gone. */
const WITH_US = ['setpriv', '--pdeathsig', 'KILL'];

export interface FrpProcess {
  readonly pid: number;
  /** What it said, its last lines. */
  lines(): readonly string[];
  /** Resolves with the first line, past or to come, that matches. Rejects with its words when it ends before or does not come. */
  said(pattern: RegExp, limitMs?: number): Promise<string>;
  /** Ends it by KILL, as a crash does. */
  kill(): Promise<void>;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

export interface FrpProcessOptions {
  /** Path of frps or frpc. */
  program: string;
  /** Folder for the configuration; private. */
  dir: string;
  /** Begins the names of its files. */
  name: string;
  config: object;
  env?: Record<string, string>;
  /** Command in front of it, like `ip netns exec name`. */
  prefix?: readonly string[];
}

/** Writes the configuration (mode 0600) and starts the program. */
export async function startFrp(o: FrpProcessOptions): Promise<FrpProcess> {
  const path = join(o.dir, `${o.name}.toml`);
  await writeFile(path, stringify({ log: { to: 'console', disablePrintColor: true }, ...o.config }), { mode: 0o600 });
  const child = spawnGroup({
    argv: [...WITH_US, ...(o.prefix ?? []), o.program, '-c', path],
    env: { PATH: process.env['PATH'] ?? '', ...o.env },
    stdout: 'pipe',
    stderr: 'stdout',
  });
  const lines: string[] = [];
  const listeners = new Set<() => void>();
  if (child.stdout === null) throw new Error(`${o.program} could not be started`);
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    if (lines.length > LINES_MAX) lines.shift();
    for (const look of listeners) look();
  });
  let isOver = false;
  const ended = child.exited.then(() => (isOver = true));
  return {
    pid: child.pid,
    lines: () => lines,
    ended,
    async said(pattern, limitMs = 20_000) {
      const end = performance.now() + limitMs;
      for (;;) {
        const found = lines.find((line) => pattern.test(line));
        if (found !== undefined) return found;
        const words = lines.slice(-10).join('\n');
        if (isOver) throw new Error(`${o.name} ended before it said ${String(pattern)}:\n${words}`);
        if (performance.now() > end) throw new Error(`${o.name} did not say ${String(pattern)} in time:\n${words}`);
        await new Promise<void>((resolve) => {
          const go = (): void => {
            clearTimeout(timer);
            listeners.delete(go);
            resolve();
          };
          const timer = setTimeout(go, 100);
          listeners.add(go);
        });
      }
    },
    async kill() {
      child.kill('SIGKILL');
      // The child does not keep Node alive.
      const alive = setInterval(() => undefined, 60_000);
      await ended;
      clearInterval(alive);
    },
  };
}

/** frps and frpc share it; a file would do as well, and is what the product uses. */
export const tokenAuth = (token: string): object => ({ method: 'token', token });

/** frps on loopback as the tests want it: found dead peers soon, TLS where a certificate is given. */
export function frpsConfig(o: {
  port: number;
  token: string;
  host?: string;
  certificate?: { certFile: string; keyFile: string };
  more?: object;
}): object {
  return {
    ...{ bindAddr: o.host ?? '127.0.0.1', bindPort: o.port, auth: tokenAuth(o.token) },
    transport: {
      tcpMuxKeepaliveInterval: 10,
      ...(o.certificate === undefined ? {} : { tls: { ...o.certificate, force: false } }),
    },
    ...o.more,
  };
}

/** frpc of this user, towards frps on loopback. */
export function frpcConfig(o: { port: number; token: string; user: string; host?: string; more?: object }): object {
  const common = { serverAddr: o.host ?? '127.0.0.1', serverPort: o.port, user: o.user, loginFailExit: false };
  return { ...common, auth: tokenAuth(o.token), ...o.more };
}

/** What the operator exports: the target's proxy. */
export function exportOf(name: string, secretKey: string, localPort: number, localIP = '127.0.0.1'): object {
  return { name, type: 'stcp', secretKey, allowUsers: ['*'], localIP, localPort };
}

/** The worker's visitor of an export. */
export function visitorOf(name: string, serverName: string, secretKey: string, bindPort: number): object {
  return { name, type: 'stcp', serverUser: '_egress', serverName, secretKey, bindAddr: '127.0.0.1', bindPort };
}
