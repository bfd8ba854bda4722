// How a worker measures reachability: resolvers, sites, timers, thresholds. All of it is data, because filters change weekly and
// differ by provider (facts/censorship.md, snapshot note); the defaults are those of its sections 3 and 4.
import { isIP } from 'node:net';
import * as z from 'zod/mini';
import { parseCidr } from '../../platform/ip-ranges.ts';
import { SpotrigError } from '../../platform/errors.ts';

const Ms = z.number().check(z.minimum(0), z.maximum(3_600_000));
const Host = z.string().check(z.minLength(1), z.maxLength(253));
const Port = z.int().check(z.minimum(1), z.maximum(65_535));
const Literal = z.string().check(z.refine((text) => isIP(text) !== 0, 'a literal address'));
const Network = z.string().check(z.refine((text) => parseCidr(text) !== null, 'a network'));
const Few = (max: number) => z.int().check(z.minimum(0), z.maximum(max));

const Resolver = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(80)),
  address: Literal,
  port: Port,
});
export type Resolver = z.infer<typeof Resolver>;

const DohResolver = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(80)),
  url: z.string().check(z.maxLength(300), z.regex(/^https:\/\//)),
  /** Where it is dialled, so that no other resolver is asked for it; null looks its name up. */
  address: z.nullable(Literal),
  /** Base64 SHA-256 of its public key, instead of the check of its certificate; null = the public authorities. */
  pin: z.nullable(z.string().check(z.maxLength(64))),
});
export type DohResolver = z.infer<typeof DohResolver>;

const Site = z.strictObject({
  kind: z.enum(['ru_allowlisted', 'ru_ordinary', 'foreign_ordinary']),
  host: Host,
  port: Port,
  /** null looks it up. */
  address: z.nullable(Literal),
});
export type Site = z.infer<typeof Site>;

