// Where a release lies: a folder, or an address that serves one. Read as a stranger's, which may lie about everything and never end.
import { createReadStream } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { Agent, request } from 'undici';
import { SpotrigError, codeOf, isErrno } from '../../platform/errors.ts';
import { printableUrl } from '../../platform/http-body.ts';

export interface ReadLimits {
  /** What the file must have; null: not known. */
  sizeBytes: number | null;
  /** Not a byte more is taken. */
  maxBytes: number;
}

export interface Mirror {
  /** For people; without login and query. */
  readonly where: string;
  /**
   * A file in pieces. Throws SpotrigError: mirror_missing, mirror_size (another size than it must have, or more than it may),
   * mirror_refused (a status, a redirect, a coding), mirror_slow, mirror_failed.
   */
  read(name: string, limits: ReadLimits): AsyncIterable<Buffer>;
  /** Every file and folder that is there, by its path; null where that cannot be seen. */
  list(): Promise<string[] | null>;
  /** Whether it gives a part of a file, which a download needs to go on where it broke; null where that is no question. Throws as read. */
  givesRanges(name: string, sizeBytes: number): Promise<boolean | null>;
  close(): Promise<void>;
}

export interface MirrorLimits {
  /** For the connection, for the answer's beginning, and between two pieces of it. */
  silentMs: number;
  /** For everything together. */
  totalMs: number;
}

export const MIRROR_LIMITS: MirrorLimits = { silentMs: 20_000, totalMs: 30 * 60_000 };
const LISTED_MAX = 10_000;
/** A file may take this long, and as long again as its bytes need at SLOW_BYTES_S. */
const FILE_MS = 60_000;
const SLOW_BYTES_S = 20_000;

/** The release at a folder or an http(s) address; of an address, `manifest.json` or another file's name at its end may be left. */
export function openMirror(place: string, limits: MirrorLimits = MIRROR_LIMITS): Mirror {
  return /^https?:\/\//i.test(place) ? new UrlMirror(place, limits) : new FolderMirror(place);
}

