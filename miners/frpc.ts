// frpc, as its own project publishes it. Not a miner, but pinned, fetched and verified like one.
import type { ReleaseLayout } from './miner.ts';
import { minerReleases } from './pinned.ts';
import type { MinerRelease } from './releases.ts';

export const FRPC = 'frpc';

/** Of the archive for Linux on x86-64, which holds frps and examples too. */
export const frpcLayout: ReleaseLayout = {
  asset: /^frp_(?<version>\d+\.\d+\.\d+)_linux_amd64\.tar\.gz$/,
  assetOf: (version) => `frp_${version}_linux_amd64.tar.gz`,
  url: (version, asset) => `https://github.com/fatedier/frp/releases/download/v${version}/${asset}`,
  member: (version) => `frp_${version}_linux_amd64/frpc`,
};

/** Where frpc's program comes from. */
export type FrpcChoice = { from: 'path'; path: string } | { from: 'release'; release: MinerRelease };

/** The release that a bare `frpc` means; null where this build has none pinned. */
export function pinnedFrpc(releases: readonly MinerRelease[] = minerReleases): FrpcChoice | null {
  const release = releases.find(({ miner }) => miner === FRPC);
  return release === undefined ? null : { from: 'release', release };
}

/** Reads SPOTRIG_FRPC: `frpc`, `frpc@version` or `frpc@/path`; or what is wrong with it, as the end of a sentence. */
export function chooseFrpc(text: string, releases: readonly MinerRelease[] = minerReleases): FrpcChoice | string {
  const [name = '', ...rest] = text.split('@');
  const which = rest.join('@');
  if (name !== FRPC || (rest.length > 0 && which === '')) return 'must be frpc, frpc@version or frpc@/path/of/frpc';
  if (which.startsWith('/')) return { from: 'path', path: which };
  const ofFrpc = releases.filter(({ miner }) => miner === FRPC);
  const release = rest.length === 0 ? ofFrpc[0] : ofFrpc.find(({ version }) => version === which);
  if (release !== undefined) return { from: 'release', release };
  const have = ofFrpc.length === 0 ? 'no frpc' : `frpc only as ${ofFrpc.map(({ version }) => version).join(', ')}`;
  return (
    `names a release, and this build has ${have} pinned: give frpc@/path of a program in the image, or pin one with ` +
    '`npx spotrig pin frpc <archive or program>` and build again'
  );
}
