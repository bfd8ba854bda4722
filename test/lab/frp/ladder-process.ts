// One worker's search for a way to frps, as a process in the world: the product's tunnel with the real frpc, until it is up. One JSON line
// for each way that was tried; the last line says which one stands.
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Tunnel } from '../../../entrypoint/frp/tunnel.ts';
import { realClock } from '../../../platform/clock.ts';
import { messageOf } from '../../../platform/errors.ts';
import { silentLogger } from '../../../platform/logger.ts';
import { parseFrpUrl } from '../../../stratum/frp-url.ts';
import type { FrpRecord } from '../../../wire/frp.ts';

export interface LadderSpec {
  frpc: string;
  /** As SPOTRIG_FRP. */
  frps: readonly string[];
  caFile: string;
  sshKeyFile: string;
}

/** What one attempt came to. */
export interface Attempt {
  /** `frp+<rung>://host:port`. */
  url: string;
  ms: number;
  /** The sample's operation and failure; null: the way stands. */
  failed: string | null;
}

/** What is said at the end. */
export interface Found {
  /** `rung at frp://host:port`; null: nothing stood in time. */
  stands: string | null;
  found_ms: number;
}

const LIMIT_MS = 150_000;
const BOOT = 'f'.repeat(32);

async function climb(spec: LadderSpec): Promise<Found> {
  const home = await mkdtemp(join(tmpdir(), 'spotrig-ladder-'));
  await Promise.all(['run', 'log'].map((name) => mkdir(join(home, name))));
  const addresses = spec.frps.flatMap((text) => {
    const parsed = parseFrpUrl(text);
    if ('complaints' in parsed) throw new Error(parsed.complaints.join('; '));
    return [parsed.frps];
  });
  const up = Promise.withResolvers<FrpRecord | null>();
  const ending = new AbortController();
  const begun = performance.now();
  let lastMs = begun;
  const tunnel = new Tunnel({
    ...{ home, boot: BOOT, token: { kid: 'k1', worker: 'lab', expires_s: 1_900_000_000, mac: 'm'.repeat(43) } },
    ...{ addresses, ca: { path: spec.caFile }, sshKey: await readFile(spec.sshKeyFile, 'utf8'), country: null },
    ...{ expose: [], minerPort: () => null, egressKey: null, egressPorts: new Map(), network: () => null },
    program: () => Promise.resolve(spec.frpc),
    onRecord: (record) => {
      if (record.state === 'up') up.resolve(record);
    },
    onSample: ({ target, operation, failure }) => {
      const now = performance.now();
      const failed = operation === null ? null : `${operation} ${failure ?? ''}`.trim();
      console.log(JSON.stringify({ url: target.url, ms: Math.round(now - lastMs), failed } satisfies Attempt));
      lastMs = now;
    },
    emit: () => undefined,
    ...{ clock: realClock, random: Math.random, logger: silentLogger },
  });
  void tunnel.run(ending.signal);
  const late = realClock.sleep(LIMIT_MS, ending.signal).then(() => null).catch(() => null); // prettier-ignore
  try {
    const record = await Promise.race([up.promise, late]);
    const stands = record === null ? null : `${record.rung ?? '?'} at ${record.frps ?? '?'}`;
    return { stands, found_ms: Math.round(performance.now() - begun) };
  } finally {
    ending.abort(new Error('over'));
    await tunnel.stop();
    await rm(home, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(await climb(JSON.parse(process.argv[2] ?? '{}') as LadderSpec)));
  } catch (error) {
    console.log(messageOf(error));
    process.exitCode = 1;
  }
}
