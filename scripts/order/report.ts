// What `order` prints: a table for a reader, JSON for a bot. No secret in either: the exact body goes to --out.
import { SETTINGS } from '../../entrypoint/settings.ts';
import type { Env } from './body.ts';
import type { Done } from './carry-out.ts';
import type { Decided } from './decide.ts';
import type { PlannedOrder } from './plan.ts';
import { REASONS, type Reason, type Refusal, wordsOf } from './reasons.ts';

const SECRETS = new Set(Object.values(SETTINGS).flatMap((one) => ('secret' in one ? [one.env] : [])));
/** Of an image that is not ours, we know no names. */
const SECRET_LIKE = /PASS|TOKEN|SECRET|KEY|AUTH/i;
/** More refused machines are told by their reasons, with this many examples. */
const EACH_MAX = 40;
const EXAMPLES = 5;

/** The env with its secrets as `***`. */
function maskedEnv(env: Readonly<Env>): Env {
  const entries = Object.entries(env).map(([name, value]): [string, string] => [
    name,
    SECRETS.has(name) || SECRET_LIKE.test(name) ? '***' : value,
  ]);
  return Object.fromEntries(entries);
}

/** All as JSON. */
export function jsonText({ plan, diff }: Decided, done: Done | null): string {
  const shown = {
    orders: plan.orders.map(shownOrder),
    refusals: plan.refusals.map(shownRefusal),
    ...(diff === null ? {} : { changes: diff.changes, edit: diff.edits, cancel: diff.cancels }),
    ...done,
  };
  return JSON.stringify(shown, null, 2);
}

/** What would be done. */
export function planText(decided: Decided, all: boolean): string {
  const { orders, refusals } = decided.plan;
  const sum = `${orders.length} of ${orders.length + refusals.length} machines get an order. Nothing was sent.`;
  return [...sections(decided, all), sum].join('\n\n');
}

/** What was done. */
export function doneText(decided: Decided, { sent, changed }: Done, all: boolean): string {
  const bad = [
    ...sent.filter(({ result }) => result !== 'placed').map((one) => [`server ${one.server}`, one.result, one.detail]),
    ...changed
      .filter(({ result }) => result !== 'done')
      .map((one) => [`${one.what} ${one.order_id}`, one.result, one.detail]),
  ];
  const placed = sent.filter(({ result }) => result === 'placed').length;
  const done = changed.filter(({ result }) => result === 'done').length;
  const sum = `${placed} of ${sent.length} orders are placed${changed.length === 0 ? '' : `, ${done} of ${changed.length} changes done`}.`;
  return [...sections(decided, all), ...(bad.length === 0 ? [] : [tableOf(bad)]), sum].join('\n\n');
}

/** Whether everything that was sent is placed or done. */
export function isGood({ sent, changed }: Done): boolean {
  return sent.every(({ result }) => result === 'placed') && changed.every(({ result }) => result === 'done');
}

function sections({ plan, diff }: Decided, all: boolean): string[] {
  const changes = (diff?.changes ?? []).filter(({ change }) => change !== 'keep');
  const rows = changes.map(({ order_id, server, change, words }) => [
    `order ${order_id}`,
    String(server),
    change,
    words,
  ]);
  const texts = [ordersText(plan.orders), refusalsText(plan.refusals, all), tableOf(rows)];
  return texts.filter((text) => text !== '');
}

/** One order as JSON shows it. */
function shownOrder({ body, worker, host, expect, rig_id }: PlannedOrder): Record<string, unknown> {
  return { ...body, env: maskedEnv(body.env ?? {}), worker, host, expect, rig_id };
}

/** One refused machine as JSON shows it. */
function shownRefusal(refusal: Refusal): Record<string, unknown> {
  // An id that is no number stays the text that it is.
  const server = /^\d{1,12}$/.test(refusal.server) ? Number(refusal.server) : refusal.server;
  return { server, reason: refusal.reason, detail: refusal.detail, words: wordsOf(refusal) };
}

/** The orders as a table, or a line that says that there are none. */
function ordersText(orders: readonly PlannedOrder[]): string {
  if (orders.length === 0) return 'No order.';
  const rows = orders.map(({ body, worker, host, expect }) => [
    ...[String(body.renting_server), host ?? '-', body.env?.['SPOTRIG_COUNTRY'] ?? '-'],
    expect.map(({ count, model }) => `${count}x${model}`).join(' + '),
    ...[String(body.price), body.oc.map(({ pl }) => pl).join(' '), worker],
  ]);
  return tableOf([['server', 'host', 'cc', 'GPUs', 'CLORE/day', 'W', 'worker'], ...rows]);
}

/** Why the others get none: each where they are few (or `all`), else by reason. */
function refusalsText(refusals: readonly Refusal[], all: boolean): string {
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