/** All pieces of a file that is known to be small. */
export async function readWhole(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

class FolderMirror implements Mirror {
  readonly where: string;

  constructor(path: string) {
    this.where = resolve(path);
  }

  async *read(name: string, limits: ReadLimits): AsyncGenerator<Buffer> {
    const path = join(this.where, name);
    try {
      const facts = await lstat(path);
      if (!facts.isFile()) throw new SpotrigError('mirror_failed', 'is no plain file');
      checkSize(facts.size, limits);
      yield* capped(createReadStream(path) as AsyncIterable<Buffer>, limits);
    } catch (error) {
      if (error instanceof SpotrigError) throw error;
      if (isErrno(error, 'ENOENT', 'ENOTDIR'))
        throw new SpotrigError('mirror_missing', 'is not there', { cause: error });
      throw new SpotrigError('mirror_failed', 'cannot be read', { cause: error });
    }
  }

  async list(): Promise<string[]> {
    const entries = await readdir(this.where, { recursive: true, withFileTypes: true });
    if (entries.length > LISTED_MAX)
      throw new SpotrigError(
        'mirror_failed',
        `${this.where} holds more than ${LISTED_MAX} files: it is no release's folder`,
      );
    return entries.map(({ parentPath, name }) => relative(this.where, join(parentPath, name)).replaceAll(sep, '/'));
  }

  async givesRanges(): Promise<null> {
    return null;
  }

  async close(): Promise<void> {}
}

class UrlMirror implements Mirror {
  readonly where: string;
  readonly #base: string;
  readonly #agent: Agent;
  readonly #over: AbortSignal;
  readonly #limits: MirrorLimits;

  constructor(place: string, limits: MirrorLimits) {
    const url = URL.parse(place);
    if (url === null || url.search !== '' || url.hash !== '') {
      throw new SpotrigError(
        'mirror_address',
        `${printableUrl(place)} is no address of a release: a plain base URL is wanted`,
      );
    }
    this.#base = url.href.replace(/\/(?:manifest\.json|SHA256SUMS|entrypoint\.sh|loader\.sh)?$/, '');
    this.where = printableUrl(this.#base);
    this.#limits = limits;
    const { silentMs } = limits;
    this.#agent = new Agent({ connect: { timeout: silentMs }, headersTimeout: silentMs, bodyTimeout: silentMs });
    this.#over = AbortSignal.timeout(limits.totalMs);
  }

  async *read(name: string, limits: ReadLimits): AsyncGenerator<Buffer> {
    const fileMs = FILE_MS + Math.ceil((limits.sizeBytes ?? 0) / (SLOW_BYTES_S / 1000));
    const signal = AbortSignal.any([this.#over, AbortSignal.timeout(fileMs)]);
    try {
      // Redirects are not followed: where they lead is another mirror.
      const headers = { 'accept-encoding': 'identity' };
      const answer = await request(`${this.#base}/${name}`, { dispatcher: this.#agent, signal, headers });
      try {
        const length = checkAnswer(answer.statusCode, answer.headers);
        if (length !== null) checkSize(length, limits);
        yield* capped(answer.body as AsyncIterable<Buffer>, limits);
      } finally {
        // An endless body is not read to its end; undici tells of that as an error.
        answer.body.on('error', () => undefined).destroy();
      }
    } catch (error) {
      if (error instanceof SpotrigError) throw error;
      throw this.#failure(error, signal);
    }
  }

  async list(): Promise<null> {
    return null;
  }

  async givesRanges(name: string, sizeBytes: number): Promise<boolean> {
    const signal = AbortSignal.any([this.#over, AbortSignal.timeout(FILE_MS)]);
    const headers = { 'accept-encoding': 'identity', range: 'bytes=1-2' };
    try {
      const {
        statusCode,
        headers: told,
        body,
      } = await request(`${this.#base}/${name}`, {
        dispatcher: this.#agent,
        signal,
        headers,
      });
      body.on('error', () => undefined).destroy();
      return statusCode === 206 && told['content-range'] === `bytes 1-2/${sizeBytes}`;
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #failure(error: unknown, signal: AbortSignal): SpotrigError {
    if (this.#over.aborted)
      return new SpotrigError('mirror_slow', `was not complete after ${this.#limits.totalMs / 1000} s for all files`);
    if (signal.aborted) return new SpotrigError('mirror_slow', `came with less than ${SLOW_BYTES_S} bytes a second`);
    const code = codeOf(error) ?? '';
    if (/^UND_ERR_(?:CONNECT|HEADERS|BODY)_TIMEOUT$/.test(code)) {
      return new SpotrigError('mirror_slow', `nothing came for ${this.#limits.silentMs / 1000} s`, { cause: error });
    }
    return new SpotrigError('mirror_failed', 'could not be fetched', { cause: error });
  }
}

/** The answer's own word for its length; null where it has none. */
function checkAnswer(status: number, headers: Record<string, string | string[] | undefined>): number | null {
  if (status === 404 || status === 410) throw new SpotrigError('mirror_missing', `is not there (status ${status})`);
  if (status >= 300 && status < 400) {
    const target = printableUrl(String(headers['location'] ?? ''));
    throw new SpotrigError(
      'mirror_refused',
      `redirects (status ${status}) to ${target}: workers' tools differ there; verify that address itself`,
    );
  }
  if (status !== 200) throw new SpotrigError('mirror_refused', `answered with status ${status}`);
  const coding = headers['content-encoding'];
  if (coding !== undefined && coding !== 'identity') {
    throw new SpotrigError(
      'mirror_refused',
      `came as content-encoding ${String(coding)}, which workers' tools do not undo`,
    );
  }
  const length = headers['content-length'];
  return typeof length === 'string' && /^\d{1,15}$/.test(length) ? Number(length) : null;
}

function checkSize(bytes: number, { sizeBytes, maxBytes }: ReadLimits): void {
  if (sizeBytes !== null && bytes !== sizeBytes)
    throw new SpotrigError('mirror_size', `has ${bytes} bytes, not ${sizeBytes}`);
  if (bytes > maxBytes) throw new SpotrigError('mirror_size', `has ${bytes} bytes, more than ${maxBytes}`);
}

/** The pieces, as long as they keep to the limits. */
export async function* capped(
  pieces: AsyncIterable<Buffer>,
  { sizeBytes, maxBytes }: ReadLimits,
): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const piece of pieces) {
    bytes += piece.length;
    if (bytes > (sizeBytes ?? maxBytes))
      throw new SpotrigError('mirror_size', `has more than ${sizeBytes ?? maxBytes} bytes`);
    yield piece;
  }
  if (sizeBytes !== null && bytes < sizeBytes)
    throw new SpotrigError('mirror_size', `ends after ${bytes} of ${sizeBytes} bytes`);
}
