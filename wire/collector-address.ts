// An address of SPOTRIG_COLLECTOR taken apart: `https://collector.example.org:8480`, or the same with `#frp=name` where it is reached
// through that export of frp. Apart from the schemas: settings are read before the miner runs.
import { FRP_SERVICE } from './frp-names.ts';

export interface CollectorAddress {
  /** Base URL without a trailing slash and without the fragment: what the collector is called, whatever the way to it. */
  url: string;
  /** Name of the export that leads to it; null: it is reached directly. */
  frp: string | null;
}

/** null for a fragment that names no export. Says nothing about whether the rest is an address. */
export function parseCollectorAddress(text: string): CollectorAddress | null {
  const [base = '', ...rest] = text.split('#');
  const url = base.replace(/\/+$/, '');
  if (rest.length === 0) return { url, frp: null };
  const [, name = ''] = /^frp=(.*)$/.exec(rest.join('#')) ?? [];
  return FRP_SERVICE.test(name) ? { url, frp: name } : null;
}

/** Those of the addresses that are reached directly. */
export function directCollectors(addresses: readonly string[]): string[] {
  return addresses.filter((address) => parseCollectorAddress(address)?.frp === null);
}
