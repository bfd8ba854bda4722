// collector.toml: what the collector may measure from its own line, and what it knows of networks. docs/collector.toml.example has
// every key with its default. Read once at the start, all complaints at once.
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import { parse } from 'smol-toml';
import * as z from 'zod';
import { messageOf } from '../platform/errors.ts';
import { type IpRange, SPECIAL_RANGES, parseCidr, rangesOf } from '../platform/ip-ranges.ts';
import { parsePoolUrl } from '../stratum/pool-url.ts';
import { DIALECTS } from '../wire/dialect.ts';
import type { Target } from '../wire/reachability.ts';
import { type FrpConfig, FrpTable, frpConfigOf } from './frp/settings.ts';
import { type OwnRate, OwnRateTable, ownRateOf } from './judge/own-rates.ts';
import type { SequentialSettings } from './judge/sequential-test.ts';
import { JudgeTable, judgeSettingsOf } from './judge/settings.ts';
import { type PoolApi, PoolApiTables, poolApisOf } from './pool-api/settings.ts';
import { AsnFileError, AsnTable } from './networks/asn-table.ts';
import { type Webhook, WebhookTable, webhookOf } from './webhook/settings.ts';

/** The file's name in the data folder, where no other is named. */
export const CONFIG_FILE = 'collector.toml';

export interface ControlLimits {
  /** A measurement is answered to every worker for this long. */
  cache_ms: number;
  /** From the end of a connection to a pool to the next one. */
  pool_pause_ms: number;
  /** Connections at once, to different pools. */
  at_once: number;
  /** Requests of one worker. */
  requests_per_hour: number;
  /** Bytes that one worker may pull and push in tests of its line. */
  bulk_bytes_per_hour: number;
}

export interface CollectorConfig {
  /** This vantage point's name; null: a random one, kept in the data folder. */
  name: string | null;
  /** What may be measured for workers: nothing else is ever dialled. */
  endpoints: readonly Target[];
  /** Addresses that are never dialled, whatever a name resolves to. */
  refuse: readonly IpRange[];
  /** DNS servers, `address` or `address:port`; empty: the system's. */
  resolvers: readonly string[];
  limits: ControlLimits;
  /** null: networks are told apart by their prefix. */
  asns: AsnTable | null;
  /** null: no way through frp is offered, and nothing of it runs. */
  frp: FrpConfig | null;
  /** Pools that tell what they credit to our workers. */
  pool_apis: readonly PoolApi[];
  /** Hashrates that the operator knows better than the reference table. */
  expect: readonly OwnRate[];
  /** How often the judge of machines may be wrong. */
  judge: SequentialSettings;
  /** null: nobody is told of changes of advice. */
  webhook: Webhook | null;
}

const ENDPOINTS_MAX = 1000;
const OWN_RATES_MAX = 1000;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

const Url = z.string().transform((text, context) => {
  const parsed = parsePoolUrl(text);
  const complaints = 'pool' in parsed ? [] : parsed.complaints;
  if (/[@?#]/.test(text)) complaints.push('give it without login, options and tags');
  if ('pool' in parsed && parsed.pool.frp !== null)
    complaints.push('an export through frp is not measured: name the pool');
  for (const message of complaints) context.addIssue({ code: 'custom', message });
  return complaints.length === 0 && 'pool' in parsed ? parsed.pool : z.NEVER;
});
const Sni = z
  .string()
  .refine((text) => text === '' || HOST_NAME.test(text), 'a host name in lower case, or "" for none');
const Cidr = z.string().transform((text, context) => {
  const range = parseCidr(text);
  if (range !== null) return range;
  context.addIssue({ code: 'custom', message: `not a network: ${JSON.stringify(text.slice(0, 60))}` });
  return z.NEVER;
});
const Resolver = z.string().refine(isResolver, 'an address, or address:port');

function whole(least: number, most: number, otherwise: number) {
  return z.int().min(least).max(most).default(otherwise);
}

const File = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'lower-case letters, digits, and . _ - inside')
    .optional(),
  endpoint: z
    .array(z.strictObject({ url: Url, dialect: z.enum(DIALECTS), sni: Sni.optional() }))
    .max(ENDPOINTS_MAX)
    .default([]),
  control: z
    .strictObject({
      refuse: z.array(Cidr).max(1000).default(rangesOf(SPECIAL_RANGES)),
      resolvers: z.array(Resolver).max(8).default([]),
      // Above five minutes a measurement tells nothing about now.
      cache_s: whole(1, 300, 120),
      // A shorter pause gets the collector banned by some pools (facts/censorship.md section 4).
      pool_pause_s: whole(0, 600, 10),
      at_once: whole(1, 64, 8),
      requests_per_hour: whole(1, 100_000, 240),
      bulk_bytes_per_hour: whole(1024 * 1024, 1024 ** 4, 8 * 1024 * 1024),
    })
    .prefault({}),
  geo: z.strictObject({ asn_csv: z.union([z.string(), z.array(z.string()).max(16)]).default([]) }).prefault({}),
  frp: FrpTable.optional(),
  pool_api: PoolApiTables,
  expect: z.array(OwnRateTable).max(OWN_RATES_MAX).default([]),
  judge: JudgeTable,
  webhook: WebhookTable.optional(),
});

