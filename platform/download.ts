// Downloads that survive bad links: several addresses, resumed where the last one (or the last process) stopped, checked by digest.
import { FREEZE, fetchByRanges } from './byte-ranges.ts';
import type { Clock } from './clock.ts';
import { ProgressReports, type DownloadProgress } from './download-progress.ts';
import { SpotrigError, messageOf } from './errors.ts';
import { openBody, printableUrl } from './http-body.ts';
import type { Logger } from './logger.ts';
import { PartialFile } from './partial-file.ts';
import { StallGuard } from './stall-guard.ts';

export interface DownloadRequest {
  /** In the order to try. Query and login never reach a log. */
  urls: readonly string[];
  /** The partial file. It holds the whole, checked file when the call returns, and survives when it throws. */
  path: string;
  sha256: string;
  /** Where known: an answer of another size is dropped before its bytes are. */
  sizeBytes?: number | null;
  /** No file that we ask for is larger. */
  maxBytes: number;
  /** The largest file for which the disk has room, what is there of it included. An address that has more is passed over. */
  roomBytes?: number;
  clock: Clock;
  signal?: AbortSignal;
  /** So long without a byte, and the next address is tried. */
  stallMs: number;
  /** For everything together. */
  totalMs: number;
  log: Logger;
  /** Addresses that gave wrong bytes. The owner keeps it for a boot: no bytes are lost on them twice. */
  dropped: DroppedAddresses;
  onDropped?: (url: string, error: SpotrigError) => void;
  /** About every 5 s while bytes arrive. */
  onProgress?: (progress: DownloadProgress) => void;
}

export interface DroppedAddresses {
  has(url: string): boolean;
  add(url: string): void;
}

/** Between two tries at an address that gave bytes and then broke off. */
const RETRY_PAUSE_MS = 500;
/** What shows that an address has another file, before the digest could. */
const WRONG_FILE: readonly string[] = ['download_wrong_size', 'download_too_large'];
/** How a connection ends that a filter let freeze, or reset. */
const FROZEN: readonly string[] = ['download_stalled', 'http_cut', 'http_failed'];

/** How one connection ended before its time. */
interface Break {
  error: SpotrigError;
  /** Of the file. */
  bytes: number;
  /** The far end had shown itself. */
  up: boolean;
}

/**
 * Downloads a file. An address that breaks off after giving bytes is resumed at once; one that gives none is passed over. One whose
 * connections break off twice at about the same small count is asked for small ranges, when no other has given more. A round in
 * which none gave any ends the call. One that has more than the disk holds is no liar: another may tell the true size.
 * Throws SpotrigError: download_failed (every address and its reason), download_timeout, disk_full; the signal's reason.
 */
export async function downloadTo(r: DownloadRequest): Promise<void> {
  const total = new AbortController();
  const stopTotal = r.clock.setTimer(r.totalMs, () =>
    total.abort(new SpotrigError('download_timeout', `not complete after ${r.totalMs} ms`, { retryable: true })),
  );
  const signal = r.signal === undefined ? total.signal : AbortSignal.any([r.signal, total.signal]);
  const part = await PartialFile.open(r.path);
  const download = new Download(r, part, signal);
  try {
    await download.run();
  } finally {
    stopTotal();
    download.stop();
    await part.close();
  }
}

class Download {
  readonly #r: DownloadRequest;
  readonly #part: PartialFile;
  readonly #signal: AbortSignal;
  readonly #failures = new Map<string, SpotrigError>();
  /** The address that all bytes of the part came from; null when there were several, or another process's. */
  #source: string | null = null;
  /** Addresses whose connections freeze: asked for ranges only. */
  readonly #frozen = new Set<string>();
  /** The most bytes the part ever had: an address that starts over each time makes no progress. */
  #best: number;
  #totalBytes: number | null;
  readonly #progress: ProgressReports;

