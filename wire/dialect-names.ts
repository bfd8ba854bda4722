// Without a schema: the worker's settings need the names before the miner runs.

/**
 * The stratum dialects (names of ours). `bitcoin`: mining.* of Bitcoin, KawPow, Autolykos; `ethereumstratum1`: NiceHash's
 * EthereumStratum/1.0.0; `ethereumstratum2`: EIP-1571; `ethproxy`: eth_submitLogin; `equihash`: ZIP-301; `kaspa`: the bridges';
 * `cryptonote`: Monero's login. `unknown`: lines pass, nothing is counted as work.
 */
export const DIALECTS = [
  'bitcoin',
  'ethereumstratum1',
  'ethereumstratum2',
  'ethproxy',
  'equihash',
  'kaspa',
  'cryptonote',
  'unknown',
] as const;

export type Dialect = (typeof DIALECTS)[number];
