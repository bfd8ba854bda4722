// What the judge says of one machine, with its evidence.
import type { MachineRow } from '../../wire/machine-api.ts';
import { AdviceBadge } from './advice-badge.tsx';
import { formatAge, formatAgeOf, formatBounds, formatHashrate, formatShare, UNKNOWN } from './format.ts';
import { formatPrice, verdictWords } from './advice.ts';

function Figures({ row, now_ms }: { row: MachineRow; now_ms: number }) {
  const { expected, pool } = row;
  const facts: [string, string][] = [
    ['Promised', row.promised ?? UNKNOWN],
    [
      'Expected',
      expected === null
        ? 'nobody says'
        : `${formatHashrate(expected.rate_hs)} (${formatBounds(expected.rate_hs, expected.low_hs, expected.high_hs) ?? UNKNOWN}), ${expected.source}: ${expected.says}`,
    ],
    ['Claimed', formatHashrate(row.claimed_hs)],
    [
      'Proven by shares',
      `${formatHashrate(row.delivered_hs)} (${formatBounds(row.delivered_hs, row.delivered_low_hs, row.delivered_high_hs) ?? UNKNOWN})`,
    ],
    [
      'Pool’s figure',
      pool === null
        ? UNKNOWN
        : `${pool.listed ? formatHashrate(pool.pool_hs) : 'not listed'}, ${pool.api}, ${formatAgeOf(pool.at, now_ms)} ago`,
    ],
    [
      'Bid',
      row.bid_clore_day === null
        ? UNKNOWN
        : `${row.bid_clore_day} CLORE a day, ${formatPrice(row.spent_clore) ?? UNKNOWN} spent; ${formatPrice(row.clore_per_ths_day) ?? UNKNOWN} for 1 TH/s over a day`,
    ],
    ['Server', [row.server ?? UNKNOWN, row.host === null ? '' : ` of host ${row.host}`].join('')],
  ];
  return (
    <dl class="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd class="data">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Advice, verdicts with their evidence, and what they rest on. */
export function MachinePanel({ row, now_ms }: { row: MachineRow | null; now_ms: number }) {
  if (row === null) return <p class="muted">This machine has not been judged yet.</p>;
  return (
    <>
      <p>
        <AdviceBadge advice={row.advice} /> <span class="muted">for {formatAgeOf(row.advice_since, now_ms)}</span>
      </p>
      <ul class="findings">
        {row.verdicts.map(({ verdict, blame, confidence, since_ms, evidence }) => (
          <li key={verdict} data-finding={verdict}>
            <strong>{verdictWords(verdict)}</strong>{' '}
            <small class="muted">
              {formatAge(now_ms - since_ms)} · {formatShare(confidence)} sure
              {blame === 'host' ? '' : ` · the ${blame}’s doing`}
            </small>
            {evidence.map((line) => (
              <p key={line} class="data">
                {line}
              </p>
            ))}
          </li>
        ))}
      </ul>
      <Figures row={row} now_ms={now_ms} />
    </>
  );
}