  constructor(r: DownloadRequest, part: PartialFile, signal: AbortSignal) {
    this.#r = r;
    this.#part = part;
    this.#signal = signal;
    this.#best = part.size;
    this.#totalBytes = r.sizeBytes ?? null;
    const read = (): { bytes: number; totalBytes: number | null } => ({
      bytes: part.size,
      totalBytes: this.#totalBytes,
    });
    this.#progress = new ProgressReports(r.clock, read, (progress) => r.onProgress?.(progress));
  }

  stop(): void {
    this.#progress.stop();
  }

  async run(): Promise<void> {
    if (this.#isWhole()) return;
    if (this.#part.size >= (this.#r.sizeBytes ?? this.#r.maxBytes)) await this.#restart();
    for (;;) {
      let round = await this.#askEach((url) => !this.#frozen.has(url));
      if (round === 'nothing') round = await this.#askEach((url) => this.#frozen.has(url));
      if (round === 'whole') return;
      if (round === 'some') continue;
      // Perhaps what we have is the reason that nobody gives the rest.
      const codes = [...this.#failures.values()].map((error) => error.code);
      if (this.#part.size === 0 || !codes.includes('http_bad_range')) throw this.#failed();
      await this.#restart();
    }
  }

  async #askEach(among: (url: string) => boolean): Promise<'whole' | 'some' | 'nothing'> {
    let gave: 'some' | 'nothing' = 'nothing';
    for (const url of this.#r.urls.filter(among)) {
      if (this.#r.dropped.has(url)) continue;
      const end = await this.#exhaust(url);
      if (end === 'whole') return end;
      if (end === 'some') gave = end;
    }
    return gave;
  }

  /** Takes from one address what it gives. `nothing` also for one that was found to freeze: its turn comes after the others. */
  async #exhaust(url: string): Promise<'whole' | 'some' | 'nothing'> {
    const byRanges = this.#frozen.has(url);
    let gave: 'some' | 'nothing' = 'nothing';
    let frozeAt: number | null = null;
    for (;;) {
      const broken = await this.#fetchRest(url, byRanges);
      if (broken === null) {
        if (this.#isWhole()) return 'whole';
        const alone = this.#source === url;
        await this.#restart();
        // Where the bytes came from several, nobody knows whose are wrong: this one is asked for all of them.
        if (!alone) continue;
        this.#drop(url, new SpotrigError('download_wrong_digest', 'gave a file of another digest'));
        return gave;
      }
      const { error } = broken;
      this.#failures.set(url, error);
      this.#r.log.warn({ url: printableUrl(url), reason: messageOf(error) }, 'download broke off');
      if (WRONG_FILE.includes(error.code)) this.#drop(url, error);
      const gained = this.#part.size > this.#best;
      this.#best = Math.max(this.#best, this.#part.size);
      if (gained) gave = 'some';
      const freeze = !byRanges && mayBeFreeze(broken);
      if (freeze && frozeAt !== null && Math.abs(broken.bytes - frozeAt) <= FREEZE.alike_bytes) {
        this.#frozen.add(url);
        this.#r.log.warn(
          { url: printableUrl(url), bytes: broken.bytes },
          'connections freeze: small ranges from now on',
        );
        return 'nothing';
      }
      const firstFreeze = freeze && frozeAt === null;
      frozeAt = freeze ? broken.bytes : null;
      if (!gained && !firstFreeze) return gave;
      await this.#r.clock.sleep(RETRY_PAUSE_MS, this.#signal);
    }
  }

  /** Null when the answer came to its end; why it did not, else. Throws what no other address can mend. */
  async #fetchRest(url: string, byRanges: boolean): Promise<Break | null> {
    const before = this.#part.size;
    let up = false;
    const onUp = (): void => {
      up = true;
    };
    try {
      if (byRanges) await this.#fetchRanges(url);
      else await this.#fetchStream(url, onUp);
      return null;
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (!(error instanceof SpotrigError) || error.code === 'disk_full') throw error;
      const { size } = this.#part;
      return { error, bytes: size >= before ? size - before : size, up };
    }
  }

  async #fetchRanges(url: string): Promise<void> {
    const { clock, stallMs } = this.#r;
    this.#tookFrom(url, this.#part.size);
    await fetchByRanges({
      ...{ url, clock, stallMs, signal: this.#signal },
      offset: this.#part.size,
      totalBytes: this.#totalBytes,
      checkTotal: (bytes) => this.#checkTotal(bytes),
      append: (bytes) => this.#append(bytes),
    });
  }

  async #fetchStream(url: string, onUp: () => void): Promise<void> {
    const stall = new StallGuard(this.#r.clock, this.#r.stallMs);
    try {
      const signal = AbortSignal.any([this.#signal, stall.signal]);
      const body = await openBody({ url, offset: this.#part.size, signal, onUp });
      try {
        this.#checkTotal(body.totalBytes); // before what we have is given up for it
        if (body.startsAt === 0) await this.#part.restart();
        this.#tookFrom(url, body.startsAt);
        for await (const chunk of body.chunks) {
          stall.touch();
          await this.#append(chunk);
        }
      } finally {
        body.destroy();
      }
      const expected = this.#r.sizeBytes ?? body.totalBytes;
      if (expected === null || this.#part.size >= expected) return;
      throw new SpotrigError('download_cut', `ended after ${this.#part.size} of ${expected} bytes`);
    } catch (error) {
      this.#signal.throwIfAborted();
      throw stall.signal.aborted ? stall.signal.reason : error;
    } finally {
      stall.stop();
    }
  }

  #tookFrom(url: string, startsAt: number): void {
    if (startsAt === 0) this.#source = url;
    else if (this.#source !== url) this.#source = null;
  }

  async #append(chunk: Buffer): Promise<void> {
    this.#checkCap(this.#part.size + chunk.length, Math.min(this.#r.maxBytes, this.#r.roomBytes ?? Infinity));
    await this.#part.append(chunk);
  }

  #checkTotal(totalBytes: number | null): void {
    if (totalBytes === null) return;
    const wanted = this.#r.sizeBytes ?? null;
    if (wanted !== null && totalBytes !== wanted) {
      throw new SpotrigError('download_wrong_size', `has ${totalBytes} bytes, not ${wanted}`);
    }
    this.#checkCap(totalBytes, this.#r.maxBytes);
    this.#checkRoom(totalBytes);
    this.#totalBytes = totalBytes;
  }

  #checkCap(bytes: number, maxBytes: number): void {
    if (bytes > maxBytes) throw new SpotrigError('download_too_large', `has more than ${maxBytes} bytes`);
  }

  /** Before a byte of it comes: a disk that runs full also takes the spool and the logs. */
  #checkRoom(bytes: number): void {
    const room = this.#r.roomBytes ?? Infinity;
    if (bytes <= room) return;
    throw new SpotrigError('download_no_room', `needs ${bytes} bytes, and the disk has room for ${room}`, {
      retryable: true,
    });
  }

  #isWhole(): boolean {
    return this.#part.size > 0 && this.#part.sha256() === this.#r.sha256;
  }

  async #restart(): Promise<void> {
    await this.#part.restart();
    this.#source = null;
    this.#best = 0;
  }

  #drop(url: string, error: SpotrigError): void {
    this.#r.dropped.add(url);
    this.#failures.set(url, error);
    this.#r.onDropped?.(url, error);
  }

  #failed(): SpotrigError {
    const reasons = this.#r.urls.map((url) => {
      const error = this.#failures.get(url);
      return `${printableUrl(url)}: ${error === undefined ? 'gave wrong bytes earlier' : messageOf(error)}`;
    });
    const list = reasons.length === 0 ? 'there is no address to ask' : reasons.join('; ');
    return new SpotrigError('download_failed', list, {
      retryable: this.#r.urls.some((url) => !this.#r.dropped.has(url)),
    });
  }
}

/** A filter's freeze, as far as one connection can tell: the far end was there, and little came. */
function mayBeFreeze({ error, bytes, up }: Break): boolean {
  return up && bytes < FREEZE.below_bytes && FROZEN.includes(error.code);
}
