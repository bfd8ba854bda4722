// How one report lies on disk: magic, CRC-32, payload length, seq, payload. The magic's first byte never occurs in UTF-8, so a
// reader that lost its place finds the next frame by looking for it.
import { crc32 } from 'node:zlib';

const MAGIC = Buffer.from([0xf5, 0x53, 0x52, 0x31]);
const CRC_AT = 4;
const LENGTH_AT = 8;
const SEQ_AT = 12;
/** Bytes of a frame beside its payload. */
export const FRAME_HEADER_BYTES = 18;

/** Where one whole frame lies in a segment. */
export interface FramePlace {
  seq: number;
  offset: number;
  /** With the header. */
  length: number;
}

/** A stretch of a segment that is no frame: `after` and `before` are the seqs of its whole neighbours, null where it has none. */
export interface Gap {
  bytes: number;
  after: number | null;
  before: number | null;
}

/** One frame; `seq` is below 2^48. */
export function encodeFrame(seq: number, payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  MAGIC.copy(frame);
  frame.writeUInt32BE(payload.length, LENGTH_AT);
  frame.writeUIntBE(seq, SEQ_AT, 6);
  frame.set(payload, FRAME_HEADER_BYTES);
  frame.writeUInt32BE(crc32(frame.subarray(LENGTH_AT)), CRC_AT);
  return frame;
}

/** The frame that begins at `offset`, or null when there is no whole and sound one. */
export function frameAt(bytes: Buffer, offset: number): FramePlace | null {
  if (offset + FRAME_HEADER_BYTES > bytes.length || MAGIC.compare(bytes, offset, offset + MAGIC.length) !== 0)
    return null;
  const length = FRAME_HEADER_BYTES + bytes.readUInt32BE(offset + LENGTH_AT);
  if (offset + length > bytes.length) return null;
  const checked = bytes.subarray(offset + LENGTH_AT, offset + length);
  if (crc32(checked) !== bytes.readUInt32BE(offset + CRC_AT)) return null;
  return { seq: bytes.readUIntBE(offset + SEQ_AT, 6), offset, length };
}

/** Every sound frame of a segment in order, and the gaps between them. One flipped bit costs at most one frame. */
export function scanFrames(bytes: Buffer): { frames: FramePlace[]; gaps: Gap[] } {
  const frames: FramePlace[] = [];
  const gaps: Gap[] = [];
  for (let at = 0; at < bytes.length;) {
    const here = frameAt(bytes, at);
    if (here !== null) {
      frames.push(here);
      at += here.length;
      continue;
    }
    const next = nextFrame(bytes, at + 1);
    const end = next?.offset ?? bytes.length;
    gaps.push({ bytes: end - at, after: frames.at(-1)?.seq ?? null, before: next?.seq ?? null });
    at = end;
  }
  return { frames, gaps };
}

function nextFrame(bytes: Buffer, from: number): FramePlace | null {
  for (let at = bytes.indexOf(MAGIC, from); at !== -1; at = bytes.indexOf(MAGIC, at + 1)) {
    const frame = frameAt(bytes, at);
    if (frame !== null) return frame;
  }
  return null;
}
