// What a start finds on disk: segments named by the seq of their first report, and the acknowledgement mark. A segment with
// unreadable stretches is rewritten without them, so that a loss is counted once.
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { fsyncDir, readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import { FRAME_HEADER_BYTES, scanFrames, type FramePlace, type Gap } from './frame.ts';

export interface Segment {
  path: string;
  /** No report in it has a lower seq. */
  firstSeq: number;
  bytes: number;
  /** Reports that are not acknowledged yet, oldest first. */
  entries: FramePlace[];
}

export interface Recovered {
  segments: Segment[];
  /** Highest acknowledged seq, -1 before the first. */
  acked: number;
  nextSeq: number;
  /** Reports that could not be read back. */
  damaged: number;
}

const SEGMENT_NAME = /^(\d{15})\.seg$/;

export function segmentPath(dir: string, firstSeq: number): string {
  return join(dir, `${String(firstSeq).padStart(15, '0')}.seg`);
}

/** Reads a spool folder back, repairing what is damaged. Makes the folder when there is none. Throws only system errors. */
export async function recoverSpool(dir: string): Promise<Recovered> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const names = (await readdir(dir)).toSorted();
  for (const name of names.filter((n) => n.endsWith('.tmp'))) await rm(join(dir, name), { force: true });
  const firsts = names.flatMap((name) => SEGMENT_NAME.exec(name)?.[1] ?? []).map(Number);
  const acked = await readMark(dir);
  const found: Recovered = { segments: [], acked, nextSeq: acked + 1, damaged: 0 };
  for (const [i, firstSeq] of firsts.entries()) {
    await recoverSegment(dir, firstSeq, firsts[i + 1] ?? null, found);
  }
  return found;
}

async function recoverSegment(
  dir: string,
  firstSeq: number,
  nextFirst: number | null,
  found: Recovered,
): Promise<void> {
  const path = segmentPath(dir, firstSeq);
  // A file that the disk cannot read counts as one unreadable byte, and is treated like any other damage.
  const bytes = await readFile(path).catch(() => Buffer.alloc(1));
  const { frames, gaps } = scanFrames(bytes);
  let { length } = bytes;
  let places = frames;
  if (gaps.length > 0) {
    const good = Buffer.concat(frames.map((f) => bytes.subarray(f.offset, f.offset + f.length)));
    await writeFileDurable(path, good);
    places = scanFrames(good).frames;
    ({ length } = good);
  }
  for (const gap of gaps) found.damaged += lostIn(gap, firstSeq, nextFirst, found.acked);
  const last = places.at(-1)?.seq ?? firstSeq - 1;
  found.nextSeq = Math.max(found.nextSeq, last + 1);
  if (nextFirst === null) found.nextSeq += unsafeSeqs(gaps.at(-1));
  const entries = places.filter((p) => p.seq > found.acked);
  if (nextFirst !== null && entries.length === 0) await rm(path, { force: true });
  else found.segments.push({ path, firstSeq, bytes: length, entries });
}

/**
 * Reports lost in a gap, of those not acknowledged. At the newest end the number is unknown: at
 * least one is said. Seqs lost earlier that lie in the same gap are counted again.
 */
function lostIn(gap: Gap, firstSeq: number, nextFirst: number | null, acked: number): number {
  const after = gap.after ?? firstSeq - 1;
  const before = gap.before ?? nextFirst ?? after + 2;
  return Math.max(0, before - 1 - Math.max(after, acked));
}

/**
 * How many seqs not to use again after damage at the newest end: reports there may have been sent, and the collector would
 * take a new report with the seq of an old one for a repetition.
 */
function unsafeSeqs(gap: Gap | undefined): number {
  return gap === undefined || gap.before !== null ? 0 : Math.ceil(gap.bytes / FRAME_HEADER_BYTES);
}

const MARK_NAME = 'acked';

/** Writes the mark durably: everything up to `seq` is with the collector. */
export async function writeMark(dir: string, seq: number): Promise<void> {
  await writeFileDurable(join(dir, MARK_NAME), `${seq} ${crc32(String(seq))}\n`);
}

/** -1 when there is no sound mark: reports are then sent again, which the collector notices. */
async function readMark(dir: string): Promise<number> {
  const text = await readTextIfPresent(join(dir, MARK_NAME), 100).catch(() => null);
  const m = /^(\d{1,15}) (\d{1,10})\n$/.exec(text ?? '');
  if (m === null) return -1;
  const [, seq = '', crc = ''] = m;
  return crc32(seq) === Number(crc) ? Number(seq) : -1;
}

/** Removes a segment durably. */
export async function removeSegment(dir: string, segment: Segment): Promise<void> {
  await rm(segment.path, { force: true });
  await fsyncDir(dir);
}
