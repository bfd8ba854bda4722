// Downloads that survive bad links: several addresses, resumed where the last one (or the last process) stopped, checked by digest.
import type { Clock } from './clock.ts';
import { SpotrigError, messageOf } from './errors.ts';
import { openBody, printableUrl } from './http-body.ts';
import type { Logger } from './logger.ts';
import { PartialFile } from './partial-file.ts';

export interface DownloadProgress {
  bytes: number;
  total_bytes: number | null;
  /** Since the last report. */
  rate_bytes_s: number;
  eta_s: number | null;
}

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
  clock: Clock;
  signal?: AbortSignal;
  /** So long without a byte, and the next address is tried. */
  stallMs: number;
  /** For everything together. */
  totalMs: number;
  log: Logger;
  /** Addresses that gave wrong bytes. The owner keeps it for a boot: no bytes are lost on them twice. */
  dropped: Set<string>;
  onDropped?: (url: string, error: SpotrigError) => void;
  /** About every 5 s while bytes arrive. */
  onProgress?: (progress: DownloadProgress) => void;
}

const PROGRESS_MS = 5_000;
/** Between two tries at an address that gave bytes and then broke off. */
const RETRY_PAUSE_MS = 500;
/** What shows that an address has another file, before the digest could. */
const WRONG_FILE: readonly string[] = ['download_wrong_size', 'download_too_large'];

/**
 * Downloads a file. An address that breaks off after giving bytes is resumed at once; one that gives none is passed over; a round
 * in which none gave any ends the call.
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
  /** The most bytes the part ever had: an address that starts over each time makes no progress. */
  #best: number;
  /** How often an address brought the part further. */
  #gains = 0;
  #totalBytes: number | null;
  #stopProgress: () => void;

  constructor(r: DownloadRequest, part: PartialFile, signal: AbortSignal) {
    this.#r = r;
    this.#part = part;
    this.#signal = signal;
    this.#best = part.size;
    this.#totalBytes = r.sizeBytes ?? null;
    this.#stopProgress = this.#reportLater(part.size, r.clock.monoMs());
  }

  stop(): void {
    this.#stopProgress();
  }

  async run(): Promise<void> {
    if (this.#isWhole()) return;
    if (this.#part.size >= (this.#r.sizeBytes ?? this.#r.maxBytes)) await this.#restart();
    for (;;) {
      const before = this.#gains;
      for (const url of this.#r.urls) {
        if (!this.#r.dropped.has(url) && (await this.#exhaust(url))) return;
      }
      if (this.#gains > before) continue;
      // Perhaps what we have is the reason that nobody gives the rest.
      const codes = [...this.#failures.values()].map((error) => error.code);
      if (this.#part.size === 0 || !codes.includes('http_bad_range')) throw this.#failed();
      await this.#restart();
    }
  }

  /** Takes from one address what it gives. True when the file is whole. */
  async #exhaust(url: string): Promise<boolean> {
    for (;;) {
      const error = await this.#fetchRest(url);
      if (error === null) {
        if (this.#isWhole()) return true;
        const alone = this.#source === url;
        await this.#restart();
        // Where the bytes came from several, nobody knows whose are wrong: this one is asked for all of them.
        if (!alone) continue;
        this.#drop(url, new SpotrigError('download_wrong_digest', 'gave a file of another digest'));
        return false;
      }
      this.#failures.set(url, error);
      this.#r.log.warn({ url: printableUrl(url), reason: messageOf(error) }, 'download broke off');
      if (WRONG_FILE.includes(error.code)) this.#drop(url, error);
      if (this.#part.size <= this.#best) return false;
      this.#best = this.#part.size;
      this.#gains++;
      await this.#r.clock.sleep(RETRY_PAUSE_MS, this.#signal);
    }
  }

  /** Null when the answer came to its end; why it did not, else. Throws what no other address can mend. */
  async #fetchRest(url: string): Promise<SpotrigError | null> {
    const stall = new StallGuard(this.#r.clock, this.#r.stallMs);
    try {
      const signal = AbortSignal.any([this.#signal, stall.signal]);
      const body = await openBody({ url, offset: this.#part.size, signal });
      try {
        this.#checkTotal(body.totalBytes); // before what we have is given up for it
        if (body.startsAt === 0) {
          await this.#part.restart();
          this.#source = url;
        } else if (this.#source !== url) this.#source = null;
        for await (const chunk of body.chunks) {
          stall.touch();
          this.#checkCap(this.#part.size + chunk.length);
          await this.#part.append(chunk);
        }
      } finally {
        body.destroy();
      }
      const expected = this.#r.sizeBytes ?? body.totalBytes;
      if (expected === null || this.#part.size >= expected) return null;
      return new SpotrigError('download_cut', `ended after ${this.#part.size} of ${expected} bytes`);
    } catch (error) {
      if (this.#signal.aborted) throw this.#signal.reason;
      if (stall.signal.aborted) return stall.signal.reason as SpotrigError;
      if (error instanceof SpotrigError && error.code !== 'disk_full') return error;
      throw error;
    } finally {
      stall.stop();
    }
  }

  #checkTotal(totalBytes: number | null): void {
    if (totalBytes === null) return;
    const wanted = this.#r.sizeBytes ?? null;
    if (wanted !== null && totalBytes !== wanted) {
      throw new SpotrigError('download_wrong_size', `has ${totalBytes} bytes, not ${wanted}`);
    }
    this.#checkCap(totalBytes);
    this.#totalBytes = totalBytes;
  }

  #checkCap(bytes: number): void {
    if (bytes > this.#r.maxBytes) {
      throw new SpotrigError('download_too_large', `has more than ${this.#r.maxBytes} bytes`);
    }
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

  #reportLater(bytesThen: number, then: number): () => void {
    return this.#r.clock.setTimer(PROGRESS_MS, () => {
      const now = this.#r.clock.monoMs();
      const bytes = this.#part.size;
      const rate = Math.max(0, Math.round(((bytes - bytesThen) * 1000) / (now - then)));
      const left = this.#totalBytes === null ? null : this.#totalBytes - bytes;
      const eta_s = left === null || rate === 0 ? null : Math.ceil(left / rate);
      const progress: DownloadProgress = { bytes, total_bytes: this.#totalBytes, rate_bytes_s: rate, eta_s };
      this.#r.onProgress?.(progress);
      this.#stopProgress = this.#reportLater(bytes, now);
    });
  }
}

/** Aborts its signal when `touch` has not been called for so long. */
class StallGuard {
  readonly #abort = new AbortController();
  readonly #clock: Clock;
  readonly #limitMs: number;
  #touched: number;
  #cancel: () => void;

  constructor(clock: Clock, limitMs: number) {
    this.#clock = clock;
    this.#limitMs = limitMs;
    this.#touched = clock.monoMs();
    this.#cancel = this.#lookIn(limitMs);
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  touch(): void {
    this.#touched = this.#clock.monoMs();
  }

  stop(): void {
    this.#cancel();
  }

  #lookIn(ms: number): () => void {
    return this.#clock.setTimer(ms, () => {
      const left = this.#touched + this.#limitMs - this.#clock.monoMs();
      if (left > 0) this.#cancel = this.#lookIn(left);
      else
        this.#abort.abort(new SpotrigError('download_stalled', `no byte for ${this.#limitMs} ms`, { retryable: true }));
    });
  }
}
