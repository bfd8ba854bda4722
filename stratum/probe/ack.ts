// The ack test: what the kernel knows of bytes that we sent. Unacknowledged ones mean that the path swallows them; acknowledged
// ones without an answer mean that the peer is silent. No privileges needed (facts/censorship.md section 3.2).
import { readFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { parseIp } from '../../platform/ip-ranges.ts';

export interface AckReading {
  /** Bytes in the send queue that the peer has not acknowledged; null where the kernel does not tell. */
  tx_unacked_bytes: number | null;
  /** How often the oldest of them was sent again. */
  retransmits: number | null;
}

export interface AckQuestion {
  localPort: number;
  /** The peer: a literal address. */
  address: string;
  port: number;
}

/** Answers for one connection of ours; both fields null where it cannot be found (it is closed, or this is no Linux). */
export type ReadAck = (question: AckQuestion) => Promise<AckReading>;

/** Reads `/proc/net/tcp` or `tcp6`. Never rejects. */
export const readAck: ReadAck = async (question) => {
  const file = isIPv4(question.address) ? '/proc/self/net/tcp' : '/proc/self/net/tcp6';
  return parseAck(await readFile(file, 'latin1').catch(() => ''), question);
};

/** One line: `sl local rem st tx_queue:rx_queue tr:tm->when retrnsmt …`, addresses and numbers in hex. */
const LINE =
  /^\s*\d+: [0-9A-F]+:([0-9A-F]{4}) ([0-9A-F]+):([0-9A-F]{4}) [0-9A-F]{2} ([0-9A-F]{8}):[0-9A-F]{8} \S+ ([0-9A-F]{8})/;

/** Finds the connection in the kernel's table. */
export function parseAck(table: string, question: AckQuestion): AckReading {
  const peer = kernelHex(question.address);
  for (const line of table.split('\n')) {
    const [, local = '', address, port = '', tx = '', retransmits = ''] = LINE.exec(line) ?? [];
    if (address !== peer || parseInt(local, 16) !== question.localPort || parseInt(port, 16) !== question.port)
      continue;
    return { tx_unacked_bytes: parseInt(tx, 16), retransmits: parseInt(retransmits, 16) };
  }
  return { tx_unacked_bytes: null, retransmits: null };
}

/** An address as the kernel prints it: words of four bytes, each as a number of a little-endian machine (all that we run on are). */
export function kernelHex(address: string): string {
  const bytes = addressBytes(address);
  const words: string[] = [];
  for (let i = 0; i < bytes.length; i += 4)
    words.push(
      Buffer.from(bytes.subarray(i, i + 4))
        .reverse()
        .toString('hex'),
    );
  return words.join('').toUpperCase();
}

/** The 4 or 16 bytes of a literal address, zone left out. Throws TypeError for what is none. */
export function addressBytes(address: string): Buffer {
  const ip = parseIp(address.split('%')[0] ?? '');
  if (ip === null) throw new TypeError(`not an address: ${address}`);
  return Buffer.from(ip.value.toString(16).padStart(ip.family === 4 ? 8 : 32, '0'), 'hex');
}
