// Which loopback port leads to which export: chosen once per boot and kept on disk, because frpc and its visitors outlive a Node that
// was killed, and the next one must dial the ports that they listen on.
import { join } from 'node:path';
import { readJsonTolerant, writeFileDurable } from '../../platform/durable-file.ts';
import { messageOf } from '../../platform/errors.ts';
import type { Logger } from '../../platform/logger.ts';
import { FRP_SERVICE } from '../../wire/frp-names.ts';
import { EGRESS_MAX } from '../../wire/limits.ts';
import { freeLoopbackPort } from '../ports.ts';

export interface EgressPortsOptions {
  /** SPOTRIG_HOME. */
  home: string;
  /** Another boot chooses anew: nothing of the last one runs any more. */
  boot: string;
  /** Exports that the settings name; at most EGRESS_MAX count. */
  names: readonly string[];
  logger: Logger;
  /** A port that is free now. */
  freePort?: () => Promise<number>;
}

/** The file that keeps them. */
export function egressPortsPath(home: string): string {
  return join(home, 'run', 'egress-ports.json');
}

/**
 * The visitor's port of each export: those of this boot as they were, others chosen and on disk before they are returned. A disk that
 * takes nothing costs new ports, and so new visitors, after Node's next start. Rejects where this machine has no free port.
 */
export async function keepEgressPorts(o: EgressPortsOptions): Promise<ReadonlyMap<string, number>> {
  const { home, boot, logger, freePort = freeLoopbackPort } = o;
  const names = [...new Set(o.names)].slice(0, EGRESS_MAX);
  if (names.length === 0) return new Map();
  const known = await readPorts(home, boot, logger);
  const ports = new Map<string, number>();
  for (const name of names) {
    let port = known.get(name);
    while (port === undefined) {
      const free = await freePort();
      const isTaken = [...known.values(), ...ports.values()].includes(free);
      if (!isTaken) port = free;
    }
    ports.set(name, port);
  }
  const isNew = names.some((name) => !known.has(name));
  if (isNew) {
    // What the settings no longer name stays: an order's settings do not change within a boot, and a name may come back.
    const all = Object.fromEntries([...known, ...ports]);
    try {
      await writeFileDurable(egressPortsPath(home), JSON.stringify({ boot, ports: all }));
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the ports of the exports could not be kept');
    }
  }
  return ports;
}

async function readPorts(home: string, boot: string, logger: Logger): Promise<ReadonlyMap<string, number>> {
  try {
    const found = await readJsonTolerant(egressPortsPath(home), (value) => portsOf(value, boot));
    return found ?? new Map();
  } catch (error) {
    logger.warn({ error: messageOf(error) }, 'the ports of the exports could not be read');
    return new Map();
  }
}

/** null for a file of another boot, or of another shape. */
function portsOf(value: unknown, boot: string): Map<string, number> | null {
  if (typeof value !== 'object' || value === null) return null;
  const { boot: of, ports } = value as { boot?: unknown; ports?: unknown };
  if (of !== boot || typeof ports !== 'object' || ports === null) return null;
  const found = Object.entries(ports).filter(
    (entry): entry is [string, number] =>
      FRP_SERVICE.test(entry[0]) && Number.isInteger(entry[1]) && entry[1] > 0 && entry[1] <= 65_535,
  );
  return new Map(found);
}
