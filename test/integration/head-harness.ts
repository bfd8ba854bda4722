// Runs real heads under bash against a mirror in this process. The runtime is a stand-in: a bash script that hands over
// to the Node of the tests; so is the payload (head-stand-in.ts).
import { chmod, mkdir, mkdtemp, readFile, readdir, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { sha256Of } from '../../scripts/release/head.ts';
import type { Manifest } from '../../scripts/release/manifest.ts';
import { buildRelease } from '../../scripts/release/release.ts';

/** A token of the right form; its mac is the secret that must not show anywhere. */
export const MAC = 'm'.repeat(43);
export const TOKEN = `sr1.k1.rig-7.1999999999.${MAC}`;

const COREUTILS =
  'tail head sha256sum cat tee timeout stat mkdir rm mv chmod sync ln readlink df cp truncate'; // prettier-ignore

/** A release around the stand-ins, in a folder of its own. */
export interface StandInRelease {
  dir: string;
  manifest: Manifest;
  head: Buffer;
  whole: Buffer;
  /** Digest by a word of its description: payload, part two, gzip. */
  digest(word: string): string;
  /** Digest of the runtime that a head with every tool takes: xz where this machine could make it. */
  runtime: string;
}

/** Builds the stand-in release. The runtime is padded with bytes that do not compress, so that it takes many ranges. */
export async function buildStandInRelease(): Promise<StandInRelease> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-head-'));
  const runtimePath = join(dir, 'stand-in-node');
  const noise = Buffer.concat(Array.from({ length: 2500 }, (_, i) => Buffer.from(sha256Of(String(i)), 'hex')));
  await writeFile(runtimePath, Buffer.concat([Buffer.from(`#!/bin/bash\nexec ${process.execPath} "$@"\n`), noise]));
  const settingsPath = join(dir, 'release.toml');
  await writeFile(settingsPath, 'mirrors = []\nnode_flags = ["--max-semi-space-size=1"]\n');
  const manifest = await buildRelease({
    out: join(dir, 'dist'),
    entry: 'test/integration/head-stand-in.ts',
    xz: 'make',
    log: () => {},
    settingsPath,
    runtimePath,
    cacheDir: join(dir, 'cache'),
  });
  const digest = (word: string): string => {
    const file = manifest.files.find((f) => f.name.startsWith('artifacts/') && f.what.includes(word));
    if (file === undefined) throw new Error(`no artefact "${word}"`);
    return file.sha256;
  };
  return {
    dir,
    manifest,
    head: await readFile(join(dir, 'dist/loader.sh')),
    whole: await readFile(join(dir, 'dist/entrypoint.sh')),
    digest,
    runtime: digest('Node runtime'), // xz is listed first
  };
}

/** Serves a release's artefacts with ranges and takes hellos. What it does wrong is set by the test. */
export class Mirror {
  readonly requests: { path: string; range: string | undefined; authorization: string | undefined }[] = [];
  readonly hellos: { authorization: string | undefined; body: string }[] = [];
  /** Bytes to serve in place of an artefact. */
  readonly instead = new Map<string, Buffer>();
  /** Served for every path, as a captive portal does. */
  always: Buffer | null = null;
  /** Every connection is cut after so many bytes of body. */
  cutAfter = Infinity;
  /** Ranges are not honoured: every answer is the whole file. */
  ignoresRanges = false;
  /** Answers wait for this. */
  gate: Promise<void> = Promise.resolve();
  url = '';
  readonly #release: StandInRelease;
  readonly #server: Server;

