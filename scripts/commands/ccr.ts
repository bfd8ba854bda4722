// `spotrig ccr`: the images of ours that CLORE's registry caches, and when it drops them. A list on this machine; nothing is asked of
// the market, which has no request for it.
import { resolve } from 'node:path';
import type { ParseArgsOptionsConfig } from 'node:util';
import { realClock } from '../../platform/clock.ts';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { ImageId } from '../order/body.ts';
import {
  CCR_LEDGER,
  type Image,
  ImageName,
  lapseWarning,
  lapsesAtMs,
  readLedger,
  writeLedger,
} from '../order/ccr-ledger.ts';
import { tableOf } from '../order/report.ts';
import { EX_USAGE, UsageError, readArgs } from '../usage.ts';

export const summary = 'keep the list of images in CCR, and warn before it drops one';

const HELP = `spotrig ccr: which images CLORE's registry (CCR) caches for you; it drops one that no order used for 30 days

  ccr add NAME ID    enter an image that was cached now, by CCR's id (24 hex digits); NAME is what a fleet file calls it
  ccr list           print all, with the day on which each is dropped
  ccr remove NAME    forget one

  --ledger FILE      the list (default ${CCR_LEDGER})
  --warn-days N      list warns so long before (default 5)
  --json             answer in JSON

\`order --submit\` with an image of the list resets its 30 days here as it does there. Exit code of list: 1 where an image lapses within
--warn-days, or has lapsed; else 0. 64 when the call was wrong.
`;

const OPTIONS = {
  ledger: { type: 'string', default: CCR_LEDGER },
  'warn-days': { type: 'string', default: '5' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

const DAY_MS = 24 * 3600 * 1000;

type Flags = ReturnType<typeof parsed>['values'];

/** `spotrig ccr …`. Resolves with the exit code. */
export async function run(argv: string[]): Promise<number> {
  try {
    const { values, positionals } = parsed(argv);
    const [name = '', ...words] = positionals;
    if (values.help) {
      process.stdout.write(HELP);
      return 0;
    }
    if (name === 'list' && words.length === 0) return await list(values);
    if (name === 'add' && words.length === 2) return await add(values, words);
    if (name === 'remove' && words.length === 1) return await remove(values, words[0] ?? '');
    throw new UsageError('give add NAME ID, list, or remove NAME; see --help');
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof SpotrigError)) throw error;
    console.error(`spotrig ccr: ${messageOf(error)}`);
    return error instanceof UsageError ? EX_USAGE : 1;
  }
}

function parsed(argv: string[]) {
  return readArgs(argv, OPTIONS);
}

async function add(flags: Flags, words: readonly string[]): Promise<number> {
  const name = ImageName.safeParse(words[0]);
  if (!name.success) throw new UsageError(`NAME: ${name.error.issues[0]?.message ?? 'wrong'}`);
  const id = ImageId.safeParse(words[1]);
  if (!id.success) throw new UsageError(`ID: ${id.error.issues[0]?.message ?? 'wrong'}`);
  const path = resolve(flags.ledger);
  const others = (await readLedger(path)).filter((image) => image.name !== name.data);
  const sameId = others.find((image) => image.id === id.data);
  if (sameId !== undefined) throw new SpotrigError('ccr_id', `${id.data} is ${sameId.name} already; remove that first`);
  const added_at = new Date(realClock.nowMs()).toISOString();
  const image: Image = { name: name.data, id: id.data, added_at, last_order_at: null };
  await writeLedger(path, [...others, image]);
  console.log(
    flags.json ? JSON.stringify(shown(image)) : `${image.name} is ${image.id}, until ${shown(image).lapses_at}`,
  );
  return 0;
}

async function list(flags: Flags): Promise<number> {
  const warn_days = /^\d{1,2}$/.test(flags['warn-days']) ? Number(flags['warn-days']) : -1;
  if (warn_days < 0 || warn_days > 30) throw new UsageError('--warn-days: a whole number from 0 to 30');
  const images = await readLedger(resolve(flags.ledger));
  const now_ms = realClock.nowMs();
  const warnings = images.map((image) => lapseWarning(image, now_ms, warn_days * DAY_MS));
  if (flags.json) {
    const rows = images.map((image, i) => ({ ...shown(image), warning: warnings[i] ?? null }));
    console.log(JSON.stringify({ images: rows }, null, 2));
  } else if (images.length === 0) console.log('No image. Enter one with: npx spotrig ccr add NAME ID');
  else {
    const rows = images.map((image) => [image.name, image.id, day(image.last_order_at), day(shown(image).lapses_at)]);
    console.log(tableOf([['name', 'id', 'last order', 'dropped'], ...rows]));
    for (const warning of warnings) if (warning !== null) console.error(`spotrig ccr: ${warning}`);
  }
  return warnings.some((warning) => warning !== null) ? 1 : 0;
}

async function remove(flags: Flags, name: string): Promise<number> {
  const path = resolve(flags.ledger);
  const images = await readLedger(path);
  const gone = images.find((image) => image.name === name);
  if (gone === undefined) throw new SpotrigError('ccr_name', `${path} has no ${JSON.stringify(name)}`);
  await writeLedger(
    path,
    images.filter((image) => image !== gone),
  );
  console.log(
    flags.json ? JSON.stringify(shown(gone)) : `${gone.name} (${gone.id}) is forgotten here; CCR still has it`,
  );
  return 0;
}

function shown(image: Image) {
  return { ...image, lapses_at: new Date(lapsesAtMs(image)).toISOString() };
}

function day(iso: string | null): string {
  return iso === null ? 'never' : iso.slice(0, 10);
}
