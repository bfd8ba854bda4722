import { formatIp, parseIp, prefixOf, unmapped } from '../../platform/ip-ranges.ts';
import type { Network } from '../../wire/reachability.ts';
import type { AsnTable } from './asn-table.ts';

/** Hosts that share such a prefix share a line, where nothing better is known. */
const PREFIX = { 4: 24, 6: 48 } as const;

/** The network of an address as the collector sees it: by its AS where a table tells, else by its /24 or /48. */
export function networkOf(text: string, table: AsnTable | null): Network {
  const parsed = parseIp(text);
  if (parsed === null) return { address: null, asn: null, country: null, key: 'unknown' };
  const address = unmapped(parsed);
  const entry = table?.lookUp(address) ?? null;
  const prefix = PREFIX[address.family];
  const { family, first } = prefixOf(address, prefix);
  return {
    address: formatIp(address),
    asn: entry?.asn ?? null,
    country: entry?.country ?? null,
    key: entry === null ? `${formatIp({ family, value: first })}/${prefix}` : `AS${entry.asn}`,
  };
}
