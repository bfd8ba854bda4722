// DNS messages as a stub resolver needs them (RFC 1035): one question out; addresses, and why there are none, back in. Strict: what
// is not well formed, or answers another question, is no answer.
import { formatIp } from '../../platform/ip-ranges.ts';
import type { Failure } from '../../wire/failure.ts';

export type Family = 'A' | 'AAAA';

export interface DnsReply {
  id: number;
  /** The answer was cut: it does not fit into a datagram. */
  isTruncated: boolean;
  /** RFC 1035 4.1.1; 0 = no error. */
  rcode: number;
  question: { name: string; family: Family };
  /** Of the name that was asked for, or of the names that it stands for. */
  addresses: string[];
}

const TYPES: Record<Family, number> = { A: 1, AAAA: 28 };
const TYPE_CNAME = 5;
const CLASS_IN = 1;
const HEADER_BYTES = 12;
const NAME_MAX_BYTES = 255;
/** Answers and jumps beyond this are somebody's game. */
const RECORDS_MAX = 64;
const ADDRESSES_MAX = 16;

/** A query with recursion wanted. Throws TypeError for a name that DNS cannot carry. */
export function encodeQuery(id: number, name: string, family: Family): Buffer {
  const labels = name.replace(/\.$/, '').split('.');
  const parts = labels.map((label) => {
    const bytes = Buffer.from(label, 'latin1');
    if (bytes.length === 0 || bytes.length > 63 || !/^[\x21-\x7e]*$/.test(label)) {
      throw new TypeError(`not a host name: ${name}`);
    }
    return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  });
  const encoded = Buffer.concat([...parts, Buffer.from([0])]);
  if (encoded.length > NAME_MAX_BYTES) throw new TypeError(`not a host name: ${name}`);
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(0x0100, 2);
  header.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(4);
  tail.writeUInt16BE(TYPES[family], 0);
  tail.writeUInt16BE(CLASS_IN, 2);
  return Buffer.concat([header, encoded, tail]);
}

/** Whether DNS can carry the name. */
export function isDnsName(name: string): boolean {
  try {
    encodeQuery(0, name, 'A');
    return true;
  } catch {
    return false;
  }
}

/** Reads a reply; null for anything that is not a well-formed one. Never throws. */
export function decodeReply(message: Buffer): DnsReply | null {
  try {
    return read(message);
  } catch (error) {
    if (error instanceof RangeError) return null; // a read beyond the end
    throw error;
  }
}

function read(message: Buffer): DnsReply | null {
  const flags = message.readUInt16BE(2);
  const isReply = (flags & 0x8000) !== 0;
  const questions = message.readUInt16BE(4);
  const answers = message.readUInt16BE(6);
  if (!isReply || questions !== 1 || answers > RECORDS_MAX) return null;
  const asked = readName(message, HEADER_BYTES);
  if (asked === null) return null;
  const type = message.readUInt16BE(asked.next);
  const family = type === TYPES.A ? 'A' : type === TYPES.AAAA ? 'AAAA' : null;
  if (family === null || message.readUInt16BE(asked.next + 2) !== CLASS_IN) return null;

  const names = new Set([asked.name]);
  const addresses: string[] = [];
  let at = asked.next + 4;
  for (let i = 0; i < answers; i++) {
    const owner = readName(message, at);
    if (owner === null) return null;
    const recordType = message.readUInt16BE(owner.next);
    const isInternet = message.readUInt16BE(owner.next + 2) === CLASS_IN;
    const length = message.readUInt16BE(owner.next + 8);
    const data = owner.next + 10;
    if (data + length > message.length) return null;
    at = data + length;
    // A chain of names is told in order (RFC 1034 3.6.2); a record of some other name answers nothing.
    if (!isInternet || !names.has(owner.name)) continue;
    if (recordType === TYPE_CNAME) {
      const target = readName(message, data);
      if (target === null) return null;
      names.add(target.name);
    } else if (recordType === TYPES[family]) {
      const address = addressText(message.subarray(data, at), family);
      if (address === null) return null;
      if (addresses.length < ADDRESSES_MAX && !addresses.includes(address)) addresses.push(address);
    }
  }
  return {
    id: message.readUInt16BE(0),
    isTruncated: (flags & 0x0200) !== 0,
    rcode: flags & 0x000f,
    question: { name: asked.name, family },
    addresses,
  };
}

/** A name in lower case, pointers followed backwards only; null for a malformed one. `next` is the byte behind it. */
function readName(message: Buffer, start: number): { name: string; next: number } | null {
  const labels: string[] = [];
  let at = start;
  let next = -1;
  let floor = start;
  let bytes = 1;
  for (;;) {
    const length = message.readUInt8(at);
    if (length === 0) break;
    if ((length & 0xc0) === 0xc0) {
      const target = message.readUInt16BE(at) & 0x3fff;
      if (target >= floor || target < HEADER_BYTES) return null; // only what came before: no loops
      if (next === -1) next = at + 2;
      at = target;
      floor = target;
      continue;
    }
    bytes += length + 1;
    if (length > 63 || bytes > NAME_MAX_BYTES || at + 1 + length > message.length) return null;
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), next: next === -1 ? at + 1 : next };
}

function addressText(data: Buffer, family: Family): string | null {
  if (data.length !== (family === 'A' ? 4 : 16)) return null;
  return formatIp({ family: family === 'A' ? 4 : 6, value: BigInt(`0x${data.toString('hex')}`) });
}

/** What a reply's code says; null where addresses came. */
export function replyFailure(reply: Pick<DnsReply, 'rcode' | 'addresses'>): Failure | null {
  if (reply.addresses.length > 0 && reply.rcode === 0) return null;
  switch (reply.rcode) {
    case 0:
      return 'dns_no_answer';
    case 2:
      return 'dns_servfail_error';
    case 3:
      return 'dns_nxdomain_error';
    case 5:
      return 'dns_refused_error';
    default:
      return 'dns_server_misbehaving';
  }
}
