// Starts the practice miner as a process and asks it what it did and what it claims.
import { join } from 'node:path';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { spawnGroup } from '../../platform/process.ts';
import type { MinerFlags } from './miner-flags.ts';

const MINER = join(import.meta.dirname, 'practice-miner.ts');

export interface RunningMiner {
  /** What it really hashed, by its own counter. */
  truth(): Promise<{ hashes: number; seconds: number; true_hs: number }>;
  /** The hashrate that its API tells. */
  claimed_hs(): Promise<number>;
  /** Ends it; resolves when it is gone. */
  stop(): Promise<unknown>;
}

/** A miner of user `wallet`, worker `rig`, for a pool on this port of loopback. */
export async function runMiner(o: {
  port: number;
  dialect: MinerFlags['dialect'];
  throttle_hs: number;
  /** Claims so many times its rate. */
  inflate?: number;
  /** Stops hashing so long after its start, and stays connected; by default it goes on. */
  stallAfterMs?: number;
}): Promise<RunningMiner> {
  const api = `127.0.0.1:${String(await freeLoopbackPort())}`;
  const pool = ['-o', `stratum+tcp://127.0.0.1:${String(o.port)}`, '-u', 'wallet', '-w', 'rig', '-p', 'x'];
  const practice = {
    dialect: o.dialect,
    'throttle-hs': o.throttle_hs,
    inflate: o.inflate ?? 1,
    ...(o.stallAfterMs === undefined ? {} : { 'stall-after-ms': o.stallAfterMs }),
    'dag-ms': 1,
    'reconnect-ms': 100,
  };
  const flags = Object.entries(practice).flatMap(([name, value]) => [`--practice-${name}`, String(value)]);
  const argv = [process.execPath, MINER, '-a', 'sha256d', '--api-bind-http', api, ...pool, ...flags];
  const child = spawnGroup({ argv, env: {}, stdout: 'ignore', stderr: 'ignore' });
  const ask = async (path: string): Promise<unknown> => (await fetch(`http://${api}${path}`)).json();
  return {
    truth: async () => (await ask('/practice/truth')) as { hashes: number; seconds: number; true_hs: number },
    claimed_hs: async () => ((await ask('/summary')) as { hashrate: number }).hashrate,
    stop() {
      child.kill('SIGKILL');
      return child.exited;
    },
  };
}
