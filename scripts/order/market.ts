// Where the market's state comes from: the API, or a snapshot that somebody else fetched.
import { isLoopbackHost } from '../../collector/access.ts';
import { registerSecret } from '../../platform/secrets.ts';
import { WrongOption } from '../collector-access.ts';
import { type ApiPorts, MarketApi } from './market-api.ts';
import type { Market } from './plan.ts';
import { type Snapshot, snapshotTimeS } from './snapshot.ts';
import { readSnapshot, readText } from './sources.ts';

const KEY_MAX_BYTES = 10_000;

/** A market, and when its snapshot was taken. */
export interface TimedMarket extends Market {
  /** Unix ms; null: not known. */
  taken_ms: number | null;
}

/** The order API with the user's key. Throws WrongOption where there is none, or where it would go out unencrypted. */
export async function openApi(o: { api: string; keyFile: string | undefined; ports: ApiPorts }): Promise<MarketApi> {
  const url = URL.parse(o.api);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new WrongOption('--api: an http(s) address');
  if (url.protocol === 'http:' && !isLoopbackHost(url.hostname))
    throw new WrongOption('--api: https, since the key goes there (plain http only on loopback)');
  const text = o.keyFile === undefined ? process.env['CLORE_API_KEY'] : await readText(o.keyFile, KEY_MAX_BYTES);
  const key = text?.trim() ?? '';
  if (key === '') throw new WrongOption('the API needs its key: --key-file FILE, or the variable CLORE_API_KEY');
  if (!/^[!-~]{1,500}$/.test(key)) throw new WrongOption('the API’s key must be one word of visible ASCII characters');
  registerSecret(key);
  return new MarketApi({ base: o.api, key, ports: o.ports });
}

/** The market by the API. */
export async function marketOfApi(
  api: MarketApi,
  clore_usd: number | null,
): Promise<TimedMarket & { my_user_id: string }> {
  const told = await api.gigaspot();
  const snapshot = await readSnapshot(told.snapshot_url);
  return { snapshot, taken_ms: told.taken_ms, my_user_id: told.my_user_id, clore_usd: clore_usd ?? told.clore_usd };
}

/** The market by a file or an address, whose name may tell its time. */
export async function marketOfSnapshot(
  from: string,
  o: { my_user_id: string | null; clore_usd: number | null },
): Promise<TimedMarket> {
  const snapshot: Snapshot = await readSnapshot(from);
  const taken_s = snapshotTimeS(from);
  return { snapshot, taken_ms: taken_s === null ? null : taken_s * 1000, ...o };
}
