// XMRig 6.x on the CPU. Flags, API fields and log lines by its source at v6.26.0 (src/core/config/usage.h, src/core/Miner.cpp,
// src/net/Network.cpp, src/crypto/rx).
import { poolAddress, type LogSign, type PublishedMiner, type MinerLaunch } from './miner.ts';

function argv(l: MinerLaunch): string[] {
  return [
    [l.binary],
    // With TLS it sends no name and takes any certificate.
    ['-o', poolAddress(l.pool)],
    ['-u', l.wallet, '-p', l.password, '--rig-id', l.worker],
    ['-a', l.algo],
    // No -k: XMRig sends keep-alives by itself where the pool's login answer offers them, and others may drop a client for it.
    ['-r', '1', '-R', '1'], // the least that XMRig takes; with one pool it tries for ever
    ['--http-host', '127.0.0.1', '--http-port', String(l.apiPort)],
    ['--no-color', '--print-time', '30'],
    // XMRig writes nothing to a standard output that is a file; to a log it does.
    ['-l', '/dev/stdout'],
    // The official build takes 0 for its default of 1, Debian's takes it for what it says. 0 for the second: donation rounds go to the donation host directly, never as a
    // second login through the pool's connection, where the share meter would count them.
    ['--donate-level', '0', '--donate-over-proxy', '0'],
    l.extraArgs,
  ].flat();
}

/** A dataset that does not fit is no fault: XMRig then mines on in light mode ("switching to slow mode"). */
const SIGNS: readonly [RegExp, LogSign][] = [
  [/init datasets? /, 'dag_begin'],
  [/dataset ready/, 'dag_done'],
  [/failed to allocate RandomX memory/, 'out_of_memory'],
  [
    /login error code|error: "[^"]*(?:unauthenticated|unauthorized|invalid[^"]*(?:address|login|wallet|user)|banned)/i,
    'login_refused',
  ],
];

/** XMRig mines RandomX and its kin on the CPU. */
export const xmrig: PublishedMiner = {
  name: 'xmrig',
  release: {
    asset: /^xmrig-(?<version>\d+\.\d+\.\d+)-linux-static-x64\.tar\.gz$/,
    assetOf: (version) => `xmrig-${version}-linux-static-x64.tar.gz`,
    url: (version, asset) => `https://github.com/xmrig/xmrig/releases/download/v${version}/${asset}`,
    member: (version) => `xmrig-${version}/xmrig`,
  },
  argv,
  env: {},
  apiUrl: (apiPort) => `http://127.0.0.1:${apiPort}/2/summary`,
  parseApi: async (text) => (await import('./xmrig-api.ts')).parseApi(text),
  logSign: (line) => SIGNS.find(([pattern]) => pattern.test(line))?.[1] ?? null,
  graceMs: 180_000, // a RandomX dataset takes a slow pair of cores minutes
  stopLadder: [
    { signal: 'SIGINT', waitMs: 5_000 },
    { signal: 'SIGTERM', waitMs: 3_000 },
    { signal: 'SIGKILL', waitMs: 2_000 },
  ],
  needsNvidia: false,
};
