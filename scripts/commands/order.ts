// `spotrig order`: from a fleet file and the market's snapshot to the exact bodies of the order API, and a reason for every other machine.
import { resolve } from 'node:path';
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { realClock } from '../../platform/clock.ts';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { httpRequest } from '../../platform/http.ts';
import { registerSecret, scrub } from '../../platform/secrets.ts';
import { CCR_LEDGER, lapseWarning } from '../order/ccr-ledger.ts';
import { isWorkerFleet } from '../order/fleet.ts';
import { JournalFile } from '../order/journal-file.ts';
import { heldServers, rigsInUse, runningOf, settle } from '../order/journal.ts';
import { MARKET_API, MarketApi } from '../order/market-api.ts';
import { type Plan, type PlanInput, plan } from '../order/plan.ts';
import { type Prepared, prepare } from '../order/prepare.ts';
import { ordersText, refusalsText, shownOrder, shownRefusal } from '../order/report.ts';
import { type Snapshot, snapshotTimeS } from '../order/snapshot.ts';
import { readSnapshot, readText } from '../order/sources.ts';

export const summary = 'place orders on GigaSPOT by a fleet file';

const HELP = `spotrig order: orders for the machines of GigaSPOT that a fleet file wants, and a reason for each of the others

  order FLEET    FLEET is a TOML or JSON file (docs/fleet.toml.example has every key). Nothing is sent without --submit

  --snapshot FILE|URL    the market's snapshot (default: asked of the API, which needs the key)
  --my-user-id N         whose bids are ours in such a snapshot (default: as the API told the journal)
  --clore-usd PRICE      the price of CLORE, where the fleet file bids in USD and no API is asked
  --blacklist FILE|URL   servers and hosts that get no order (npx spotrig blacklist)
  --data DIR             the collector's data folder, for the workers' tokens (default ./var/collector)
  --state DIR            the journal of what was sent (default ./var/order)
  --ledger FILE          the images of \`spotrig ccr\` (default ${CCR_LEDGER})
  --key-file FILE        the API's key (or the variable CLORE_API_KEY)
  --api URL              the API (default ${MARKET_API})
  --out FILE             write the body of create_gigaspot_orders there, secrets and all (mode 0600)
  --all                  tell the reason of every refused machine
  --json                 answer in JSON, secrets left out

Exit code 0 when all is well (also where no machine is wanted), 1 when something failed, 64 when the call was wrong.
`;

const OPTIONS = {
  snapshot: { type: 'string' },
  'my-user-id': { type: 'string' },
  'clore-usd': { type: 'string' },
  blacklist: { type: 'string' },
  data: { type: 'string', default: './var/collector' },
  state: { type: 'string', default: './var/order' },
  ledger: { type: 'string', default: CCR_LEDGER },
  'key-file': { type: 'string' },
  api: { type: 'string', default: MARKET_API },
  out: { type: 'string' },
  all: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

type Flags = ReturnType<typeof parsed>['values'];

const EX_USAGE = 64;
const KEY_MAX_BYTES = 10_000;
/** After a request left, a snapshot must be so much newer to prove that nothing came of it. */
const SETTLE_MS = 300_000;
const CCR_WARN_MS = 5 * 24 * 3600 * 1000;

/** A call that was not understood; its message says what would be. */
class UsageError extends Error {}

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
    return await dryRun(fleetFile, values);
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`spotrig order: ${messageOf(error)}`);
      return EX_USAGE;
    }
    if (!(error instanceof SpotrigError)) throw error;
    // Complaints of a file come a line each.
    const lines = error.message.includes('\n') ? scrub(error.message).split('\n') : [messageOf(error)];
    for (const line of lines) console.error(`spotrig order: ${line}`);
    return 1;
  }
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}

/** The snapshot, with what is known of it. */
interface Market {
  snapshot: Snapshot;
  taken_ms: number | null;
  my_user_id: string | null;
  clore_usd: number | null;
}

async function dryRun(fleetFile: string, flags: Flags): Promise<number> {
  const prepared = await prepare({ fleetFile, ...flags, blacklist: flags.blacklist, now_ms: realClock.nowMs() });
  warnOfImage(prepared);
  const journal = await JournalFile.open(resolve(flags.state));
  const market = await marketOf(flags, journal.my_user_id);
  if (market.my_user_id === null)
    say('whose bids are ours is not known (--my-user-id): a machine that has one may get another');
  else journal.checkUser(market.my_user_id);
  const known = { ...market, my_user_id: market.my_user_id ?? '', settle_ms: SETTLE_MS };
  const entries = market.my_user_id === null ? journal.entries : settle(journal.entries, known);
  const made = await planWith(prepared, market, {
    held: heldServers(entries),
    running: runningOf(entries, prepared.fleet.name),
    rigs: prepared.rigs.filter(({ rig_id }) => !rigsInUse(entries).has(rig_id)),
  });
  await tell(made, flags);
  return 0;
}

