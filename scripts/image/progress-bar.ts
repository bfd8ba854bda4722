// One line on a terminal that tells how far a long read is.

export interface Terminal {
  isTTY?: boolean;
  columns?: number;
  write(text: string): unknown;
}

export interface ProgressBar {
  show(done: number, total: number | null): void;
  /** Takes the line away. */
  clear(): void;
}

const REDRAW_MS = 100;
const BAR_CHARS = 30;
const ERASE_LINE = '\r\x1b[K';

/** Nothing at all where the stream is no terminal. `nowMs`: any clock that does not jump. */
export function progressBar(label: string, terminal: Terminal, nowMs: () => number): ProgressBar {
  let drawnAt = -Infinity;
  return {
    show: (done, total) => {
      if (terminal.isTTY !== true || nowMs() - drawnAt < REDRAW_MS) return;
      drawnAt = nowMs();
      const share = total === null || total === 0 ? null : Math.min(1, done / total);
      const filled = Math.round((share ?? 0) * BAR_CHARS);
      const bar = share === null ? '' : ` [${'#'.repeat(filled).padEnd(BAR_CHARS, '.')}] ${Math.floor(share * 100)} %`;
      const line = `${label}${bar} ${(done / 1e6).toFixed(0)} MB`;
      terminal.write(ERASE_LINE + line.slice(0, (terminal.columns ?? 80) - 1));
    },
    clear: () => {
      if (terminal.isTTY === true && drawnAt > -Infinity) terminal.write(ERASE_LINE);
    },
  };
}
