import type { Clock } from './clock.ts';

export interface DownloadProgress {
  bytes: number;
  total_bytes: number | null;
  /** Over the last half minute: bad links come and go by the second. */
  rate_bytes_s: number;
  /** At that rate; null where no byte came or the size is not known. */
  eta_s: number | null;
}

const REPORT_MS = 5_000;
/** Reports that the rate looks back over. */
const LOOK_BACK = 6;

/** Calls `report` every 5 s with what `read` says, until `stop`. */
export class ProgressReports {
  readonly #clock: Clock;
  readonly #read: () => { bytes: number; totalBytes: number | null };
  readonly #report: (progress: DownloadProgress) => void;
  #marks: { atMs: number; bytes: number }[] = [];
  #cancel: () => void;

  constructor(
    clock: Clock,
    read: () => { bytes: number; totalBytes: number | null },
    report: (progress: DownloadProgress) => void,
  ) {
    this.#clock = clock;
    this.#read = read;
    this.#report = report;
    this.#marks.push({ atMs: clock.monoMs(), bytes: read().bytes });
    this.#cancel = this.#later();
  }

  stop(): void {
    this.#cancel();
  }

  #later(): () => void {
    return this.#clock.setTimer(REPORT_MS, () => {
      this.#tell();
      this.#cancel = this.#later();
    });
  }

  #tell(): void {
    const { bytes, totalBytes } = this.#read();
    const atMs = this.#clock.monoMs();
    // What was thrown away says nothing about the link.
    if (this.#marks.some((mark) => mark.bytes > bytes)) this.#marks = [];
    const oldest = this.#marks[0] ?? { atMs, bytes };
    const rate = atMs > oldest.atMs ? Math.round(((bytes - oldest.bytes) * 1000) / (atMs - oldest.atMs)) : 0;
    this.#marks = [...this.#marks, { atMs, bytes }].slice(-LOOK_BACK);
    const eta_s = totalBytes === null || rate === 0 ? null : Math.ceil(Math.max(0, totalBytes - bytes) / rate);
    this.#report({ bytes, total_bytes: totalBytes, rate_bytes_s: rate, eta_s });
  }
}
