// Workers' tokens for orders, with the keys of the collector's data folder.
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { KEYS_FILE, loadKeys } from '../../collector/keys.ts';
import { DATABASE_FILE } from '../../collector/main.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import { mintToken } from '../../collector/tokens.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { revokedPast } from '../tokens/revoked.ts';

const DAY_S = 86_400;

export interface Minter {
  mint(worker: string): string;
  /** Those of these workers whose new tokens the collector would refuse. */
  revokedOf(workers: readonly string[]): Promise<Set<string>>;
}

/** Tokens that end in `days` days. Throws `no_keys`: a key that is made here is no collector's. */
export async function openMinter(o: { data: string; days: number; now_ms: number }): Promise<Minter> {
  const dir = resolve(o.data);
  if (!existsSync(join(dir, KEYS_FILE))) {
    throw new SpotrigError(
      'no_keys',
      `--data: ${dir} has no keys of a collector, and each worker needs a token: start the collector there first, or ` +
        `\`npx spotrig token add-key --data ${dir}\``,
    );
  }
  const keys = await loadKeys(dir);
  const expires_s = Math.floor(o.now_ms / 1000) + o.days * DAY_S;
  return {
    mint: (worker) => mintToken(keys, { worker, expires_s }),
    revokedOf: async (workers) => {
      const path = join(dir, DATABASE_FILE);
      const revoked = new Set<string>();
      if (workers.length === 0 || !existsSync(path)) return revoked;
      const store = openSqliteStore(path);
      try {
        for (const worker of workers) if ((await revokedPast(store, worker, expires_s)) !== null) revoked.add(worker);
      } finally {
        await store.close();
      }
      return revoked;
    },
  };
}
