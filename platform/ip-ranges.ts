// IP addresses as numbers, and sets of ranges of them.
import { isIP } from 'node:net';

export interface IpAddress {
  family: 4 | 6;
  value: bigint;
}

/** From `first` to `last`, both inside. */
export interface IpRange {
  family: 4 | 6;
  first: bigint;
  last: bigint;
}

/**
 * Ranges that no public server has (the IANA special-purpose address registries): private, loopback, link-local with the clouds'
 * metadata services, documentation, multicast, and the forms of IPv6 that carry an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
export const SPECIAL_RANGES: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  // A public address by its number, and the host's own agent inside Azure.
  '168.63.129.16/32',
  // Global unicast is 2000::/3, so all before and behind it: ::1, mapped, 64:ff9b::, fc00:: (also fd00:ec2::254), fe80::, ff00::.
  '::/3',
  '4000::/2',
  '8000::/1',
  // Of 2000::/3: Teredo, benchmarking and ORCHID; documentation; 6to4.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
];

/** Takes an address apart; null where the text is none. A zone (`%eth0`) is not taken. */
export function parseIp(text: string): IpAddress | null {
  switch (isIP(text)) {
    case 4:
      return { family: 4, value: ipv4Value(text) };
    case 6:
      return text.includes('%') ? null : { family: 6, value: ipv6Value(text) };
    default:
      return null;
  }
}

/** An IPv4 address that came as IPv6 (`::ffff:192.0.2.1`, as a socket of both families names its peer) as what it is. */
export function unmapped(address: IpAddress): IpAddress {
  const isMapped = address.family === 6 && address.value >> 32n === 0xffffn;
  return isMapped ? { family: 4, value: address.value & 0xffff_ffffn } : address;
}

/** `192.0.2.0/24`, `2001:db8::/32`, or a single address. Null where it is none, or has bits behind its prefix. */
export function parseCidr(text: string): IpRange | null {
  const [, host = '', prefixText] = /^([^/]+)(?:\/([0-9]{1,3}))?$/.exec(text) ?? [];
  const address = parseIp(host);
  if (address === null) return null;
  const bits = address.family === 4 ? 32 : 128;
  const prefix = prefixText === undefined ? bits : Number(prefixText);
  if (prefix > bits) return null;
  const range = prefixOf(address, prefix);
  return range.first === address.value ? range : null;
}

/** The network of this prefix that an address is in. */
export function prefixOf(address: IpAddress, prefix: number): IpRange {
  const hostBits = BigInt((address.family === 4 ? 32 : 128) - prefix);
  const first = (address.value >> hostBits) << hostBits;
  return { family: address.family, first, last: first | ((1n << hostBits) - 1n) };
}

/** An address as text: IPv6 in the short form, lower case. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  // RFC 5952: the longest run of two or more zero groups, the first of equals.
  const runs = [
    ...groups
      .map((g) => (g === '0' ? '0' : '1'))
      .join('')
      .matchAll(/0{2,}/g),
  ];
  const longest = runs.toSorted((a, b) => b[0].length - a[0].length || a.index - b.index)[0];
  if (longest === undefined) return groups.join(':');
  const head = groups.slice(0, longest.index).join(':');
  return `${head}::${groups.slice(longest.index + longest[0].length).join(':')}`;
}

/** Whether one of the ranges has the address. What is no address counts as inside: a filter then keeps it out. */
export function isInRanges(ranges: readonly IpRange[], text: string): boolean {
  const address = parseIp(text);
  if (address === null) return true;
  return ranges.some((r) => r.family === address.family && r.first <= address.value && address.value <= r.last);
}

/** Ranges of a list that our own source or a checked setting has; throws for a wrong one. */
export function rangesOf(cidrs: readonly string[]): IpRange[] {
  return cidrs.map((text) => {
    const range = parseCidr(text);
    if (range === null) throw new Error(`not a network: ${text}`);
    return range;
  });
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function ipv6Value(text: string): bigint {
  // A dotted tail is two groups.
  const plain = text.replace(/[0-9.]+$/, (tail) => {
    if (!tail.includes('.')) return tail;
    const value = ipv4Value(tail);
    return `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;
  });
  const [head = '', tail] = plain.split('::');
  const groupsOf = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const zeros = Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...zeros, ...back].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}
