// What the pools of an algorithm mean, by the name that a miner gives it. Only what a source states: where none does, the
// answer is null, and a share whose work is not known proves no work.
import type { Dialect } from '../wire/dialect.ts';
import { BITCOIN_DIFFICULTY_ONE } from './target.ts';

export interface AlgoProfile {
  /**
   * What these pools speak, and so what a probe must say first. `unknown` is a dialect that is none of ours (a probe then ends
   * at TCP or TLS); null where nothing is known of the algorithm.
   */
  dialect: Dialect | null;
  /** The target that mining.set_difficulty's 1 stands for; null where no source tells. */
  difficultyOne: bigint | null;
}

/** Scrypt's pools count difficulty in units of 2^16 hashes, not 2^32. */
const SCRYPT_DIFFICULTY_ONE = BITCOIN_DIFFICULTY_ONE << 16n;
/** Difficulty 1 of pools that count in units of 2^24 hashes. */
const X16_DIFFICULTY_ONE = BITCOIN_DIFFICULTY_ONE << 8n;
/** The Kaspa bridges': 2^32 hashes, without Bitcoin's 0xffff. */
const KASPA_DIFFICULTY_ONE = 1n << 224n;

/** Names as `plain` writes them, in groups that share a source. */
const ROWS: readonly (AlgoProfile & { names: string })[] = [
  // Bitcoin; the factor 1 of cpuminer-multi (cpu-miner.c, stratum_gen_work).
  { names: 'sha256d sha256', dialect: 'bitcoin', difficultyOne: BITCOIN_DIFFICULTY_ONE },
  // kawpowminer's reading of set_difficulty, used by NiceHash; most pools send set_target instead. BzMiner and miniZ also name
  // the algorithm by its coins. Firo's difficulty 1 is the same.
  { names: 'kawpow clore rvn xna neox firopow firo', dialect: 'bitcoin', difficultyOne: BITCOIN_DIFFICULTY_ONE },
  // Pools of the kawpow-stratum-pool line: set_target; of a set_difficulty nothing is known.
  {
    names: 'progpow progpowz progpowveil progpowveriblock progpowsero evrprogpow meowpow',
    dialect: 'bitcoin',
    difficultyOne: null,
  },
  // Every job carries its target (miningcore, ErgoPool.SendJob), see dialects/bitcoin.ts.
  { names: 'autolykos2 autolykosv2 autolykos ergo erg', dialect: 'bitcoin', difficultyOne: null },
  // open-ethereum-pool and its heirs know ethproxy alone. The difficulty is that of EthereumStratum/1.0.0 (NiceHash's
  // specification, section III), which a miner may speak instead.
  { names: 'ethash etchash etc eth', dialect: 'ethproxy', difficultyOne: BITCOIN_DIFFICULTY_ONE },
  // kaspa-stratum-bridge (onemorebsmith, hasher.go): difficulty 4 is the target 2^222.
  { names: 'kheavyhash kaspa kas', dialect: 'kaspa', difficultyOne: KASPA_DIFFICULTY_ONE },
  // Forks of Kaspa with bridges of their own; whether they count as Kaspa's does is not known.
  { names: 'karlsenhash karlsenhashv2 karlsen pyrinhash pyrinhashv2 pyrin', dialect: 'kaspa', difficultyOne: null },
  // ZIP-301: targets only. Work is then counted in solutions (Sol/s).
  {
    names:
      'equihash equihash2009 equihash1254 equihash1445 equihash1927 equihash2109 equihash965 equi1254 equi1445 equi1927 equi2109 ' +
      '1254 1445 1927 2109 zhash zel zelhash flux',
    dialect: 'equihash',
    difficultyOne: null,
  },
  // Factors of cpuminer-multi (cpu-miner.c, stratum_gen_work) and cpuminer-opt (opt_target_factor); for GhostRider also XMRig's
  // EthStratumClient.
  {
    names: 'scrypt neoscrypt yescrypt yespower ghostrider gr',
    dialect: 'bitcoin',
    difficultyOne: SCRYPT_DIFFICULTY_ONE,
  },
  { names: 'x16r x16s xevan lyra2rev2 allium', dialect: 'bitcoin', difficultyOne: X16_DIFFICULTY_ONE },
  // Monero's login (XMRig's algorithm names; their families by prefix below): every job carries its target.
  { names: 'randomx', dialect: 'cryptonote', difficultyOne: null },
  // NiceHash's specifications show mining.subscribe, and no difficulty.
  { names: 'xelishash xelishashv2 xelishashv3', dialect: 'bitcoin', difficultyOne: null },
  // Protocols of their own: Conflux' stratum, Iron Fish' mining.subscribe with a body, Beam's login.
  {
    names: 'octopus cfx fishhash ironfish beam beamhash beamhash3 beamhashiii beamiii beamv3',
    dialect: 'unknown',
    difficultyOne: null,
  },
];

/** XMRig's families: https://xmrig.com/docs/algorithms. */
const CRYPTONOTE_FAMILY = /^(?:rx|cn|cn-lite|cn-heavy|cn-pico|argon2)\//;

const PROFILES: ReadonlyMap<string, AlgoProfile> = new Map(
  ROWS.flatMap(({ names, ...profile }) => names.split(' ').map((name) => [name, profile] as const)),
);
const CRYPTONOTE: AlgoProfile = { dialect: 'cryptonote', difficultyOne: null };
const NOTHING_KNOWN: AlgoProfile = { dialect: null, difficultyOne: null };

/** What is known of an algorithm by the name that any of the miners gives it; upper or lower case, with any separators. */
export function algoProfile(algo: string): AlgoProfile {
  const name = algo.toLowerCase();
  if (CRYPTONOTE_FAMILY.test(name)) return CRYPTONOTE;
  return PROFILES.get(name.replaceAll(/[^a-z0-9]/g, '')) ?? NOTHING_KNOWN;
}
