// How the prober measures in the lab: the lab's resolvers and sites in place of the world's, and timers that fit a trial.
import type { ProbeProfile } from '../../../reporter/net/profile.ts';
import { THRESHOLDS, type Thresholds } from '../../../wire/judge/thresholds.ts';
import { DOH, KNOWN_PAGE, PUBLIC_RESOLVERS, SITES } from './places.ts';

/** Ranges that no name of the lab's has but the liar's: the lab's own range would be a bogon elsewhere. */
const BOGONS = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '192.168.0.0/16'];
const WATCH_S = 50;

/**
 * The profile's fields that differ from the defaults. Timers that wait for the kernel (connect, hello, reply, ack) are cut
 * only so far that its retransmissions still fit; timers of our own patience are multiplied by `scale`.
 */
export function labProfile(scale: number, watch_s = WATCH_S): Partial<ProbeProfile> {
  return {
    udp: PUBLIC_RESOLVERS.map((address, i) => ({ name: `public-${i}`, address, port: 53 })),
    tcp: [{ name: 'public-0', address: PUBLIC_RESOLVERS[0], port: 53 }],
    doh: DOH.map(({ host, address }) => ({ name: host, url: `https://${host}/dns-query`, address, pin: null })),
    bogons: BOGONS,
    baseline: Object.entries(SITES).flatMap(([kind, sites]) =>
      sites.map(({ host }) => ({ kind: kind as keyof typeof SITES, host, port: 443, address: null })),
    ),
    captive: { url: `http://${KNOWN_PAGE.host}/`, status: 200 },
    innocent_sni: SITES.ru_ordinary[0].host,
    // The kernel sends a SYN again after 1, 2, 3 and 4 s; a segment after about 0.2, 0.6, 1.4 and 3 s.
    ...{ dns_ms: 2500, dns_late_ms: 300, tcp_ms: 5000, tls_ms: 5000, reply_ms: 5000, ack_ms: 3200, close_ms: 500 },
    ...{ control_ms: 30_000, control_wait_ms: 3000, control_again_ms: 1000, control_questions: 10 },
    ...{ attempt_pause_min_ms: 2000 * scale, attempt_pause_max_ms: 5000 * scale },
    ...{ pool_rest_ms: 10_000 * scale, variant_pause_ms: 2000 * scale, watch_ms: watch_s * 1000 * scale },
    // A lost segment and three of its repetitions, all lost, are 1.4 s of silence on a path that is merely lossy.
    stall_quiet_ms: 1500,
    // A rate of 10 KB/s moves them in it.
    ...{ bulk_bytes: 98_304, bulk_ms: 12_000 },
  };
}

/** The judge's long times, for a world in which minutes are seconds. */
export function labThresholds(scale: number): Thresholds {
  const { idle_kill_ms, stable_min_ms, stable_max_ms } = THRESHOLDS;
  return {
    ...THRESHOLDS,
    idle_kill_ms: idle_kill_ms * scale,
    stable_min_ms: stable_min_ms * scale,
    stable_max_ms: stable_max_ms * scale,
  };
}