async function planWith(
  { fleet, image, banned, minter }: Prepared,
  market: Market,
  o: Pick<PlanInput, 'held' | 'running' | 'rigs'>,
): Promise<Plan> {
  const mint = (worker: string): string => minter?.mint(worker) ?? '';
  const made = plan({ fleet, image, banned, mint, ...market, ...o });
  if (minter === null || !isWorkerFleet(fleet)) return made;
  const revoked = await minter.revokedOf(made.orders.map(({ worker }) => worker));
  return {
    orders: made.orders.filter(({ worker }) => !revoked.has(worker)),
    refusals: [
      ...made.refusals,
      ...made.orders
        .filter(({ worker }) => revoked.has(worker))
        .map(({ body, worker }) => ({
          server: String(body.renting_server),
          reason: 'token_revoked' as const,
          detail: worker,
        })),
    ],
  };
}

async function marketOf(flags: Flags, journal_user_id: string | null): Promise<Market> {
  const usd = flags['clore-usd'];
  const clore_usd = usd === undefined ? null : Number(usd);
  if (clore_usd !== null && !(clore_usd > 0)) throw new UsageError('--clore-usd: a price above 0');
  const user = flags['my-user-id'] ?? null;
  if (user !== null && !/^\d{1,15}$/.test(user)) throw new UsageError('--my-user-id: the number of a user');
  if (flags.snapshot !== undefined) {
    const snapshot = await readSnapshot(flags.snapshot);
    const taken_s = snapshotTimeS(flags.snapshot);
    return {
      snapshot,
      taken_ms: taken_s === null ? null : taken_s * 1000,
      my_user_id: user ?? journal_user_id,
      clore_usd,
    };
  }
  const api = await apiOf(flags);
  const told = await api.gigaspot();
  const snapshot = await readSnapshot(told.snapshot_url);
  return { snapshot, taken_ms: told.taken_ms, my_user_id: told.my_user_id, clore_usd: clore_usd ?? told.clore_usd };
}

async function apiOf(flags: Flags): Promise<MarketApi> {
  const url = URL.parse(flags.api);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new UsageError('--api: an http(s) address');
  if (url.protocol === 'http:' && !/^(?:localhost|127\.[\d.]+|\[::1\])$/.test(url.hostname))
    throw new UsageError('--api: https, since the key goes there (plain http only on loopback)');
  const file = flags['key-file'];
  const text = file === undefined ? process.env['CLORE_API_KEY'] : await readText(file, KEY_MAX_BYTES);
  const key = text?.trim() ?? '';
  if (key === '') throw new UsageError('the API needs its key: --key-file FILE, or the variable CLORE_API_KEY');
  if (!/^[!-~]{1,500}$/.test(key)) throw new UsageError('the API’s key must be one word of visible ASCII characters');
  registerSecret(key);
  const ports = { clock: realClock, random: Math.random, request: httpRequest, say };
  return new MarketApi({ base: flags.api, key, ports });
}

function warnOfImage({ ledgerImage }: Prepared): void {
  const warning = ledgerImage === null ? null : lapseWarning(ledgerImage, realClock.nowMs(), CCR_WARN_MS);
  if (warning !== null) say(warning);
}

async function tell({ orders, refusals }: Plan, flags: Flags): Promise<void> {
  const { out } = flags;
  if (out !== undefined)
    await writeFileDurable(
      resolve(out),
      `${JSON.stringify(
        orders.map(({ body }) => body),
        null,
        2,
      )}\n`,
    );
  if (flags.json) {
    console.log(JSON.stringify({ orders: orders.map(shownOrder), refusals: refusals.map(shownRefusal) }, null, 2));
    return;
  }
  console.log([ordersText(orders), refusalsText(refusals, flags.all)].filter((text) => text !== '').join('\n\n'));
  const machines = orders.length + refusals.length;
  console.log(`\n${orders.length} of ${machines} machines get an order. Nothing was sent.`);
}

/** Beside the answer: on standard error. */
function say(text: string): void {
  console.error(`spotrig order: ${scrub(text)}`);
}
