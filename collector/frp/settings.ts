// collector.toml's part about frp: where frps asks, where workers find it, and what they may have of it.
import { isIP } from 'node:net';
import * as z from 'zod';
import { readAddress } from '../../stratum/address.ts';
import { parseFrpUrl } from '../../stratum/frp-url.ts';
import { FRP_CANARY, FRP_SERVICE } from '../../wire/frp-names.ts';

export interface FrpConfig {
  /** Where the collector listens for frps. Loopback only: frp's plugin speaks plain http, and what it carries are tickets. */
  hook: { host: string; port: number };
  /** In the form of SPOTRIG_FRP without the token; one at least. */
  addresses: readonly string[];
  /** Path of the PEM file of the authority that frps's certificate is checked with. It is read when it is asked for. */
  ca_file: string;
  /** Ports of frps that services of type tcp may have, ends included; null: none. */
  ports: { first: number; last: number } | null;
  /** Of one worker, beside the canary. */
  max_proxies: number;
  /** What the operator exports to workers. */
  egress: readonly { name: string; target: { host: string; port: number } }[];
}

const EGRESS_MAX = 16;
const ADDRESSES_MAX = 16;

const Hook = z.string().transform((text, context) => {
  const { host, port } = readAddress(text);
  const isLoopback = host !== null && (host === '::1' || (isIP(host) === 4 && host.startsWith('127.')));
  if (isLoopback && port !== null) return { host, port };
  context.addIssue({ code: 'custom', message: 'an address of loopback and a port, such as 127.0.0.1:8490' });
  return z.NEVER;
});

const Address = z.string().transform((text, context) => {
  const parsed = parseFrpUrl(text);
  const complaints = 'frps' in parsed ? [] : [...parsed.complaints];
  if ('frps' in parsed && parsed.frps.token !== null) complaints.push('give it without frp’s token');
  for (const message of complaints) context.addIssue({ code: 'custom', message });
  return complaints.length === 0 ? text.trim() : z.NEVER;
});

const Ports = z.string().transform((text, context) => {
  const [, low, high] = /^([0-9]{1,5})-([0-9]{1,5})$/.exec(text) ?? [];
  const first = Number(low);
  const last = Number(high);
  if (first >= 1024 && first <= last && last <= 65_535) return { first, last };
  context.addIssue({ code: 'custom', message: 'two ports from 1024 to 65535, such as 20000-20999' });
  return z.NEVER;
});

const Target = z.string().transform((text, context) => {
  const { host, port } = readAddress(text);
  if (host !== null && port !== null) return { host, port };
  context.addIssue({ code: 'custom', message: 'host:port' });
  return z.NEVER;
});

const Egress = z.strictObject({
  name: z.string().regex(FRP_SERVICE, 'lower-case letters, digits and -, a letter first, at most 31'),
  target: Target,
});

/** The table [frp]. */
export const FrpTable = z.strictObject({
  hook: Hook.prefault('127.0.0.1:8490'),
  addresses: z.array(Address).min(1).max(ADDRESSES_MAX),
  ca: z.string().min(1).default('frp-ca.pem'),
  ports: Ports.optional(),
  max_proxies: z.int().min(1).max(64).default(16),
  egress: z
    .array(Egress)
    .max(EGRESS_MAX)
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, 'two have one name')
    .refine((all) => all.every(({ name }) => name !== FRP_CANARY), `the name ${FRP_CANARY} is taken`)
    .default([]),
});

/** `resolvePath` makes a path of the file's absolute. */
export function frpConfigOf(table: z.infer<typeof FrpTable>, resolvePath: (path: string) => string): FrpConfig {
  const { ca, ports, ...rest } = table;
  return { ...rest, ca_file: resolvePath(ca), ports: ports ?? null };
}
