// Which service has which port of frps. A port is one service's until its worker is forgotten, or takes others instead.
import type { statements } from './sqlite-statements.ts';
import type { FrpPortAsk } from './store.ts';

interface PortRow {
  port: number;
  worker: string;
  service: string;
}

/** Inside a transaction. See `Store.takeFrpPort`. */
export function takePort(sql: ReturnType<typeof statements>, ask: FrpPortAsk): number | null {
  const { worker, service, first, last, now_ms } = ask;
  const own = sql.frpPorts.all(worker) as unknown as PortRow[];
  const before = own.find((row) => row.service === service) ?? null;
  const isGood = before !== null && before.port >= first && before.port <= last;
  const port = ask.port ?? (isGood ? before.port : freePort(sql, ask));
  if (port === null) return null;
  const owner = sql.frpPortOwner.get(port) as unknown as PortRow | undefined;
  if (owner !== undefined && (owner.worker !== worker || owner.service !== service)) return null;

  if (before !== null) sql.dropFrpPort.run(before.port);
  const others = own.filter((row) => row !== before);
  for (const row of others.slice(Math.max(0, ask.max - 1))) sql.dropFrpPort.run(row.port);
  sql.insertFrpPort.run(port, worker, service, now_ms);
  return port;
}

function freePort(sql: ReturnType<typeof statements>, { first, last }: FrpPortAsk): number | null {
  const taken = new Set((sql.frpPortsTaken.all(first, last) as unknown as PortRow[]).map(({ port }) => port));
  for (let port = first; port <= last; port++) if (!taken.has(port)) return port;
  return null;
}
