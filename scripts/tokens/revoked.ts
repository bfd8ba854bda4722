import type { Store } from '../../collector/store/store.ts';

/**
 * Where a token of this worker that ends at `expires_s` would be refused since the worker is revoked: the unix seconds up to which
 * its tokens are. Null where it would be taken.
 */
export async function revokedPast(store: Store, worker: string, expires_s: number): Promise<number | null> {
  const revoked_s = await store.revokedUpTo(worker);
  return revoked_s === null || expires_s > revoked_s ? null : revoked_s;
}
