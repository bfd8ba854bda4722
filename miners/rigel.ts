// Rigel 1.23, NVIDIA, closed source. Flags by its own help text; log lines by its issue threads, where few are to be found.
import { poolAddress, type LogSign, type PublishedMiner, type MinerLaunch } from './miner.ts';

function argv(l: MinerLaunch): string[] {
  return [
    [l.binary],
    ['-a', l.algo],
    ['-o', poolAddress(l.pool)],
    // Pools sign their own certificates. No flag is known that leaves the name out: only the relay can do that.
    l.pool.tls === null ? [] : ['--no-strict-ssl'],
    ['-u', l.wallet, '-w', l.worker, '-p', l.password],
    ['--api-bind', `127.0.0.1:${l.apiPort}`],
    // Its screen needs a terminal. Clocks are part of the bid, and not the miner's to reset.
    ['--no-tui', '--no-colour', '--no-watchdog', '--dag-reset-mclock', 'off'],
    ['--hashrate-avg', '30', '--stats-interval', '60'],
    l.extraArgs,
  ].flat();
}

/** In this order: CUDA reports a full memory and a lost card as CUDA errors too. How a DAG's end is told is not confirmed. */
const SIGNS: readonly [RegExp, LogSign][] = [
  [/building DAG/i, 'dag_begin'],
  [/DAG (?:was )?(?:built|generated)/i, 'dag_done'],
  [/OUT_OF_MEMORY|out of memory|not enough (?:free |GPU )?memory/i, 'out_of_memory'],
  [/GPU is lost|GPU_IS_LOST|Xid\D{0,20}79\b/i, 'gpu_lost'],
  [/CUDA_ERROR_|CUDA error/i, 'cuda_error'],
  [/authori[sz]\w* (?:error|failed|rejected)|(?:not|un)[ -]?authori[sz]ed|failed to authori[sz]e/i, 'login_refused'],
];

/** Rigel mines on NVIDIA cards, the newer ones too. */
export const rigel: PublishedMiner = {
  name: 'rigel',
  release: {
    asset: /^rigel-(?<version>\d+\.\d+\.\d+)-linux\.tar\.gz$/,
    assetOf: (version) => `rigel-${version}-linux.tar.gz`,
    url: (version, asset) => `https://github.com/rigelminer/rigel/releases/download/${version}/${asset}`,
    member: (version) => `rigel-${version}-linux/rigel`,
  },
  argv,
  env: {},
  apiUrl: (apiPort) => `http://127.0.0.1:${apiPort}/stat`,
  parseApi: async (text) => (await import('./rigel-api.ts')).parseApi(text),
  logSign: (line) => SIGNS.find(([pattern]) => pattern.test(line))?.[1] ?? null,
  graceMs: 180_000,
  stopLadder: [
    { signal: 'SIGINT', waitMs: 10_000 },
    { signal: 'SIGTERM', waitMs: 5_000 },
    { signal: 'SIGKILL', waitMs: 2_000 },
  ],
  needsNvidia: true,
};
