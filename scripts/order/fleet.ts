// The fleet file: what the owner wants rented, for how much, and what shall run there. docs/fleet.toml.example has every key.
import { parse } from 'smol-toml';
import * as z from 'zod';
import { fieldName } from '../../collector/config.ts';
import { TOKEN_DAYS_MAX } from '../../collector/tokens.ts';
import { HEAD_VARIABLES } from '../../entrypoint/settings.ts';
import { messageOf } from '../../platform/errors.ts';
import { marketCountry } from '../../stratum/address.ts';
import { parsePoolUrl } from '../../stratum/pool-url.ts';
import { WORKER_NAME } from '../../wire/limits.ts';
import { ENV_KEY_MAX_CHARS, ENV_TEXT_CHARS, ImageId } from './body.ts';

/** Variables that `order` makes for each machine. */
const MADE_FOR_WORKERS = [
  ...['SPOTRIG_TOKEN', 'SPOTRIG_POOLS', 'SPOTRIG_COUNTRY', 'SPOTRIG_SERVER', 'SPOTRIG_EXPECT', 'WORKER_NAME'],
  ...HEAD_VARIABLES,
];
const MADE_FOR_HIVEOS = ['rig_id', 'rig_pass'];

const Country = z
  .string()
  .regex(/^[A-Z]{2}$/, 'two capital letters (ISO 3166-1), like RU')
  .transform(marketCountry);
const Model = z.string().min(1).max(80);
const Money = z.number().positive().max(1_000_000);
const Mhz = z.int().min(-100_000).max(100_000);

const GpuWish = z.strictObject({
  /** W; clocks in MHz. */
  pl: z.int().positive().max(100_000),
  core_lock: Mhz.optional(),
  mem_lock: Mhz.optional(),
  core_offset: Mhz.optional(),
  mem_offset: Mhz.optional(),
  /** Per day and GPU, in the unit of [bid]. */
  bid: Money.optional(),
  max: Money.optional(),
});
export type GpuWish = z.infer<typeof GpuWish>;

const Pool = z
  .string()
  .refine(
    (text) => 'pool' in parsePoolUrl(text) && !/\s/.test(text),
    'a pool as in SPOTRIG_POOLS, like stratum+tcp://ru.example.org:5030#RU',
  );

const File = z.strictObject({
  /** Names the fleet in the journal: an order belongs to the fleet that placed it. */
  name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,30}$/, 'a-z 0-9 _ -, a letter or digit first, at most 31'),
  profile: z.enum(['ubuntu', 'hiveos', 'ccr']),
  /** A CCR id, or a name of the ledger of `spotrig ccr`. Of the profile ccr only. */
  image: z.string().max(100).optional(),
  /** Worker's name; `{server}`, `{host}` and `{cc}` stand for the machine's. */
  worker: z.string().max(80).default('rig-{server}'),
  /** WORKER_NAME, the name at the pool. */
  pool_worker: z.string().max(80).optional(),
  token_days: z.int().min(1).max(TOKEN_DAYS_MAX).default(TOKEN_DAYS_MAX),
  pools: z.array(Pool).max(64).default([]),
  /** A JSON or CSV file of rig_id and rig_pass. Of the profile hiveos only. */
  rigs: z.string().max(1000).optional(),
  env: z.record(z.string().min(1).max(ENV_KEY_MAX_CHARS), z.string().max(ENV_TEXT_CHARS)).default({}),
  /** What the image of the profile ccr sets by itself: not sent, but the worker's settings are whole with it only. */
  image_env: z.record(z.string().min(1).max(ENV_KEY_MAX_CHARS), z.string().max(ENV_TEXT_CHARS)).default({}),
  filter: z
    .strictObject({
      countries: z.array(Country).max(300).optional(),
      not_countries: z.array(Country).max(300).default([]),
      min_gpus: z.int().min(1).default(1),
      max_gpus: z.int().min(1).default(32),
      min_reliability: z.number().min(0).max(1).default(0),
      min_ram_gb: z.number().min(0).default(0),
      min_cuda: z
        .string()
        .regex(/^\d{1,3}(?:\.\d{1,3})?$/, 'a version, like "12.2"')
        .optional(),
      min_rental_h: z.number().min(0).max(480).default(0),
    })
    .prefault({}),
  bid: z.strictObject({
    /** fixed: the GPUs' `bid` together. outbid: the least that beats everybody by `step`, from `bid` up to `max`. */
    rule: z.enum(['fixed', 'outbid']),
    unit: z.enum(['clore', 'usd']).default('clore'),
    step: Money.default(0.01),
    /** Of a GPU whose model names none. */
    per_gpu: Money.optional(),
    max_per_gpu: Money.optional(),
    /** Of a machine. */
    max: Money.optional(),
  }),
  /** What a GPU gets where its range does not hold the wanted value: the nearest one, or no order. */
  oc_outside: z.enum(['clamp', 'refuse']).default('clamp'),
  gpu: z.record(Model, GpuWish).refine((gpus) => Object.keys(gpus).length > 0, 'name at least one GPU model'),
  limit: z
    .strictObject({
      orders: z.int().min(0).default(1000),
      /** Of all orders together, in the unit of [bid]. */
      spend_day: Money.optional(),
    })
    .prefault({}),
});

/** A fleet file, checked. */
export type Fleet = Omit<z.infer<typeof File>, 'gpu'> & {
  /** By `modelKey`. */
  gpus: ReadonlyMap<string, GpuWish>;
};

