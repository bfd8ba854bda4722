// `spotrig probe`: measures pool endpoints from this machine, step by step, and says why one is not reached. The same operations as
// the worker's, by hand.
import { readFile } from 'node:fs/promises';
import type { ParseArgsOptionsConfig } from 'node:util';
import packageJson from '../../package.json' with { type: 'json' };
import { realClock } from '../../platform/clock.ts';
import { messageOf } from '../../platform/errors.ts';
import type { CollectorAccess, TraceStep } from '../../reporter/net/context.ts';
import { netDeps } from '../../reporter/net/deps.ts';
import { profileWith, type ProbeProfile } from '../../reporter/net/profile.ts';
import { probeRun } from '../../reporter/net/run.ts';
import { poolTarget } from '../../reporter/net/targets.ts';
import type { RunTarget } from '../../reporter/net/context.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { DIALECTS, type Dialect } from '../../wire/dialect.ts';
import type { ReachabilityRecord } from '../../wire/reachability.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = 'measure from here how a pool is reached, and why not';

const HELP = `spotrig probe: measure pool endpoints from this machine, step by step

  probe POOL-URL...       like stratum+tcp://host:port or stratum+ssl://host:port?dialect=kaspa; it is said what each step found,
                          and the verdict with its evidence. Nothing is mined and no account is used.

  --dialect NAME          what the pools speak, where the address does not say (default bitcoin): ${DIALECTS.filter((d) => d !== 'unknown').join(', ')}
  --collector URL         ask this collector how the pools look from outside; may be given again
  --collector-pin PIN     base64 SHA-256 of an https collector's public key; may be given again
  --token-file FILE       a worker's token for the collector: control and bulk need one
  --profile FILE          JSON whose fields replace the defaults of timers, resolvers and sites (reporter/net/profile.ts)
  --full                  also what otherwise only a suspicion asks for: a watch over the connection, variants after every
                          failure, and bulk to the collector
  --json                  print an array of reachability records instead

Exit code 0 when every endpoint is reachable, 1 when one is not, 64 when the call was wrong.
`;

const OPTIONS = {
  dialect: { type: 'string', default: 'bitcoin' },
  collector: { type: 'string', multiple: true, default: [] },
  'collector-pin': { type: 'string', multiple: true, default: [] },
  'token-file': { type: 'string' },
  profile: { type: 'string' },
  full: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** `spotrig probe …`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const targets = readTargets(positionals, values.dialect);
    const token =
      values['token-file'] === undefined ? null : (await readText(values['token-file'], 'token-file')).trim();
    const collectors = readCollectors(values.collector, values['collector-pin'], token);
    const profile = await readProfile(values.profile);
    const say = values.json ? () => undefined : (step: TraceStep) => process.stdout.write(`${traceLine(step)}\n`);
    const { records } = await probeRun(
      {
        ...{ targets, collectors, profile, agent: `spotrig-probe/${packageJson.version}` },
        ...{ isWatched: values.full, isBulkDue: values.full, isFull: values.full },
        ...{ history: () => [], rest: new Map(), trace: say },
      },
      netDeps(realClock, Math.random),
    );
    process.stdout.write(
      values.json ? `${JSON.stringify(records, null, 2)}\n` : `\n${records.map(conclusion).join('\n')}\n`,
    );
    return records.every(isReached) ? 0 : 1;
  } catch (error) {
    console.error(`spotrig probe: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}

function readTargets(urls: readonly string[], dialectText: string): RunTarget[] {
  if (urls.length === 0) throw new UsageError('name a pool, like stratum+tcp://host:port; see --help');
  const dialect = DIALECTS.find((name): name is Dialect => name === dialectText);
  if (dialect === undefined) throw new UsageError(`--dialect: one of ${DIALECTS.join(', ')}`);
  return urls.map((url) => {
    const read = parsePoolUrl(url);
    if ('complaints' in read) throw new UsageError(`the pool's address ${read.complaints.join('; ')}`);
    if (read.pool.frp !== null) throw new UsageError('a pool through frp cannot be probed: name the pool itself');
    return poolTarget(read.pool, dialect);
  });
}

function readCollectors(urls: readonly string[], pins: readonly string[], token: string | null): CollectorAccess[] {
  return urls.map((url) => {
    const { protocol } = URL.parse(url) ?? {};
    if (protocol !== 'http:' && protocol !== 'https:') throw new UsageError('--collector: an http(s) address');
    return { url: url.replace(/\/+$/, ''), pins, token };
  });
}

async function readProfile(file: string | undefined): Promise<ProbeProfile> {
  if (file === undefined) return profileWith({});
  const text = await readText(file, 'profile');
  try {
    return profileWith(JSON.parse(text));
  } catch (error) {
    throw new UsageError(`--profile: ${messageOf(error)}`, { cause: error });
  }
}

async function readText(file: string, option: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UsageError(`--${option}: ${messageOf(error)}`, { cause: error });
  }
}

/** One step: who, what, how long, how it ended. Foreign text is cleaned where it was read. */
function traceLine({ target, what, ms, failure, note }: TraceStep): string {
  const took = ms === null ? '' : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  const result = failure ?? 'ok';
  return `${(target ?? '-').padEnd(36)} ${what.padEnd(34)} ${took.padStart(9)}  ${result}${note.trim() === '' ? '' : `  (${note.trim()})`}`;
}

function conclusion(record: ReachabilityRecord): string {
  const { target, verdict, operation, failure } = record;
  if (verdict === null) return `${target.url}: no verdict`;
  const how = [verdict.method, verdict.scope].filter((word) => word !== null).join(', ');
  const flags = verdict.flags.length === 0 ? '' : ` [${verdict.flags.join(', ')}]`;
  const end = operation === null ? '' : `\n  failed at ${operation}: ${failure ?? 'unknown'}`;
  const evidence = verdict.evidence.map((line) => `\n  - ${line}`).join('');
  const confidence = verdict.confidence.toFixed(2);
  return `${target.url}: ${verdict.verdict}${how === '' ? '' : ` (${how})`}${flags}, confidence ${confidence}${end}${evidence}`;
}

function isReached({ verdict }: ReachabilityRecord): boolean {
  return verdict?.verdict === 'reachable' || verdict?.verdict === 'reachable_stable';
}
