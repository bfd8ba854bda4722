import type { PublishedMiner } from './miner.ts';
import { minerReleases } from './pinned.ts';
import type { MinerRelease } from './releases.ts';
import { rigel } from './rigel.ts';
import { tRex } from './t-rex.ts';
import { xmrig } from './xmrig.ts';

const adapters: readonly PublishedMiner[] = [tRex, rigel, xmrig];

/** A miner and where its program comes from. */
export type MinerChoice = { adapter: PublishedMiner } & (
  { from: 'path'; path: string } | { from: 'release'; release: MinerRelease }
);

export type MinerChoiceResult = { ok: true; choice: MinerChoice } | { ok: false; complaint: string };

/** The adapter of this name, or null. */
export function findMiner(name: string): PublishedMiner | null {
  return adapters.find((adapter) => adapter.name === name) ?? null;
}

/** Names of all miners that spotrig knows. */
export function minerNames(): string[] {
  return adapters.map((adapter) => adapter.name);
}

/**
 * Reads SPOTRIG_MINER: `name`, `name@version` (a pinned release) or `name@/path` (a program that is in the image already).
 * The complaint says what to write instead; it does not name the variable.
 */
export function chooseMiner(setting: string, releases: readonly MinerRelease[] = minerReleases): MinerChoiceResult {
  const at = setting.indexOf('@');
  const name = at < 0 ? setting : setting.slice(0, at);
  const rest = at < 0 ? null : setting.slice(at + 1);
  const adapter = findMiner(name);
  if (adapter === null) return complain(`unknown miner "${name}"; known are ${minerNames().join(', ')}`);
  if (rest?.startsWith('/') === true) return { ok: true, choice: { adapter, from: 'path', path: rest } };
  if (rest === '') return complain(`"${setting}" ends after the @; give ${name}@version or ${name}@/path`);

  const ofMiner = releases.filter((release) => release.miner === name);
  const release = rest === null ? ofMiner[0] : ofMiner.find((r) => r.version === rest);
  if (release !== undefined) return { ok: true, choice: { adapter, from: 'release', release } };
  const have = ofMiner.length === 0 ? 'no release' : `only ${ofMiner.map((r) => r.version).join(', ')}`;
  return complain(
    `of ${name} this build has ${have} pinned; give ${name}@/path of a program in the image, ` +
      `or pin one with \`npx spotrig pin ${name} <archive>\` and build again`,
  );
}

function complain(complaint: string): MinerChoiceResult {
  return { ok: false, complaint };
}
