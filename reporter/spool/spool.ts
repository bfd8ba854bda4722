// Reports wait here for the collector, on disk, so that neither a kill nor an outage loses them. `seq` grows by one with every
// report and is never used twice in this folder, over boots too: it orders, it is the acknowledgement mark, and with the boot
// it names a report to the collector. It leaves a gap only where something was lost.
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { fsyncDir } from '../../platform/durable-file.ts';
import { isErrno } from '../../platform/errors.ts';
import type { WireRecord } from '../../wire/records.ts';
import { encodeFrame, frameAt, FRAME_HEADER_BYTES, type FramePlace } from './frame.ts';
import { recoverSpool, removeSegment, segmentPath, writeMark, type Recovered, type Segment } from './recovery.ts';

const SPOOL_MAX_BYTES = 16 * 1024 * 1024;
const SEGMENT_MAX_BYTES = 512 * 1024;

/** One report without the envelope's other fields. `boot` is that of the start which wrote it. */
export interface SpoolEntry {
  boot: string;
  seq: number;
  records: WireRecord[];
}

export interface SpoolOptions {
  dir: string;
  boot: string;
  /** All segments together; past it the oldest go. At least four reports of the largest size. */
  maxBytes?: number;
  /** Largest segment; smaller in tests. */
  segmentBytes?: number;
  /** Reports are gone: the spool was full, or the disk gave them back damaged. */
  onLoss: (kind: 'dropped' | 'damaged', reports: number) => void;
}

/** Opens the spool of this folder. One process at a time: the head's lock sees to that. Throws only system errors. */
export async function openSpool(o: SpoolOptions): Promise<Spool> {
  const found = await recoverSpool(o.dir);
  if (found.damaged > 0) o.onLoss('damaged', found.damaged);
  return new Spool(o, found);
}

export class Spool {
  readonly #o: SpoolOptions;
  readonly #segments: Segment[];
  #acked: number;
  #nextSeq: number;
  /** Of the last segment; opened at the first append. */
  #file: FileHandle | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(o: SpoolOptions, found: Recovered) {
    this.#o = o;
    this.#segments = found.segments;
    this.#acked = found.acked;
    this.#nextSeq = found.nextSeq;
  }

  /** Stores a report and returns its seq; it is on the disk when this resolves. Throws system errors (a full disk). */
  append(records: readonly WireRecord[]): Promise<number> {
    return this.#exclusive(async () => {
      const seq = this.#nextSeq;
      const frame = encodeFrame(seq, Buffer.from(JSON.stringify({ boot: this.#o.boot, records })));
      const { file, segment } = await this.#room(frame.length);
      try {
        await file.write(frame, 0, frame.length, segment.bytes);
        await file.datasync();
      } catch (error) {
        await file.truncate(segment.bytes).catch(() => undefined); // half a frame; the error itself is thrown
        throw error;
      }
      segment.entries.push({ seq, offset: segment.bytes, length: frame.length });
      segment.bytes += frame.length;
      this.#nextSeq++;
      await this.#evict();
      return seq;
    });
  }

  /** The oldest reports that are not acknowledged, at most `n`, oldest first. */
  peek(n: number): Promise<SpoolEntry[]> {
    return this.#exclusive(async () => {
      const found: SpoolEntry[] = [];
      for (const segment of this.#segments) {
        for (let i = 0; i < segment.entries.length && found.length < n; i++) {
          const place = segment.entries[i];
          const entry = place === undefined ? null : await readEntry(segment, place);
          if (entry !== null) found.push(entry);
          else {
            segment.entries.splice(i--, 1);
            this.#o.onLoss('damaged', 1);
          }
        }
      }
      return found;
    });
  }

  /** Everything up to `seq` is with the collector, or never can be. */
  ack(seq: number): Promise<void> {
    return this.#exclusive(async () => {
      if (seq <= this.#acked) return;
      this.#acked = seq;
      for (const s of this.#segments) s.entries = s.entries.filter((e) => e.seq > seq);
      try {
        await writeMark(this.#o.dir, seq);
      } finally {
        // Also on a full disk: it frees some. The last segment stays: it tells the next start which seqs are used.
        while (this.#segments.length > 1 && this.#segments[0]?.entries.length === 0) await this.#removeOldest();
      }
    });
  }

  stats(): { reports: number; bytes: number; nextSeq: number } {
    let reports = 0;
    let bytes = 0;
    for (const s of this.#segments) {
      reports += s.entries.length;
      bytes += s.bytes;
    }
    return { reports, bytes, nextSeq: this.#nextSeq };
  }

  /** Lets what was begun come to its end. */
  close(): Promise<void> {
    return this.#exclusive(() => this.#closeFile());
  }

  async #room(bytes: number): Promise<{ file: FileHandle; segment: Segment }> {
    const { dir, segmentBytes = SEGMENT_MAX_BYTES } = this.#o;
    const last = this.#segments.at(-1);
    if (last !== undefined && (last.bytes === 0 || last.bytes + bytes <= segmentBytes)) {
      this.#file ??= await open(last.path, 'r+');
      return { file: this.#file, segment: last };
    }
    await this.#closeFile();
    const segment = { path: segmentPath(dir, this.#nextSeq), firstSeq: this.#nextSeq, bytes: 0, entries: [] };
    await mkdir(dir, { recursive: true, mode: 0o700 });
    this.#file = await open(segment.path, 'wx', 0o600);
    this.#segments.push(segment);
    await fsyncDir(dir);
    return { file: this.#file, segment };
  }

  async #evict(): Promise<void> {
    const max = this.#o.maxBytes ?? SPOOL_MAX_BYTES;
    while (this.#segments.length > 1 && this.stats().bytes > max) {
      const lost = await this.#removeOldest();
      if (lost > 0) this.#o.onLoss('dropped', lost);
    }
  }

  /** Returns how many reports in it were not acknowledged. */
  async #removeOldest(): Promise<number> {
    const oldest = this.#segments.shift();
    if (oldest === undefined) return 0;
    await removeSegment(this.#o.dir, oldest);
    return oldest.entries.length;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  #exclusive<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(action);
    this.#turn = turn.catch(() => undefined); // whoever called gets the error
    return turn;
  }
}

/** null when the disk does not give back what was written. Throws other system errors: they may pass. */
async function readEntry(segment: Segment, place: FramePlace): Promise<SpoolEntry | null> {
  const frame = Buffer.alloc(place.length);
  try {
    const file = await open(segment.path, 'r');
    try {
      await file.read(frame, 0, place.length, place.offset);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EIO')) return null;
    throw error;
  }
  if (frameAt(frame, 0)?.seq !== place.seq) return null;
  const stored = JSON.parse(frame.toString('utf8', FRAME_HEADER_BYTES)) as Pick<SpoolEntry, 'boot' | 'records'>;
  return { boot: stored.boot, seq: place.seq, records: stored.records };
}
