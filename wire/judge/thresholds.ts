// What the verdict's rules count with. Filtering changes weekly and differs per provider, so these are data (facts/censorship.md).
import { CONTROL_FRESH_MS } from '../control.ts';

export interface Thresholds {
  /** A control measurement further from the sample than this, before or after, does not count. */
  control_fresh_ms: number;
  /** The same for other networks' samples: workers measure at most every 15 minutes. */
  inside_fresh_ms: number;
  /** Other networks that must agree before they count. */
  inside_networks: number;
  /** A baseline further from the sample than this tells nothing of its minute. */
  baseline_fresh_ms: number;
  /** Baseline sites that fail or crawl, of all, from which on the line itself is lossy. */
  lossy_sites: number;
  /** A site that took longer lost at least one packet. */
  slow_site_ms: number;
  /** Attempts that must end at the same step. */
  agreeing_attempts: number;
  /** An ICMP error that took this long is the kernel's own: the gateway did not answer. */
  local_unreachable_ms: number;
  /** A reset sooner than this share of the path's own round trip was sent from nearer than the peer. */
  near_reset_share: number;
  /** Below this round trip the share tells nothing. */
  near_reset_rtt_ms: number;
  /** Byte, packet or age counts within this share of each other are the same count. */
  same_count_share: number;
  /** A connection that was quiet this long before it died was killed for being idle, by whomever. */
  idle_kill_ms: number;
  /** Earlier stalls count this long. */
  stall_history_ms: number;
  /** A plateau at or below this rate, and this many times below the baseline's, is throttling. Needs so many bytes. */
  slow_bits_per_s: number;
  slow_factor: number;
  slow_min_bytes: number;
  /** A handshake this many times longer than usual, and longer by so much, is a degraded path. */
  handshake_factor: number;
  handshake_excess_ms: number;
  /** Earlier good samples that make "usual". */
  usual_samples: number;
  /** A TCP handshake above this lost its first packet (the kernel's first retry comes after 1 s). */
  syn_lost_ms: number;
  /** Packets lost in one sample from which on the path is degraded. */
  lost_packets: number;
  /** A second good sample this long after the first makes reachable stable. */
  stable_min_ms: number;
  stable_max_ms: number;
  /** More samples of a target than this within the time may have got the address banned. */
  busy_samples: number;
  busy_ms: number;
  /** A clock this wrong breaks the checks of certificates. */
  clock_skew_ms: number;
}

export const THRESHOLDS: Thresholds = {
  control_fresh_ms: CONTROL_FRESH_MS,
  inside_fresh_ms: 1_800_000,
  inside_networks: 2,
  baseline_fresh_ms: 600_000,
  lossy_sites: 0.5,
  slow_site_ms: 1_000,
  agreeing_attempts: 2,
  local_unreachable_ms: 2_500,
  near_reset_share: 0.5,
  near_reset_rtt_ms: 10,
  same_count_share: 0.2,
  idle_kill_ms: 60_000,
  stall_history_ms: 21_600_000,
  slow_bits_per_s: 256_000,
  slow_factor: 10,
  slow_min_bytes: 65_536,
  handshake_factor: 3,
  handshake_excess_ms: 200,
  usual_samples: 3,
  syn_lost_ms: 950,
  lost_packets: 2,
  stable_min_ms: 900_000,
  stable_max_ms: 7_200_000,
  busy_samples: 6,
  busy_ms: 3_600_000,
  clock_skew_ms: 300_000,
};