/** The configuration of a collector without a file. */
export function defaultConfig(): CollectorConfig {
  return configOf(File.parse({}), null, (name) => resolve(name));
}

/** Reads a file, and the files it names. `complaints` name the field, or the line of what is not TOML. */
export function readConfig(path: string): { config: CollectorConfig } | { complaints: string[] } {
  try {
    const read = parseConfig(readFileSync(path, 'utf8'));
    if ('complaints' in read) return { complaints: read.complaints.map((complaint) => `${path}: ${complaint}`) };
    const { asn_csv } = read.file.geo;
    const resolvePath = (name: string): string => resolve(dirname(path), name);
    const files = (typeof asn_csv === 'string' ? [asn_csv] : asn_csv).map(resolvePath);
    const asns = files.length === 0 ? null : readAsnTable(files);
    return { config: configOf(read.file, asns, resolvePath) };
  } catch (error) {
    return { complaints: [`${path}: ${messageOf(error)}`] };
  }
}

function parseConfig(text: string): { file: z.infer<typeof File> } | { complaints: string[] } {
  const checked = File.safeParse(parse(text));
  if (!checked.success) {
    return { complaints: checked.error.issues.map(({ path, message }) => `${fieldName(path)}: ${message}`) };
  }
  const urls = checked.data.endpoint.map((endpoint) => endpoint.url.url);
  const twice = urls.flatMap((url, i) => (urls.indexOf(url) < i ? [`endpoint[${i}].url: ${url} is there twice`] : []));
  return twice.length > 0 ? { complaints: twice } : { file: checked.data };
}

function readAsnTable(files: readonly string[]): AsnTable {
  try {
    return new AsnTable(files.map((name) => ({ name, text: readFileSync(name, 'utf8') })));
  } catch (error) {
    const reason = error instanceof AsnFileError ? error.message : messageOf(error);
    throw new Error(`geo.asn_csv: ${reason}`, { cause: error });
  }
}

function configOf(
  file: z.infer<typeof File>,
  asns: AsnTable | null,
  resolvePath: (name: string) => string,
): CollectorConfig {
  const { refuse, resolvers, cache_s, pool_pause_s, ...limits } = file.control;
  return {
    name: file.name ?? null,
    endpoints: file.endpoint.map(({ url: pool, dialect, sni }) => {
      const name = pool.tls === null ? null : (sni ?? pool.tls.sni);
      return {
        ...{ role: 'pool', url: pool.url, host: pool.host, port: pool.port, dialect },
        tls: pool.tls !== null,
        sni: name === '' ? null : name,
      };
    }),
    refuse,
    resolvers,
    limits: { cache_ms: cache_s * 1000, pool_pause_ms: pool_pause_s * 1000, ...limits },
    asns,
    frp: file.frp === undefined ? null : frpConfigOf(file.frp, resolvePath),
    pool_apis: poolApisOf(file.pool_api),
    expect: file.expect.map(ownRateOf),
    judge: judgeSettingsOf(file.judge),
    webhook: file.webhook === undefined ? null : webhookOf(file.webhook, resolvePath),
  };
}

/** The path of a zod issue as a reader of the file would write it: `endpoint[0].url`. */
export function fieldName(path: readonly PropertyKey[]): string {
  return path.reduce<string>((name, part) => {
    if (typeof part === 'number') return `${name}[${part}]`;
    return name === '' ? String(part) : `${name}.${String(part)}`;
  }, '');
}

function isResolver(text: string): boolean {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(text) ?? [];
  if (isIP(text) !== 0) return true;
  return (isIP(bracketed ?? '') === 6 || isIP(plain ?? '') === 4) && Number(port ?? 53) <= 65_535;
}
