// Which autonomous system an address belongs to, from files that the operator brings: `start,end,asn,country,name` (also with tabs) or
// `network,asn,country`. Held as sorted arrays: a full table of today's internet is some 25 MB.
import { type IpAddress, parseCidr, parseIp, unmapped } from '../../platform/ip-ranges.ts';

export interface AsnEntry {
  asn: number;
  /** Two letters; null where the file does not say. */
  country: string | null;
}

interface Row extends AsnEntry {
  first: bigint;
  last: bigint;
}

const LOW_64 = (1n << 64n) - 1n;
const IPV4_IN_IPV6 = 0xffffn << 32n;

/** A line of such a file that is wrong: says which. */
export class AsnFileError extends Error {}

/** Both families in one order: an IPv4 address stands where IPv6 has its mapped form. */
export class AsnTable {
  /** Two words a bound, the high one first. */
  readonly #firsts: BigUint64Array;
  readonly #lasts: BigUint64Array;
  readonly #asns: Uint32Array;
  readonly #countries: (string | null)[] = [];
  readonly #countryOf: Uint16Array;

  /** Where ranges nest, the innermost holds. Throws AsnFileError with the file's name and the number of the line. */
  constructor(files: readonly { name: string; text: string }[]) {
    const rows = disjoint(files.flatMap(({ name, text }) => rowsOf(name, text)));
    this.#firsts = new BigUint64Array(rows.length * 2);
    this.#lasts = new BigUint64Array(rows.length * 2);
    this.#asns = new Uint32Array(rows.length);
    this.#countryOf = new Uint16Array(rows.length);
    const known = new Map<string | null, number>();
    for (const [i, { first, last, asn, country }] of rows.entries()) {
      this.#firsts.set([first >> 64n, first & LOW_64], i * 2);
      this.#lasts.set([last >> 64n, last & LOW_64], i * 2);
      this.#asns[i] = asn;
      let index = known.get(country);
      if (index === undefined) {
        index = this.#countries.push(country) - 1;
        known.set(country, index);
      }
      this.#countryOf[i] = index;
    }
  }

  /** Ranges held. */
  get size(): number {
    return this.#asns.length;
  }

  lookUp(address: IpAddress): AsnEntry | null {
    const value = keyOf(address);
    // The last range that begins at the address or before it.
    let [low, high] = [0, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (bound(this.#firsts, middle) <= value) low = middle + 1;
      else high = middle;
    }
    const i = low - 1;
    if (i < 0 || bound(this.#lasts, i) < value) return null;
    return { asn: this.#asns[i] ?? 0, country: this.#countries[this.#countryOf[i] ?? 0] ?? null };
  }
}

function bound(words: BigUint64Array, index: number): bigint {
  return ((words[index * 2] ?? 0n) << 64n) | (words[index * 2 + 1] ?? 0n);
}

function keyOf(address: IpAddress): bigint {
  const { family, value } = unmapped(address);
  return family === 4 ? IPV4_IN_IPV6 | value : value;
}

function rowsOf(name: string, text: string): Row[] {
  const rows: Row[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const fields = line.split(/[,\t]/, 4).map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
    const [start = ''] = fields;
    if (start === '' || start.startsWith('#')) continue;
    const row = start.includes('/') ? networkRow(fields) : rangeRow(fields);
    // A first line that is none names the columns.
    if (row === null && index === 0) continue;
    if (row === null) {
      throw new AsnFileError(`${name}: line ${index + 1} is neither start,end,asn,country nor network,asn,country`);
    }
    // AS 0: nobody announces it.
    if (row.asn !== 0) rows.push(row);
  }
  return rows;
}

function networkRow([network = '', asn, country]: string[]): Row | null {
  const range = parseCidr(network);
  if (range === null) return null;
  return rowOf({ family: range.family, value: range.first }, { family: range.family, value: range.last }, asn, country);
}

function rangeRow([start = '', end = '', asn, country]: string[]): Row | null {
  const [first, last] = [parseIp(start), parseIp(end)];
  return first === null || last === null || first.family !== last.family ? null : rowOf(first, last, asn, country);
}

function rowOf(first: IpAddress, last: IpAddress, asnText = '', countryText = ''): Row | null {
  const asn = Number(/^(?:AS)?([0-9]{1,10})$/i.exec(asnText)?.[1] ?? NaN);
  if (!(asn <= 0xffff_ffff) || last.value < first.value) return null;
  const country = /^[a-z]{2}$/i.test(countryText) ? countryText.toUpperCase() : null;
  return { first: keyOf(first), last: keyOf(last), asn, country };
}

/** The same, cut so that no two overlap. */
function disjoint(rows: Row[]): Row[] {
  const sorted = rows.toSorted((a, b) => compare(a.first, b.first) || compare(b.last, a.last));
  const cut: Row[] = [];
  const open: Row[] = [];
  let next = 0n;
  const emit = (row: Row, last: bigint): void => {
    if (next <= last) cut.push({ ...row, first: next, last });
    if (next <= last) next = last + 1n;
  };
  const closeUpTo = (end: bigint | null): void => {
    for (let top = open.at(-1); top !== undefined && (end === null || top.last < end); top = open.at(-1)) {
      emit(top, top.last);
      open.pop();
    }
  };
  for (const row of sorted) {
    closeUpTo(row.first);
    const around = open.at(-1);
    if (around !== undefined) emit(around, row.first - 1n);
    if (next < row.first) next = row.first;
    open.push(row);
  }
  closeUpTo(null);
  return cut;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