/** A GPU's model without the maker's marks: the market and tools spell them differently. */
export function modelKey(model: string): string {
  return model
    .toUpperCase()
    .replaceAll(/\b(?:NVIDIA|GEFORCE|AMD|RADEON)\b/g, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** Whether our worker runs in the image, so that its own settings and token belong into the env. */
export function isWorkerFleet({ profile }: Pick<Fleet, 'profile'>): boolean {
  return profile !== 'hiveos';
}

/** Reads a fleet file's text: JSON where it begins with {, else TOML. All complaints at once, each with its field. */
export function parseFleet(text: string): { fleet: Fleet } | { complaints: string[] } {
  let value: unknown;
  try {
    value = text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text);
  } catch (error) {
    return { complaints: [messageOf(error)] };
  }
  const read = File.safeParse(value);
  if (!read.success) {
    return { complaints: read.error.issues.map(({ path, message }) => `${fieldName(path)}: ${message}`) };
  }
  const { gpu, ...file } = read.data;
  const complaints = [...profileComplaints(file), ...nameComplaints(file), ...bidComplaints(file.bid, gpu)];
  const gpus = new Map<string, GpuWish>();
  for (const [model, wish] of Object.entries(gpu)) {
    if (gpus.has(modelKey(model))) complaints.push(`gpu.${model}: this model is there twice`);
    gpus.set(modelKey(model), wish);
  }
  return complaints.length > 0 ? { complaints } : { fleet: { ...file, gpus } };
}

type Parsed = Omit<z.infer<typeof File>, 'gpu'>;

function profileComplaints(file: Parsed): string[] {
  const found: string[] = [];
  const { profile, image, rigs, pools, env } = file;
  if (profile === 'ccr' && image === undefined)
    found.push('image: the profile ccr needs a CCR id, or a name of `spotrig ccr`');
  if (profile !== 'ccr' && Object.keys(file.image_env).length > 0)
    found.push('image_env: only an image of your own (the profile ccr) sets any');
  if (profile !== 'ccr' && image !== undefined)
    found.push(`image: the profile ${profile} has its own; take profile = "ccr"`);
  if (profile === 'hiveos' && rigs === undefined)
    found.push('rigs: the profile hiveos needs a file of rig_id and rig_pass');
  if (profile !== 'hiveos' && rigs !== undefined) found.push('rigs: only the profile hiveos takes them');
  if (profile === 'hiveos' && pools.length > 0) found.push('pools: HiveOS has its own settings of pools');
  if (profile !== 'hiveos' && pools.length === 0) found.push('pools: name at least one');
  const entrypoint = env['DELEGATED_ENTRYPOINT'];
  if (profile === 'ubuntu' && entrypoint === undefined)
    found.push('env.DELEGATED_ENTRYPOINT: the Ubuntu image runs nothing of ours without it');
  if (entrypoint !== undefined && !/^https?:\/\/\S+$/.test(entrypoint))
    found.push('env.DELEGATED_ENTRYPOINT: must be an http:// or https:// address');
  const made = isWorkerFleet(file) ? MADE_FOR_WORKERS : MADE_FOR_HIVEOS;
  for (const name of made) if (name in env) found.push(`env.${name}: leave it out, it is made for each machine`);
  for (const [name, value] of Object.entries(env))
    if (!/^[A-Za-z_]\w*$/.test(name) || value.includes('\0'))
      found.push(`env.${name}: a name is letters, digits and _, and a value has no NUL character`);
  return found;
}

function nameComplaints({ worker, pool_worker }: Parsed): string[] {
  const found: string[] = [];
  const sample = { server: '1', host: '1', cc: 'ru' };
  if (!worker.includes('{server}')) found.push('worker: must hold {server}, or two machines would have one name');
  if (!WORKER_NAME.test(filled(worker, sample)))
    found.push('worker: makes names other than 1 to 63 of a-z 0-9 _ -, a letter or digit first');
  if (pool_worker !== undefined && !/^[A-Za-z0-9._-]{1,64}$/.test(filled(pool_worker, sample)))
    found.push('pool_worker: makes names other than 1 to 64 letters, digits, dots, dashes or underscores');
  return found;
}

function bidComplaints(bid: Parsed['bid'], gpu: Record<string, GpuWish>): string[] {
  const wishes = Object.entries(gpu);
  if (bid.rule === 'fixed') {
    return wishes.flatMap(([model, wish]) =>
      (wish.bid ?? bid.per_gpu) === undefined ? [`gpu.${model}.bid: a fixed bid needs it, or bid.per_gpu`] : [],
    );
  }
  if (bid.max !== undefined) return [];
  return wishes.flatMap(([model, wish]) =>
    (wish.max ?? bid.max_per_gpu) === undefined
      ? [`gpu.${model}.max: to outbid needs an end: give it, or bid.max_per_gpu, or bid.max`]
      : [],
  );
}

/** A name template with the machine's own put in. */
export function filled(template: string, o: { server: string; host: string; cc: string }): string {
  return template.replaceAll(/\{(server|host|cc)\}/g, (_, key: 'server' | 'host' | 'cc') => o[key]);
}

/** Whether the text is a CCR id; else it is a name of the ledger. */
export function isImageId(text: string): boolean {
  return ImageId.safeParse(text).success;
}
