// Reachability of a made-up fleet, as the reader's API tells it: every verdict occurs, some cells are old, some empty.
import { matrixOf } from '../../collector/analysis/matrix.ts';
import type { JudgedTarget } from '../../collector/analysis/reachability.ts';
import { MatrixAnswer, ReachabilityAnswer } from '../../wire/api.ts';
import type { Network, ReachabilityRecord, Target } from '../../wire/reachability.ts';
import type { Verdict, VerdictName } from '../../wire/verdict.ts';
import { HOSTILE_LINE, HOSTILE_WORKER } from './fleet.ts';
import { networkOf, poolTarget, reachabilityOf, verdictOf, wellTrial } from './reachability.ts';

const MIN = 60_000;

/** Endpoints as a professional's settings name them. */
const TARGETS: readonly Target[] = [
  poolTarget('ru.pool.example', 6060),
  poolTarget('eu.pool.example', 6060),
  poolTarget('eu.pool.example', 16060, true),
  poolTarget('de-frankfurt.kawpow.another-pool.example', 13030, true),
  poolTarget('asia.pool.example', 6060),
  { ...poolTarget('collector.example', 443, true), role: 'collector', url: 'https://collector.example:443' },
  { ...poolTarget('frps-1.example', 7000, true), role: 'frps', url: 'tls://frps-1.example:7000' },
];

const NETWORKS: readonly Network[] = [
  networkOf(12389, 'RU'),
  networkOf(8402, 'RU'),
  networkOf(8359, 'RU'),
  networkOf(31133, 'RU'),
  networkOf(9198, 'KZ'),
  networkOf(24940, 'DE'),
  { address: null, asn: null, country: null, key: '203.0.113.0/24' },
  networkOf(12714, 'RU'),
];

/** The shape of every failure that a sample can have, with the evidence that a judge would give. */
const DETAILS: Partial<Record<VerdictName, Partial<Verdict>>> = {
  'blocked:tls': {
    layer: 'tls',
    method: 'rst',
    scope: 'host',
    flags: ['residual'],
    confidence: 0.95,
    evidence: [
      'TCP to 203.0.113.10 opened in 41 ms; the connection was reset 43 ms after the TLS hello.',
      'The same address answered a hello without the name in 88 ms.',
      'The collector completed TLS on the same address and port 40 s before.',
    ],
  },
  'blocked:tcp': {
    layer: 'tcp',
    method: 'timeout',
    scope: 'prefix',
    confidence: 0.85,
    evidence: ['Three attempts got no answer to SYN within 10 s.', 'The collector connected in 12 ms.'],
  },
  'blocked:dns': {
    layer: 'dns',
    method: 'lie',
    scope: 'host',
    confidence: 0.97,
    evidence: ['Two answers to one query differ.'],
  },
  'blocked:stratum': {
    layer: 'stratum',
    method: 'timeout',
    scope: 'port',
    confidence: 0.9,
    evidence: ['63 bytes of mining.subscribe stayed unacknowledged through 4 retransmits.'],
  },
  'blocked:throttled': {
    layer: 'transfer',
    method: 'freeze',
    scope: 'all_foreign',
    confidence: 0.9,
    evidence: ['Two connections froze after 16 KiB.'],
  },
  pool_refuses: {
    layer: 'stratum',
    method: 'fin',
    confidence: 0.8,
    evidence: ['Accepted and closed with no byte, in every network of the country.'],
  },
  pool_down: { confidence: 0.6, evidence: ['The collector and two other networks get no answer either.'] },
  degraded: {
    confidence: 0.6,
    evidence: ['One of three attempts failed; connecting took 3.4 times as long as to ordinary sites.'],
  },
  inconclusive: { confidence: 0.3, evidence: ['No fresh control measurement of this endpoint.'] },
};

/** What stands where: a line an endpoint, a letter a network; repeated for more of either. */
const PICTURE = ['rrrrrsrr', 'tttdrsrr', 'llltrsro', 'cccccsrf', 'xxxxxx x', 'nirrrsrr', 'hhrrrs r'] as const;
const LETTERS: Record<string, VerdictName> = {
  r: 'reachable_stable',
  s: 'reachable',
  t: 'blocked:stratum',
  l: 'blocked:tls',
  c: 'blocked:tcp',
  d: 'degraded',
  n: 'blocked:dns',
  h: 'blocked:throttled',
  x: 'pool_down',
  f: 'pool_refuses',
  i: 'inconclusive',
  o: 'worker_offline',
};

function targetNo(i: number): Target {
  const target = TARGETS[i];
  return target ?? poolTarget(`pool-${i + 1}.example`, 3333, i % 2 === 0);
}

