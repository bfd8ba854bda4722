// T-Rex 0.26.8, NVIDIA, closed source, frozen since 2022. Flags by its own help text, log lines by its issue threads.
import { poolAddress, type LogSign, type PublishedMiner, type MinerLaunch } from './miner.ts';

function argv(l: MinerLaunch): string[] {
  return [
    [l.binary],
    ['-a', l.algo],
    ['-o', poolAddress(l.pool)],
    tlsFlags(l.pool.tls),
    ['-u', l.wallet, '-w', l.worker, '-p', l.password],
    ['-R', '1'], // the shortest pause: it must be back at the relay soon after the relay is back
    ['--api-bind-http', `127.0.0.1:${l.apiPort}`, '--api-read-only'],
    ['--no-watchdog', '--no-color', '--no-new-block-info'],
    ['-N', '30', '--gpu-report-interval', '60'],
    l.extraArgs,
  ].flat();
}

/** Pools sign their own certificates, and T-Rex would refuse those. */
function tlsFlags(tls: MinerLaunch['pool']['tls']): string[] {
  if (tls === null) return [];
  return tls.sni === null ? ['--no-strict-ssl', '--no-sni'] : ['--no-strict-ssl'];
}

/** In this order: CUDA reports a full memory and a lost card as CUDA errors too. */
const SIGNS: readonly [RegExp, LogSign][] = [
  [/generating DAG/i, 'dag_begin'],
  [/DAG generated/i, 'dag_done'],
  [/OUT_OF_MEMORY|not (?:have )?enough (?:free )?memory|memory allocation attempts exceeded/i, 'out_of_memory'],
  [/GPU is lost|GPU_IS_LOST|has a problem with GPU|Xid\D{0,20}79\b/i, 'gpu_lost'],
  [/CUDA_ERROR_|cuda exception/i, 'cuda_error'],
  [
    /authoriz\w* (?:error|failed|rejected)|(?:not|un)[ -]?authorized|(?:can't|cannot|failed to) authorize/i,
    'login_refused',
  ],
];

/** T-Rex mines on NVIDIA cards. */
export const tRex: PublishedMiner = {
  name: 't-rex',
  release: {
    asset: /^t-rex-(?<version>\d+\.\d+\.\d+)-linux\.tar\.gz$/,
    assetOf: (version) => `t-rex-${version}-linux.tar.gz`,
    url: (version, asset) => `https://github.com/trexminer/T-Rex/releases/download/${version}/${asset}`,
    member: () => 't-rex',
  },
  argv,
  env: {},
  apiUrl: (apiPort) => `http://127.0.0.1:${apiPort}/summary`,
  parseApi: async (text) => (await import('./t-rex-api.ts')).parseApi(text),
  logSign: (line) => SIGNS.find(([pattern]) => pattern.test(line))?.[1] ?? null,
  graceMs: 180_000,
  stopLadder: [
    { signal: 'SIGINT', waitMs: 10_000 },
    { signal: 'SIGTERM', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 2_000 },
  ],
  needsNvidia: true,
};
