// What `order` prints: a table for a reader, JSON for a bot. No secret in either: the exact body goes to --out.
import { SETTINGS } from '../../entrypoint/settings.ts';
import type { Env } from './body.ts';
import type { PlannedOrder } from './plan.ts';
import { REASONS, type Reason, type Refusal, wordsOf } from './reasons.ts';

const SECRETS = new Set(Object.values(SETTINGS).flatMap((one) => ('secret' in one ? [one.env] : [])));
/** Of an image that is not ours, we know no names. */
const SECRET_LIKE = /PASS|TOKEN|SECRET|KEY|AUTH/i;
/** More refused machines are told by their reasons, with this many examples. */
const EACH_MAX = 40;
const EXAMPLES = 5;

/** The env with its secrets as `***`. */
export function maskedEnv(env: Readonly<Env>): Env {
  const entries = Object.entries(env).map(([name, value]): [string, string] => [
    name,
    SECRETS.has(name) || SECRET_LIKE.test(name) ? '***' : value,
  ]);
  return Object.fromEntries(entries);
}

/** One order as JSON shows it. */
export function shownOrder({ body, worker, host, expect, rig_id }: PlannedOrder): Record<string, unknown> {
  return { ...body, env: maskedEnv(body.env ?? {}), worker, host, expect, rig_id };
}

/** One refused machine as JSON shows it. */
export function shownRefusal(refusal: Refusal): Record<string, unknown> {
  // An id that is no number stays the text that it is.
  const server = /^\d{1,12}$/.test(refusal.server) ? Number(refusal.server) : refusal.server;
  return { server, reason: refusal.reason, detail: refusal.detail, words: wordsOf(refusal) };
}

/** The orders as a table, or a line that says that there are none. */
export function ordersText(orders: readonly PlannedOrder[]): string {
  if (orders.length === 0) return 'No order.';
  const rows = orders.map(({ body, worker, host, expect }) => [
    ...[String(body.renting_server), host ?? '-', body.env?.['SPOTRIG_COUNTRY'] ?? '-'],
    expect.map(({ count, model }) => `${count}x${model}`).join(' + '),
    ...[String(body.price), body.oc.map(({ pl }) => pl).join(' '), worker],
  ]);
  return tableOf([['server', 'host', 'cc', 'GPUs', 'CLORE/day', 'W', 'worker'], ...rows]);
}

/** Why the others get none: each where they are few (or `all`), else by reason. */
export function refusalsText(refusals: readonly Refusal[], all: boolean): string {
  if (refusals.length === 0) return '';
  if (all || refusals.length <= EACH_MAX) {
    return tableOf(refusals.map((one) => [one.server, one.reason, wordsOf(one)]));
  }
  const by = new Map<Reason, string[]>();
  for (const { reason, server } of refusals) {
    const servers = by.get(reason);
    if (servers === undefined) by.set(reason, [server]);
    else servers.push(server);
  }
  const rows = [...by].toSorted((a, b) => b[1].length - a[1].length);
  return tableOf(
    rows.map(([reason, servers]) => {
      const more = servers.length > EXAMPLES ? ', …' : '';
      return [
        String(servers.length),
        reason,
        `${REASONS[reason].words}: ${servers.slice(0, EXAMPLES).join(', ')}${more}`,
      ];
    }),
  );
}

/** Columns of equal width, two blanks between. */
export function tableOf(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
