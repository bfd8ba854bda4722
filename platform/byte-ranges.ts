// The last resort of a download: small ranges, each on a connection of its own. For links that let every connection to a
// foreign address freeze after some kilobytes or packets, without a word.
import type { Clock } from './clock.ts';
import { SpotrigError } from './errors.ts';
import { openBody } from './http-body.ts';
import { StallGuard } from './stall-guard.ts';

/**
 * What is known of such links (facts/censorship.md, sections 0 and 1, row 17): they freeze after 14-18 KB received, or after about
 * 25 packets of both directions. A range stays below both with its handshake: with TLS, whose certificates count too, 6 KB,
 * without 8 KB. More than four connections at once to one name are themselves a reason to be blocked in some places.
 */
export const FREEZE = {
  /** A connection that got more than this did not freeze, it broke. */
  below_bytes: 64 * 1024,
  /** Two connections that ended at about the same count: packets are counted, not bytes, and acknowledgements vary. */
  alike_bytes: 8 * 1024,
  https_range_bytes: 6_000,
  http_range_bytes: 8_000,
  at_once: 4,
} as const;

/** How often a range is asked for, each time in halves: long certificates, or a stricter filter, leave less room. */
const TRIES = 3;
/** What another try at the same range may mend. */
const TRY_AGAIN: readonly string[] = ['download_stalled', 'http_cut', 'http_failed'];

export interface RangesRequest {
  url: string;
  /** First byte that is missing. */
  offset: number;
  /** Of the whole file; null = the first answer says it. */
  totalBytes: number | null;
  clock: Clock;
  signal: AbortSignal;
  /** So long without a byte, and a range is asked for again. */
  stallMs: number;
  /** The size that the address tells; it throws where that is wrong. */
  checkTotal: (bytes: number | null) => void;
  /** Called with the file's bytes in order. */
  append: (bytes: Buffer) => Promise<void>;
}

/**
 * Fetches from `offset` to the end. Everything up to the last `append` is kept when it throws.
 * Throws SpotrigError: http_no_ranges (the address gives whole files only: no good here), those of openBody, download_stalled,
 * what `checkTotal` and `append` throw; the signal's reason.
 */
export async function fetchByRanges(r: RangesRequest): Promise<void> {
  const others = new AbortController();
  const signal = AbortSignal.any([r.signal, others.signal]);
  const underWay: Promise<Buffer>[] = [];
  let size: number = r.url.startsWith('https:') ? FREEZE.https_range_bytes : FREEZE.http_range_bytes;
  let total = r.totalBytes;
  let next = r.offset;
  let done = r.offset;
  const ask = async (offset: number, length: number, tries: number): Promise<Buffer> => {
    if (total !== null && offset >= total) return Buffer.alloc(0);
    try {
      const range = await fetchRange(r, signal, offset, offset + length - 1);
      total = range.totalBytes;
      return range.bytes;
    } catch (error) {
      if (tries === 1 || !(error instanceof SpotrigError) || !TRY_AGAIN.includes(error.code)) throw error;
      const half = Math.ceil(length / 2);
      if (error.code === 'download_stalled') size = Math.min(size, half);
      return Buffer.concat([await ask(offset, half, tries - 1), await ask(offset + half, length - half, tries - 1)]);
    }
  };
  try {
    while (total === null || done < total) {
      while (underWay.length < (total === null ? 1 : FREEZE.at_once) && next < (total ?? Infinity)) {
        const range = ask(next, size, TRIES);
        range.catch(() => undefined); // seen when its turn comes
        underWay.push(range);
        next += size;
      }
      const bytes = await underWay.shift();
      if (bytes === undefined) return;
      await r.append(bytes);
      done += bytes.length;
    }
  } finally {
    others.abort(new SpotrigError('download_failed', 'another range failed'));
  }
}

async function fetchRange(
  r: RangesRequest,
  signal: AbortSignal,
  offset: number,
  lastByte: number,
): Promise<{ bytes: Buffer; totalBytes: number }> {
  const stall = new StallGuard(r.clock, r.stallMs);
  try {
    const body = await openBody({
      url: r.url,
      offset,
      lastByte,
      signal: AbortSignal.any([signal, stall.signal]),
    });
    try {
      if (!body.isRange) throw new SpotrigError('http_no_ranges', 'gives whole files only');
      const { totalBytes } = body;
      r.checkTotal(totalBytes);
      if (totalBytes === null) throw new SpotrigError('http_no_ranges', 'does not say how long the file is');
      const expected = Math.min(lastByte + 1, totalBytes) - offset;
      const chunks: Buffer[] = [];
      let got = 0;
      for await (const chunk of body.chunks) {
        stall.touch();
        got += chunk.length;
        if (got > expected) break;
        chunks.push(chunk);
      }
      if (got === expected) return { bytes: Buffer.concat(chunks), totalBytes };
      throw new SpotrigError('http_bad_range', `gave ${got} bytes where ${expected} were asked for`);
    } finally {
      body.destroy();
    }
  } catch (error) {
    signal.throwIfAborted();
    throw stall.signal.aborted ? stall.signal.reason : error;
  } finally {
    stall.stop();
  }
}
