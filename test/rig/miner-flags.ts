// The practice miner's command line: t-rex's flags as far as they matter, and its own `--practice-*` ones.
// The latter may also come from the environment (PRACTICE_THROTTLE_HS for --practice-throttle-hs), so that a supervisor
// need not know them; a flag beats the environment.

/** How the API answers: as it should, never, with a page instead of JSON, or with JSON that is cut in the middle. */
export type ApiMode = 'ok' | 'hang' | 'html' | 'truncate';

export interface MinerFlags {
  algo: string;
  dialect: 'bitcoin' | 'cryptonote';
  poolUrl: string;
  host: string;
  port: number;
  login: string;
  user: string;
  worker: string;
  pass: string;
  /** null = no API (`--api-bind-http 0`). */
  api: { host: string; port: number } | null;
  averageWindow_s: number;
  /** 0 = as fast as one core goes. */
  throttle_hs: number;
  /** Of the time in which it got no processor so much is made up for; the rest is lost. */
  catchUpMs: number;
  inflate: number;
  dagMs: number;
  gpus: number;
  apiMode: ApiMode;
  /** null = never. */
  exitAfterMs: number | null;
  exitCode: number;
  stallAfterMs: number | null;
  reconnectMs: number;
  ignoreInt: boolean;
  ignoreTerm: boolean;
  /** A line printed once when hashing begins, such as one that tells of a lost GPU; empty = none. */
  say: string;
}

const VALUE_FLAGS: Record<string, string> = {
  '-a': 'algo',
  '--algo': 'algo',
  '-o': 'url',
  '--url': 'url',
  '-u': 'user',
  '--user': 'user',
  '-w': 'worker',
  '--worker': 'worker',
  '-p': 'pass',
  '--pass': 'pass',
  '-N': 'average',
  '--hashrate-avr': 'average',
  '--api-bind-http': 'api',
};

const POOL_FLAGS = new Set(['url', 'user', 'pass']);

const PRACTICE_FLAGS = {
  'throttle-hs': 'N     hashes per second, really; 0 = no limit (default 150000)',
  'catch-up-ms': 'N     makes up for so much time without a processor, at most (default 100)',
  inflate: 'F         claims F times the real rate in the API and the log (default 1)',
  'dag-ms': 'N          hashes nothing for so long at the start, as a DAG would (default 1500)',
  gpus: 'N            rows of made-up GPUs in the API (default 1)',
  api: 'MODE          ok, hang, html or truncate (default ok)',
  dialect: 'NAME      bitcoin or cryptonote (default bitcoin)',
  'exit-after-ms': 'N   exits by itself',
  'exit-code': 'N       with this code (default 1)',
  'stall-after-ms': 'N  stops hashing, stays alive and connected',
  'reconnect-ms': 'N    pause before it connects again (default 2000)',
  'ignore-int': '1      does not end on SIGINT',
  'ignore-term': '1     does not end on SIGTERM',
  say: 'TEXT          prints this line when hashing begins',
} as const;

type PracticeName = keyof typeof PRACTICE_FLAGS;

/** Text of `--help`. */
export const MINER_HELP = `practice-miner: a small real miner (sha256d on one CPU core) with t-rex's command line and API.

usage: practice-miner -a sha256d -o stratum+tcp://HOST:PORT -u WALLET [-w WORKER] [-p PASS] [--api-bind-http HOST:PORT] [-N SECONDS]
Other flags are ignored. Its own, each also as an environment variable (PRACTICE_THROTTLE_HS=…):
${Object.entries(PRACTICE_FLAGS)
  .map(([name, help]) => `  --practice-${name} ${help}`)
  .join('\n')}
`;

/** A wrong command line; the message is for the user. */
export class FlagError extends Error {}

function collect(argv: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (let at = 0; at < argv.length; at += 1) {
    const token = String(argv[at]);
    const next = argv[at + 1];
    const name = token.startsWith('--practice-') ? token.slice(2) : VALUE_FLAGS[token];
    // A negative number or another flag is never the value of a flag here.
    const hasValue = next !== undefined && !next.startsWith('-');
    if (name !== undefined) {
      if (!hasValue) throw new FlagError(`${token} needs a value`);
      // Of several pools the first is used; of other flags the last counts.
      if (!found.has(name) || !POOL_FLAGS.has(name)) found.set(name, next);
    }
    if (token.startsWith('-') && hasValue) at += 1;
  }
  return found;
}

function endpoint(text: string, flag: string): { host: string; port: number } {
  const match = /^(?:(.*):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) throw new FlagError(`${flag}: ${text} is not HOST:PORT`);
  return { host: match[1] ?? '127.0.0.1', port };
}

/** Reads argv (without node and script) and the environment. Throws FlagError with the flag's name. */
export function parseMinerFlags(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): MinerFlags {
  const found = collect(argv);
  const practice = (name: PracticeName): string | undefined =>
    found.get(`practice-${name}`) ?? env[`PRACTICE_${name.toUpperCase().replaceAll('-', '_')}`];
  const number = <T>(name: PracticeName, fallback: T): number | T => {
    const text = practice(name);
    if (text === undefined || text === '') return fallback;
    const value = Number(text);
    if (!Number.isFinite(value) || value < 0) throw new FlagError(`--practice-${name}: ${text} is not a number ≥ 0`);
    return value;
  };
  const oneOf = <T extends string>(name: PracticeName, allowed: readonly [T, ...T[]]): T => {
    const text = practice(name) ?? allowed[0];
    const value = allowed.find((candidate) => candidate === text);
    if (value === undefined) throw new FlagError(`--practice-${name}: ${text} is none of ${allowed.join(', ')}`);
    return value;
  };

  const poolUrl = found.get('url') ?? '';
  const pool = /^stratum\+tcp:\/\/(.+)$/.exec(poolUrl)?.[1];
  if (pool === undefined) throw new FlagError(`-o: "${poolUrl}" is not stratum+tcp://HOST:PORT`);
  const user = found.get('user') ?? '';
  if (user === '') throw new FlagError('-u is missing');
  const worker = found.get('worker') ?? '';
  const api = found.get('api') ?? '127.0.0.1:4067';
  const average = Number(found.get('average') ?? '60');
  return {
    algo: found.get('algo') ?? 'sha256d',
    dialect: oneOf('dialect', ['bitcoin', 'cryptonote']),
    poolUrl,
    ...endpoint(pool, '-o'),
    login: worker === '' ? user : `${user}.${worker}`,
    user,
    worker,
    pass: found.get('pass') ?? 'x',
    api: api === '0' ? null : endpoint(api, '--api-bind-http'),
    averageWindow_s: average >= 1 ? average : 60,
    throttle_hs: number('throttle-hs', 150_000),
    catchUpMs: number('catch-up-ms', 100),
    inflate: number('inflate', 1),
    dagMs: number('dag-ms', 1500),
    gpus: Math.min(32, Math.floor(number('gpus', 1))),
    apiMode: oneOf('api', ['ok', 'hang', 'html', 'truncate']),
    exitAfterMs: number('exit-after-ms', null),
    exitCode: number('exit-code', 1),
    stallAfterMs: number('stall-after-ms', null),
    reconnectMs: number('reconnect-ms', 2000),
    ignoreInt: number('ignore-int', 0) > 0,
    ignoreTerm: number('ignore-term', 0) > 0,
    say: practice('say') ?? '',
  };
}
