// `spotrig order`: from a fleet file and the market's snapshot to the exact bodies of the order API, and a reason for every other machine.
import { resolve } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { realClock } from '../../platform/clock.ts';
import { makeDir, writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { exclusively } from '../../platform/exclusive.ts';
import { httpRequest } from '../../platform/http.ts';
import { scrub } from '../../platform/secrets.ts';
import { type CollectorAccess, WrongOption, collectorAccess } from '../collector-access.ts';
import { CCR_LEDGER, lapseWarning } from '../order/ccr-ledger.ts';
import { JournalFile } from '../order/journal-file.ts';
import { MARKET_API } from '../order/market-api.ts';
import { marketOfApi, marketOfSnapshot, openApi } from '../order/market.ts';
import { type Prepared, prepare } from '../order/prepare.ts';
import { type Decided, decide, forget, known } from '../order/decide.ts';
import { type Done, carryOut } from '../order/carry-out.ts';
import { doneText, isGood, jsonText, planText } from '../order/report.ts';
import { readRunning } from '../order/sources.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = 'place orders on GigaSPOT by a fleet file';

const HELP = `spotrig order: orders for the machines of GigaSPOT that a fleet file wants, and a reason for each of the others

  order FLEET    FLEET is a TOML or JSON file (docs/fleet.toml.example has every key). Nothing is sent without --submit

  --submit               send the orders, each at most once: one whose outcome is not known is not sent again before a newer snapshot
                         shows that it is not there, or you --forget it
  --diff                 also what to change about this fleet's running orders: edits, and cancels of machines not wanted any more
  --replace              with --diff: cancel orders whose image or env would be another by now
  --orders FILE          the running orders for --diff, as JSON: [{"order_id", "server", "price", "oc"}] (default: those that the
                         journal knows; their ids are those of our bids in the snapshot)
  --forget SERVER|all    forget what was sent to this server, of which the journal does not know whether it is there

  --snapshot FILE|URL    the market's snapshot (default: asked of the API, which needs the key; --submit always asks)
  --my-user-id N         whose bids are ours in such a snapshot (default: as the API told the journal)
  --clore-usd PRICE      the price of CLORE in USD (default: as the API tells)
  --blacklist FILE|URL   servers and hosts that get no order (npx spotrig blacklist)
  --data DIR             the collector's data folder, for the workers' tokens (default ./var/collector)
  --state DIR            the journal of what was sent (default ./var/order)
  --ledger FILE          the images of \`spotrig ccr\` (default ${CCR_LEDGER})
  --key-file FILE        the API's key (or the variable CLORE_API_KEY)
  --api URL              the API (default ${MARKET_API})
  --settle-s N           a snapshot must be so much newer than a request to prove that nothing came of it (default 300)
  --collector URL        with --submit: tell this collector of the orders, until it has taken them
  --collector-pin PIN    base64 SHA-256 of its public key; may be given again
  --admin-token-file FILE  its admin's token (or the variable SPOTRIG_ADMIN_TOKEN)
  --out FILE             write the body of create_gigaspot_orders there, secrets and all (mode 0600); with --diff all three bodies
  --all                  tell the reason of every refused machine
  --json                 answer in JSON, secrets left out

Exit code 0 when all is well (also where no machine is wanted), 1 when something failed or its outcome is not known, 64 when the call was
wrong.
`;

const OPTIONS = {
  submit: { type: 'boolean', default: false },
  diff: { type: 'boolean', default: false },
  replace: { type: 'boolean', default: false },
  orders: { type: 'string' },
  forget: { type: 'string', multiple: true, default: [] },
  snapshot: { type: 'string' },
  'my-user-id': { type: 'string' },
  'clore-usd': { type: 'string' },
  blacklist: { type: 'string' },
  data: { type: 'string', default: './var/collector' },
  state: { type: 'string', default: './var/order' },
  ledger: { type: 'string', default: CCR_LEDGER },
  'key-file': { type: 'string' },
  api: { type: 'string', default: MARKET_API },
  'settle-s': { type: 'string', default: '300' },
  collector: { type: 'string' },
  'collector-pin': { type: 'string', multiple: true, default: [] },
  'admin-token-file': { type: 'string' },
  out: { type: 'string' },
  all: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];

const LOCK_WAIT_MS = 60_000;
const CCR_WARN_MS = 5 * 24 * 3600 * 1000;

/** `spotrig order …`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    const [fleetFile, ...rest] = positionals;
    if (fleetFile === undefined || rest.length > 0) throw new UsageError('give one fleet file; see --help');
    const call = await understood(fleetFile, values);
    return values.submit ? await locked(values, () => submit(call)) : await dryRun(call);
  } catch (error) {
    if (error instanceof UsageError || error instanceof WrongOption) {
      say(messageOf(error));
      return EX_USAGE;
    }
    if (!(error instanceof SpotrigError)) throw error;
    // Complaints of a file come a line each.
    for (const line of error.message.includes('\n') ? error.message.split('\n') : [messageOf(error)]) say(line);
    return 1;
  }
}

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}

/** A call whose words are all understood, and whose files are read. */
interface Call {
  flags: Flags;
  prepared: Prepared;
  collector: CollectorAccess | null;
  clore_usd: number | null;
  settle_ms: number;
}

async function understood(fleetFile: string, flags: Flags): Promise<Call> {
  const usd = flags['clore-usd'];
  const clore_usd = usd === undefined ? null : Number(usd);
  if (clore_usd !== null && !(clore_usd > 0 && clore_usd < Infinity))
    throw new UsageError('--clore-usd: a price above 0');
  if (!/^\d{1,15}$/.test(flags['my-user-id'] ?? '0')) throw new UsageError('--my-user-id: the number of a user');
  if (!/^\d{1,6}$/.test(flags['settle-s'])) throw new UsageError('--settle-s: a number of seconds');
  const odd = flags.forget.find((text) => text !== 'all' && !/^\d{1,12}$/.test(text));
  if (odd !== undefined) throw new UsageError(`--forget: the number of a server, or all, not ${JSON.stringify(odd)}`);
  if (flags.submit && (flags.snapshot !== undefined || flags['my-user-id'] !== undefined))
    throw new UsageError('--submit asks the API for the newest snapshot: leave --snapshot and --my-user-id out');
  if (!flags.diff && (flags.replace || flags.orders !== undefined))
    throw new UsageError('--replace and --orders need --diff');
  const collector =
    flags.collector === undefined
      ? null
      : await collectorAccess({
          ...{ collector: flags.collector, pins: flags['collector-pin'], data: flags.data },
          tokenFile: flags['admin-token-file'],
        });
  const { data, ledger, blacklist } = flags;
  const prepared = await prepare({ fleetFile, data, ledger, blacklist, collector, now_ms: realClock.nowMs() });
  const warning =
    prepared.ledgerImage === null ? null : lapseWarning(prepared.ledgerImage, realClock.nowMs(), CCR_WARN_MS);
  if (warning !== null) say(warning);
  return { flags, prepared, collector, clore_usd, settle_ms: Number(flags['settle-s']) * 1000 };
}

async function dryRun(call: Call): Promise<number> {
  const { flags, clore_usd, prepared, settle_ms } = call;
  const journal = await JournalFile.open(resolve(flags.state));
  const my_user_id = flags['my-user-id'] ?? journal.my_user_id;
  const market =
    flags.snapshot === undefined
      ? await marketOfApi(await apiOf(flags), clore_usd)
      : await marketOfSnapshot(flags.snapshot, { my_user_id, clore_usd });
  if (market.my_user_id === null)
    say('whose bids are ours is not known (--my-user-id): a machine that has one may get another');
  else journal.checkUser(market.my_user_id);
  const entries = known(forget(journal.entries, flags.forget), market, settle_ms);
  const decided = await decide({ prepared, market, entries, ...(await changesOf(flags)) });
  await writeOut(decided, flags);
  console.log(flags.json ? jsonText(decided, null) : planText(decided, flags.all));
  return 0;
}

async function submit(call: Call): Promise<number> {
  const { flags, prepared, settle_ms } = call;
  const journal = await JournalFile.open(resolve(flags.state));
  const api = await apiOf(flags);
  const market = await marketOfApi(api, call.clore_usd);
  journal.checkUser(market.my_user_id);
  await journal.write(known(forget(journal.entries, flags.forget), market, settle_ms), market.my_user_id);
  const decided = await decide({ prepared, market, entries: journal.entries, ...(await changesOf(flags)) });
  await writeOut(decided, flags);
  const ledger = resolve(flags.ledger);
  const done: Done = await carryOut(decided, { prepared, ports: { api, journal }, collector: call.collector, ledger });
  for (const warning of done.warnings) say(warning);
  console.log(flags.json ? jsonText(decided, done) : doneText(decided, done, flags.all));
  return isGood(done) ? 0 : 1;
}

async function changesOf(flags: Flags) {
  const running = flags.orders === undefined ? null : await readRunning(flags.orders);
  return { diff: flags.diff, replace: flags.replace, running };
}

/** Two runs at once would not see each other's orders. */
async function locked(flags: Flags, work: () => Promise<number>): Promise<number> {
  const folder = resolve(flags.state);
  await makeDir(folder);
  let isOurs = false;
  const waited = AbortSignal.timeout(LOCK_WAIT_MS);
  try {
    return await exclusively({ purpose: 'order', folder, clock: realClock, signal: waited }, () => {
      isOurs = true;
      return work();
    });
  } catch (error) {
    if (isOurs || !waited.aborted) throw error;
    throw new SpotrigError('order_locked', `another \`order --submit\` has been at work with ${folder} for a minute`);
  }
}

function apiOf(flags: Flags) {
  const ports = { clock: realClock, random: Math.random, request: httpRequest, say };
  return openApi({ api: flags.api, keyFile: flags['key-file'], ports });
}

async function writeOut({ plan: { orders }, diff }: Decided, { out }: Flags): Promise<void> {
  if (out === undefined) return;
  const create = orders.map(({ body }) => body);
  const bodies = diff === null ? create : { create, edit: diff.edits, cancel: diff.cancels };
  await writeFileDurable(resolve(out), `${JSON.stringify(bodies, null, 2)}\n`);
}

/** Beside the answer: on standard error. */
function say(text: string): void {
  console.error(`spotrig order: ${scrub(text)}`);
}