function networkNo(i: number): Network {
  return NETWORKS[i] ?? networkOf(50_000 + i * 37, i % 5 === 0 ? 'KZ' : 'RU');
}

function recordOf(target: Target, name: VerdictName, network: Network, at_ms: number): ReachabilityRecord {
  const well = wellTrial('203.0.113.10');
  const baseline = {
    at_ms,
    resolver_ok: true,
    sites: [
      { kind: 'ru_ordinary' as const, host: 'ordinary.example', operation: null, failure: null, ms: 31 },
      { kind: 'foreign_ordinary' as const, host: 'abroad.example', operation: null, failure: null, ms: 74 },
    ],
    captive: null,
  };
  const dns = [
    {
      resolver: 'system',
      transport: 'system' as const,
      family: 'A' as const,
      addresses: ['203.0.113.10'],
      late: [],
      failure: null,
      ms: 12,
    },
    {
      resolver: '77.88.8.8',
      transport: 'udp' as const,
      family: 'A' as const,
      addresses: ['203.0.113.10'],
      late: [],
      failure: null,
      ms: 24,
    },
  ];
  const base = { at_ms, target, baseline, dns, egress: network };
  if (name !== 'blocked:tls') return reachabilityOf({ ...base, addresses: [well] });
  const reset = { failure: 'connection_reset' as const, ms: 43 };
  const ack = { tx_unacked_bytes: 0, retransmits: 0 };
  const tls = { ...reset, ...ack, protocol: null, alert: null, spki_sha256: null, issuer: null, rx_raw_bytes: 0 };
  return reachabilityOf({
    ...base,
    operation: 'tls_handshake',
    failure: 'connection_reset',
    addresses: [0, 1, 2].map((attempt) => ({ ...well, attempt, tls, stratum: null })),
    attempts: 3,
    variants: [
      { variant: 'no_sni', address: '203.0.113.10', operation: null, failure: null, ms: 88, ...ack },
      { variant: 'at_collector', address: null, operation: 'tls_handshake', ...reset, ...ack },
    ],
  });
}

/** The newest samples of a fleet: `networks` networks of one worker or two, each with `targets` endpoints. */
export function judgedSamples(now_ms: number, size: { targets: number; networks: number }): JudgedTarget[] {
  const samples: JudgedTarget[] = [];
  for (let n = 0; n < size.networks; n++) {
    for (let t = 0; t < size.targets; t++) {
      const verdict = LETTERS[PICTURE[t % PICTURE.length]?.[n % 8] ?? ''];
      if (verdict === undefined) continue;
      // One network is silent for hours.
      const at_ms = now_ms - (n === 6 ? 190 : 2 + ((n * 5 + t * 3) % 16)) * MIN;
      const add = (worker: string, name: VerdictName) =>
        samples.push({
          worker,
          at_ms,
          since_ms: at_ms - ((n * 7 + t * 11) % 9) * 190 * MIN,
          network: networkNo(n),
          record: recordOf(targetNo(t), name, networkNo(n), at_ms),
          verdict: { ...verdictOf(name), ...DETAILS[name] },
        });
      add(`rig-${n + 1}`, verdict);
      if (n % 3 === 0) add(`rig-${n + 101}`, verdict);
      if (n % 3 === 0 && t === 2) add(`rig-${n + 201}`, 'reachable');
    }
  }
  const target = { ...poolTarget(HOSTILE_LINE, 1), url: `stratum+tcp://${HOSTILE_LINE}:1` };
  const hostile = { ...verdictOf('pool_refuses'), evidence: [HOSTILE_LINE] };
  const record = recordOf(target, 'pool_refuses', networkNo(1), now_ms - MIN);
  return [
    ...samples,
    {
      worker: HOSTILE_WORKER,
      at_ms: now_ms - MIN,
      since_ms: now_ms - MIN,
      network: networkNo(1),
      record,
      verdict: hostile,
    },
  ];
}

/** What the API answers to a path of `/api/v1/reachability`, with its query. */
export function reachabilityAnswer(samples: readonly JudgedTarget[], url: URL, now_ms: number): unknown {
  if (url.pathname === '/api/v1/reachability/matrix') return MatrixAnswer.parse(matrixOf(samples, now_ms));
  const { worker, target, network } = Object.fromEntries(url.searchParams);
  const wanted = samples.filter(
    (sample) =>
      (worker === undefined || sample.worker === worker) &&
      (target === undefined || sample.record.target.url === target) &&
      (network === undefined || sample.network.key === network),
  );
  return ReachabilityAnswer.parse({
    reachability: wanted.map(({ worker: id, at_ms, network: from, record, verdict }) => ({
      worker: id,
      at: new Date(at_ms).toISOString(),
      network: from,
      record,
      verdict,
    })),
  });
}