export const ProbeProfile = z.strictObject({
  /** Every time below is multiplied by it; a lab makes long timers short. */
  scale: z.number().check(z.minimum(0.001), z.maximum(10)),

  /** Asked by UDP; two operators, one of them Russian. */
  udp: z.array(Resolver).check(z.maxLength(2)),
  /** Asked by TCP/53, which transparent DNS proxies leave alone. */
  tcp: z.array(Resolver).check(z.maxLength(1)),
  doh: z.array(DohResolver).check(z.maxLength(2)),
  /** Ranges that no public name has, as CIDR. */
  bogons: z.array(Network).check(z.maxLength(100)),
  baseline: z.array(Site).check(z.maxLength(8)),
  /** Plain HTTP page and the status that it has where no login page stands in the way; null: not asked. */
  captive: z.nullable(
    z.strictObject({ url: z.string().check(z.maxLength(300), z.regex(/^http:\/\//)), status: z.int() }),
  ),
  /** A name in a hello that no filter minds. */
  innocent_sni: Host,

  dns_ms: Ms,
  /** The socket stays open so long after the first answer: an injected answer comes before the true one. */
  dns_late_ms: Ms,
  tcp_ms: Ms,
  tls_ms: Ms,
  reply_ms: Ms,
  /** When the kernel is asked about an answer that is due. */
  ack_ms: Ms,
  close_ms: Ms,
  control_ms: Ms,
  /** Targets are dialled without the control's addresses when it takes longer. */
  control_wait_ms: Ms,
  /** Between two questions about an entry that the control is still measuring, and how many of them. */
  control_again_ms: Ms,
  control_questions: Few(10),

  /** Attempts at a target that failed; a target that is well is tried once. */
  attempts: z.int().check(z.minimum(1), z.maximum(3)),
  attempt_pause_min_ms: Ms,
  attempt_pause_max_ms: Ms,
  /** Addresses of a target that are dialled, of each family. */
  addresses_v4: Few(6),
  addresses_v6: Few(4),
  pools_at_once: z.int().check(z.minimum(1), z.maximum(4)),
  /** Between the last connection to a pool and the first of the next run. */
  pool_rest_ms: Ms,
  /** Between two variants, and before the residual check. */
  variant_pause_ms: Ms,
  /** Stays connected so long after a good answer where a stall is suspected. */
  watch_ms: Ms,
  /** A connection that still brought something within this before the watch's end did not stand still. */
  stall_quiet_ms: Ms,

  bulk_bytes: z.int().check(z.minimum(1024), z.maximum(1_048_576)),
  bulk_messages: z.int().check(z.minimum(1), z.maximum(1000)),
  bulk_ms: Ms,
  /** Bulk is moved so often also without suspicion. */
  bulk_every_ms: z.number().check(z.minimum(0), z.maximum(31 * 86_400_000)),

  /** Runs of a worker. */
  first_run_ms: Ms,
  run_min_ms: Ms,
  run_max_ms: Ms,
  /** A run that a fault of the relay asked for comes no sooner after the last one. */
  fault_run_min_ms: Ms,
});
export type ProbeProfile = z.infer<typeof ProbeProfile>;

/** IANA's special-purpose registries, as OONI's list has them; IPv4 ranges in 6to4 and Teredo form are judged by what they hold. */
const BOGONS = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/4', '240.0.0.0/4'],
  ...['::/128', '::1/128', '::ffff:0:0/96', '::/96', '100::/64', '2001:10::/28', '2001:db8::/32', '3fff::/20'],
  ...['fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  // 6to4 and Teredo of the private and local IPv4 ranges.
  ...['2002::/24', '2002:a00::/24', '2002:7f00::/24', '2002:a9fe::/32', '2002:ac10::/28', '2002:c000::/40'],
  ...['2002:c000:200::/40', '2002:c0a8::/32', '2002:c612::/31', '2002:c633:6400::/40', '2002:cb00:7100::/40'],
  ...['2002:e000::/20', '2002:f000::/20', '2001::/40', '2001:0:a00::/40', '2001:0:7f00::/40', '2001:0:a9fe::/48'],
  ...['2001:0:ac10::/44', '2001:0:c0a8::/48'],
];

export const DEFAULT_PROFILE: ProbeProfile = {
  scale: 1,
  udp: [
    { name: 'google', address: '8.8.8.8', port: 53 },
    { name: 'yandex', address: '77.88.8.8', port: 53 },
  ],
  tcp: [{ name: 'google', address: '8.8.8.8', port: 53 }],
  doh: [
    { name: 'google', url: 'https://dns.google/dns-query', address: '8.8.8.8', pin: null },
    { name: 'yandex', url: 'https://common.dot.dns.yandex.net/dns-query', address: '77.88.8.8', pin: null },
  ],
  bogons: BOGONS,
  baseline: [
    { kind: 'ru_allowlisted', host: 'www.gosuslugi.ru', port: 443, address: null },
    { kind: 'ru_allowlisted', host: 'vk.com', port: 443, address: null },
    { kind: 'ru_ordinary', host: 'www.opennet.ru', port: 443, address: null },
    { kind: 'ru_ordinary', host: 'www.linux.org.ru', port: 443, address: null },
    { kind: 'foreign_ordinary', host: 'www.debian.org', port: 443, address: null },
    { kind: 'foreign_ordinary', host: 'www.kernel.org', port: 443, address: null },
  ],
  captive: { url: 'http://connectivitycheck.gstatic.com/generate_204', status: 204 },
  innocent_sni: 'www.opennet.ru',

  dns_ms: 4000,
  dns_late_ms: 500,
  tcp_ms: 10_000,
  tls_ms: 10_000,
  reply_ms: 15_000,
  ack_ms: 3000,
  close_ms: 1000,
  control_ms: 30_000,
  control_wait_ms: 3000,
  control_again_ms: 5000,
  control_questions: 4,

  attempts: 3,
  attempt_pause_min_ms: 2000,
  attempt_pause_max_ms: 5000,
  addresses_v4: 4,
  addresses_v6: 2,
  pools_at_once: 4,
  pool_rest_ms: 10_000,
  variant_pause_ms: 2000,
  watch_ms: 30_000,
  stall_quiet_ms: 5_000,

  bulk_bytes: 131_072,
  bulk_messages: 48,
  bulk_ms: 30_000,
  bulk_every_ms: 86_400_000,

  first_run_ms: 30_000,
  run_min_ms: 900_000,
  run_max_ms: 1_200_000,
  fault_run_min_ms: 300_000,
};

/** Asks nobody but the targets themselves. */
export const NOTHING_OUTSIDE = {
  udp: [],
  tcp: [],
  doh: [],
  baseline: [],
  captive: null,
} as const satisfies Partial<ProbeProfile>;

/** The defaults with these fields in place of theirs. Throws SpotrigError `probe_profile` that says which field is wrong. */
export function profileWith(override: unknown): ProbeProfile {
  if (typeof override !== 'object' || override === null || Array.isArray(override)) {
    throw new SpotrigError('probe_profile', 'the probe profile must be a JSON object');
  }
  const read = z.safeParse(ProbeProfile, { ...DEFAULT_PROFILE, ...override });
  if (!read.success) {
    const [issue] = read.error.issues;
    const unknown = issue?.code === 'unrecognized_keys' ? issue.keys.join(', ') : null;
    const what = unknown === null ? `${issue?.path.join('.') ?? ''} is wrong` : `there is no ${unknown}`;
    throw new SpotrigError('probe_profile', what);
  }
  return scaled(read.data);
}

/** With every time multiplied by the factor, which is then 1. */
function scaled(profile: ProbeProfile): ProbeProfile {
  const times = Object.entries(profile).map(([key, value]) =>
    key.endsWith('_ms') && typeof value === 'number' ? [key, value * profile.scale] : [key, value],
  );
  return { ...(Object.fromEntries(times) as ProbeProfile), scale: 1 };
}
