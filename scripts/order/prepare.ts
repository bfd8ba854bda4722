// A fleet file with what belongs to it (image, rigs, keys, black list), read and checked before any machine is looked at.
import { dirname, resolve } from 'node:path';
import { readConfig } from '../../entrypoint/config.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { registerSecret } from '../../platform/secrets.ts';
import type { CollectorAccess } from '../collector-access.ts';
import { HIVEOS_IMAGE, UBUNTU_IMAGE } from './body.ts';
import { type Image, readLedger } from './ccr-ledger.ts';
import { envComplaints, envOf } from './env.ts';
import { type Fleet, isImageId, isWorkerFleet } from './fleet.ts';
import { type Minter, openMinter } from './minter.ts';
import type { RigPair } from './rigs.ts';
import { type Banned, bannedBy } from './screen.ts';
import type { Machine } from './snapshot.ts';
import { readBlacklist, readFleet, readRigs } from './sources.ts';

export interface Prepared {
  fleet: Fleet;
  /** The CCR id. */
  image: string;
  /** The ledger's entry of that id; null where it has none. */
  ledgerImage: Image | null;
  /** All of the list. */
  rigs: RigPair[];
  banned: Banned;
  /** null: the image is not ours, and its env has no token. */
  minter: Minter | null;
}

/** Reads everything that does not come from the market. Throws SpotrigError with a line for each complaint. */
export async function prepare(o: {
  fleetFile: string;
  data: string;
  ledger: string;
  blacklist: string | undefined;
  collector: CollectorAccess | null;
  now_ms: number;
}): Promise<Prepared> {
  const fleet = await readFleet(o.fleetFile);
  const rigs = fleet.rigs === undefined ? [] : await readRigs(resolve(dirname(o.fleetFile), fleet.rigs));
  for (const { rig_pass } of rigs.slice(0, 1)) registerSecret(rig_pass);
  const images = await readLedger(o.ledger);
  const image = imageOf(fleet, images, o);
  const banned = bannedBy(
    o.blacklist === undefined ? { v: 1, servers: [], hosts: [] } : await readBlacklist(o.blacklist, o.collector),
  );
  const minter = isWorkerFleet(fleet)
    ? await openMinter({ data: o.data, days: fleet.token_days, now_ms: o.now_ms })
    : null;
  checkEnv(fleet, o.fleetFile, { minter, rig: rigs[0] ?? null });
  const ledgerImage = images.find(({ id }) => id === image) ?? null;
  return { fleet, image, ledgerImage, rigs, banned, minter };
}

function imageOf(
  { profile, image }: Fleet,
  images: readonly Image[],
  o: { fleetFile: string; ledger: string },
): string {
  if (profile === 'ubuntu') return UBUNTU_IMAGE;
  if (profile === 'hiveos') return HIVEOS_IMAGE;
  const text = image ?? '';
  if (isImageId(text)) return text;
  const known = images.find(({ name }) => name === text);
  if (known !== undefined) return known.id;
  throw new SpotrigError(
    'fleet_file',
    `${o.fleetFile}: image: ${JSON.stringify(text)} is neither a CCR id (24 hex digits) nor a name in ${o.ledger}; ` +
      `enter it with \`npx spotrig ccr add ${text} ID\``,
  );
}

/** A machine such as any other, for what is wrong on each. */
const SAMPLE: Machine = {
  ...{
    bids: [],
    on_demand_rented: false,
    online: true,
    ram: 8,
    cuda: '12.2',
    max_rental_length: 0,
    cc: 'RU',
    host: '1',
  },
  ...{ reliability: 1, energy_price: null, working_properly: true, min_bid: null },
  gpus: [{ model: 'RTX 3070', pl: [1, 1], mem_lock: null, core_lock: null, mem_offset: null, core_offset: null }],
};

/** What is wrong with every machine's env is the fleet file's fault, and told at once. Registers the env's secrets. */
function checkEnv(fleet: Fleet, path: string, o: { minter: Minter | null; rig: RigPair | null }): void {
  const token = o.minter?.mint('sample') ?? null;
  const env = envOf({ fleet, server: '1', machine: SAMPLE, token, rig: o.rig });
  if (isWorkerFleet(fleet)) readConfig({ ...fleet.image_env, ...env });
  const complaints = envComplaints(env, fleet);
  if (complaints.length === 0) return;
  throw new SpotrigError('fleet_file', complaints.map((complaint) => `${path}: env: ${complaint}`).join('\n'));
}