  constructor(release: StandInRelease) {
    this.#release = release;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
    return this;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { authorization, range } = request.headers;
    const path = request.url ?? '';
    if (request.method === 'POST') {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      this.hellos.push({ authorization, body: Buffer.concat(chunks).toString() });
      response.end('{}');
      return;
    }
    this.requests.push({ path, range, authorization });
    await this.gate;
    const digest = path.replace('/artifacts/', '');
    const whole =
      this.always ??
      this.instead.get(digest) ??
      (await readFile(join(this.#release.dir, 'dist', path)).catch(() => null));
    if (whole === null) {
      response.writeHead(404).end('<html>not here</html>');
      return;
    }
    const asked = this.ignoresRanges ? null : /bytes=(\d+)-(\d*)/.exec(range ?? '');
    const start = Number(asked?.[1] ?? 0);
    if (start >= whole.length) {
      response.writeHead(416).end();
      return;
    }
    const end =
      asked?.[2] === undefined || asked[2] === '' ? whole.length : Math.min(Number(asked[2]) + 1, whole.length);
    response.writeHead(asked === null ? 200 : 206, {
      'content-length': end - start,
      ...(asked === null ? {} : { 'content-range': `bytes ${start}-${end - 1}/${whole.length}` }),
    });
    if (end - start <= this.cutAfter) response.end(whole.subarray(start, end));
    else response.write(whole.subarray(start, start + this.cutAfter), () => request.socket.destroySoon());
  }
}

/** One rented container, reduced to a folder: the script's place, the home, and a PATH with the chosen tools only. */
export class HeadRig {
  readonly dir: string;
  readonly script: string;
  readonly home: string;
  readonly #running = new Set<RunningHead>();

  private constructor(dir: string) {
    this.dir = dir;
    this.script = join(dir, 'onstart.sh');
    this.home = join(dir, 'home');
  }

  /** `tools` (default: all that this machine has) are looked up; each call of one is noted in argv.log. `sleep` is noted too, and is short. */
  static async create(script: Buffer, tools?: readonly string[]): Promise<HeadRig> {
    tools ??= await present('wget', 'curl', 'python3', 'xz', 'gzip');
    const rig = new HeadRig(await mkdtemp(join(tmpdir(), 'spotrig-rig-')));
    await writeFile(rig.script, script, { mode: 0o755 });
    await mkdir(join(rig.dir, 'bin'));
    for (const name of COREUTILS.split(' ')) await symlink(await realPathOf(name), join(rig.dir, 'bin', name));
    for (const name of tools) {
      await rig.#program(
        name,
        `printf '%s\\n' "${name} $*" >>${rig.dir}/argv.log; exec ${await realPathOf(name)} "$@"`,
      );
    }
    await rig.#program('sleep', `echo "$1" >>${rig.dir}/sleeps.log; exec ${await realPathOf('sleep')} 0.03`);
    return rig;
  }

  async #program(name: string, body: string): Promise<void> {
    const path = join(this.dir, 'bin', name);
    await writeFile(path, `#!/bin/bash\n${body}\n`);
    await chmod(path, 0o755);
  }

  /** Starts the script as the contract does: as a program, by its path. */
  start(env: Record<string, string> = {}): RunningHead {
    const child = execa(this.script, [], {
      cwd: this.dir,
      extendEnv: false,
      env: { PATH: join(this.dir, 'bin'), SPOTRIG_HOME: this.home, ...env },
      all: true,
      reject: false,
    });
    const head: RunningHead = { pid: child.pid ?? 0, ended: child.then((r) => ({ code: r.exitCode, output: r.all })) };
    this.#running.add(head);
    void head.ended.then(() => this.#running.delete(head));
    return head;
  }

  /** What the stand-in payload noted. */
  async notes(): Promise<Record<string, unknown>[]> {
    const text = await this.read('home/stand-in.jsonl');
    return text.split('\n').filter(Boolean).map((line) => JSON.parse(line) as Record<string, unknown>); // prettier-ignore
  }

  /** A file under the rig's folder; empty when absent. */
  async read(name: string): Promise<string> {
    return await readFile(join(this.dir, name), 'utf8').catch(() => '');
  }

  async list(name: string): Promise<string[]> {
    const names: string[] = await readdir(join(this.dir, name)).catch(() => []);
    return names.toSorted();
  }

  /** Ends every process of this rig (each works in its folder) and removes the folder. */
  async destroy(): Promise<void> {
    let ended = false;
    void Promise.all([...this.#running].map((head) => head.ended)).then(() => (ended = true));
    for (const head of this.#running) kill(head.pid, 'SIGKILL');
    do {
      for (const pid of await this.#pids()) kill(pid, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 5));
    } while (!ended || (await this.#pids()).length > 0);
    await rm(this.dir, { recursive: true, force: true });
  }

  async #pids(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const places = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')));
    return pids.map(Number).filter((_, i) => places[i]?.startsWith(this.dir));
  }
}

export interface RunningHead {
  pid: number;
  ended: Promise<{ code: number | undefined; output: string | undefined }>;
}

/** Sends a signal; a process that is gone is no error. */
export function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // gone already
  }
}

/** Waits for a condition, looking every 20 ms; fails after `limit_ms`. */
export async function until<T>(look: () => Promise<T | false | undefined>, limit_ms = 8000): Promise<T> {
  for (const end = performance.now() + limit_ms; performance.now() < end;) {
    const seen = await look();
    if (seen !== false && seen !== undefined) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('the condition did not come true');
}

const realPaths = new Map<string, Promise<string>>();

/** The program itself, behind version managers' shims. Looked up once: every rig asks for some twenty of them. */
function realPathOf(name: string): Promise<string> {
  const found = realPaths.get(name) ?? lookUp(name);
  realPaths.set(name, found);
  return found;
}

async function lookUp(name: string): Promise<string> {
  if (name === 'python3') return (await execa('python3', ['-c', 'import sys;print(sys.executable)'])).stdout;
  return (await execa('bash', ['-c', 'type -P "$1"', 'type', name])).stdout;
}

/** Those of the named programs that this machine has. */
export async function present(...names: string[]): Promise<string[]> {
  const found = await Promise.all(names.map((name) => realPathOf(name).then(() => true, () => false))); // prettier-ignore
  return names.filter((_, i) => found[i]);
}

/** The parent's pid; null when the process is gone or a zombie. */
export async function parentOf(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === undefined || state === '' || state === 'Z' ? null : Number(parent);
}
