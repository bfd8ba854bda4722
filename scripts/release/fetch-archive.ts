// A download whose digest nobody knows yet: what `spotrig pin` records. Whatever is pinned, the publisher's own word for it is the user's to compare.
import { rm } from 'node:fs/promises';
import type { Clock } from '../../platform/clock.ts';
import { ProgressReports, type DownloadProgress } from '../../platform/download-progress.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { openBody, printableUrl } from '../../platform/http-body.ts';
import { PartialFile } from '../../platform/partial-file.ts';
import { StallGuard } from '../../platform/stall-guard.ts';

export interface ArchiveFetch {
  url: string;
  /** The file that gets it. A partial one of an earlier run is not gone on with: the address may have another file by now. */
  path: string;
  /** No archive that we pin is larger. */
  maxBytes: number;
  /** What the disk has room for. */
  roomBytes: number;
  clock: Clock;
  /** So long without a byte, and it is asked for again from there. */
  stallMs: number;
  totalMs: number;
  onProgress?: (progress: DownloadProgress) => void;
}

/** How often a connection may break before it is given up. */
const TRIES = 5;
const RETRY_PAUSE_MS = 1_000;
/** What another connection may mend. */
const TRY_AGAIN: readonly string[] = ['http_cut', 'http_failed', 'download_stalled', 'download_cut'];

/**
 * Fetches a file, and goes on where a connection breaks. Nothing is left of it when that fails. Throws SpotrigError: download_too_large,
 * download_no_room, download_changed (the address has another size than before), download_timeout, and those of openBody.
 */
export async function fetchArchive(o: ArchiveFetch): Promise<void> {
  await rm(o.path, { force: true });
  const part = await PartialFile.open(o.path);
  const seen: Seen = { totalBytes: null };
  const read = (): { bytes: number; totalBytes: number | null } => ({ bytes: part.size, ...seen });
  const progress = new ProgressReports(o.clock, read, (p) => o.onProgress?.(p));
  const total = new AbortController();
  const stopTotal = o.clock.setTimer(o.totalMs, () =>
    total.abort(
      new SpotrigError('download_timeout', `${printableUrl(o.url)} was not complete after ${o.totalMs / 1000} s`),
    ),
  );
  let complete = false;
  try {
    for (let tries = 1; !complete; tries++) {
      try {
        await fetchRest(o, part, seen, total.signal);
        complete = true;
      } catch (error) {
        const mayMend = error instanceof SpotrigError && TRY_AGAIN.includes(error.code) && !total.signal.aborted;
        if (!mayMend || tries === TRIES) throw error;
        await o.clock.sleep(RETRY_PAUSE_MS, total.signal);
      }
    }
  } finally {
    stopTotal();
    progress.stop();
    await part.close();
    if (!complete) await rm(o.path, { force: true });
  }
}

/** What the address said of the file. */
interface Seen {
  totalBytes: number | null;
}

async function fetchRest(o: ArchiveFetch, part: PartialFile, seen: Seen, over: AbortSignal): Promise<void> {
  const stall = new StallGuard(o.clock, o.stallMs);
  try {
    const body = await openBody({ url: o.url, offset: part.size, signal: AbortSignal.any([over, stall.signal]) });
    try {
      const { totalBytes } = body;
      if (seen.totalBytes !== null && totalBytes !== seen.totalBytes)
        throw new SpotrigError('download_changed', `${printableUrl(o.url)} changed meanwhile: try again`);
      seen.totalBytes = totalBytes;
      if (totalBytes !== null) check(o, totalBytes);
      if (body.startsAt === 0) await part.restart();
      for await (const chunk of body.chunks) {
        stall.touch();
        check(o, part.size + chunk.length);
        await part.append(chunk);
      }
      if (totalBytes !== null && part.size < totalBytes) {
        throw new SpotrigError(
          'download_cut',
          `${printableUrl(o.url)} ended after ${part.size} of ${totalBytes} bytes`,
        );
      }
    } finally {
      body.destroy();
    }
  } catch (error) {
    over.throwIfAborted();
    throw stall.signal.aborted ? stall.signal.reason : error;
  } finally {
    stall.stop();
  }
}

function check({ url, maxBytes, roomBytes }: ArchiveFetch, bytes: number): void {
  if (bytes > maxBytes)
    throw new SpotrigError('download_too_large', `${printableUrl(url)} has more than ${maxBytes} bytes`);
  if (bytes > roomBytes)
    throw new SpotrigError(
      'download_no_room',
      `${printableUrl(url)} needs ${bytes} bytes, and the disk has room for ${roomBytes}`,
    );
}
