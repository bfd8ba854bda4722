// The mirror of the bench: serves the release with ranges, at a pace that leaves time to catch a worker in the middle, and does
// wrong what it is told to.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { realClock } from '../../platform/clock.ts';
import { runForOutput } from '../../platform/process.ts';
import { tarGz } from '../fakes/archives.ts';
import type { ChaosRelease } from './chaos-release.ts';

/** What the mirror does wrong, until it is set to null again. */
export type MirrorFault =
  /** The next `times` connections that have more to give end after `bytes` of a body. */
  | { kind: 'cut'; bytes: number; times: number }
  /** They say nothing more after `bytes`, and stay open. */
  | { kind: 'freeze'; bytes: number; times: number }
  /** Every artefact has other bytes: a program that leaves a mark when it is run, a page, or one bit is wrong. */
  | { kind: 'wrong'; how: 'program' | 'page' | 'bit' };

/** Written by whatever of the wrong bytes is run, in SPOTRIG_HOME or beside it. */
export const POISON_MARK = 'POISONED';

/** So a cold start takes a second or two, and a small file some tens of milliseconds. */
const RATE_BYTES_S = 20_000_000;
const PIECE_BYTES = 65_536;

const POISON_SHELL = `#!/bin/bash\n{ echo run >>"\${SPOTRIG_HOME:-..}/${POISON_MARK}"; exit 1; }\n`;
const POISON_SCRIPT = `require('fs').appendFileSync((process.env.SPOTRIG_HOME||'..')+'/${POISON_MARK}','run');process.exit(1)\n`;
const PAGE = '<!DOCTYPE html><html><body>The provider has blocked this page.</body></html>';

/** A running mirror. */
export interface ChaosMirror {
  readonly url: string;
  fault: MirrorFault | null;
  /** Bytes of wrong bodies that went out so far. */
  readonly wrongBytes: number;
  close(): Promise<void>;
}

/** Serves a release. */
export async function startChaosMirror(release: ChaosRelease): Promise<ChaosMirror> {
  const poison = await poisonOf(release);
  let wrongBytes = 0;
  let current: MirrorFault | null = null;
  const server = createServer((request, response) => void answer(request, response).catch(() => response.destroy()));

  async function bodyOf(path: string): Promise<{ body: Buffer; isWrong: boolean } | null> {
    const body = await readFile(join(release.dir, path)).catch(() => null);
    if (body === null || current?.kind !== 'wrong' || !path.startsWith('artifacts/')) {
      return body === null ? null : { body, isWrong: false };
    }
    if (current.how === 'page') return { body: Buffer.from(PAGE), isWrong: true };
    const wrong = current.how === 'program' ? poison.get(basename(path)) : undefined;
    if (wrong !== undefined) return { body: wrong, isWrong: true };
    const at = body.length >> 1;
    body[at] = (body[at] ?? 0) ^ 1;
    return { body, isWrong: true };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '/').slice(1);
    const found = /^(?:entrypoint\.sh|loader\.sh|artifacts\/[0-9a-f]{64})$/.test(path) ? await bodyOf(path) : null;
    if (found === null) {
      response.writeHead(404).end(PAGE);
      return;
    }
    const { body } = found;
    const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '') ?? [];
    const start = Number(first ?? 0);
    const end = last === undefined || last === '' ? body.length : Math.min(body.length, Number(last) + 1);
    if (start >= body.length) {
      response.writeHead(416, { 'content-range': `bytes */${body.length}` }).end();
      return;
    }
    response.writeHead(first === undefined ? 200 : 206, {
      'content-length': end - start,
      ...(first === undefined ? {} : { 'content-range': `bytes ${start}-${end - 1}/${body.length}` }),
    });
    if (found.isWrong) wrongBytes += end - start;
    await send(response, body.subarray(start, end), path.startsWith('artifacts/'));
  }

  async function send(response: ServerResponse, body: Buffer, canFail: boolean): Promise<void> {
    for (let at = 0; at < body.length && !response.destroyed; at += PIECE_BYTES) {
      const fault = current;
      const breaks = canFail && fault !== null && fault.kind !== 'wrong' && fault.times > 0;
      const left = breaks ? fault.bytes - at : Infinity;
      const piece = body.subarray(at, at + Math.min(PIECE_BYTES, Math.max(0, left)));
      if (piece.length > 0) response.write(piece);
      if (breaks && left < PIECE_BYTES && left < body.length - at) {
        fault.times--;
        if (fault.kind === 'cut') response.socket?.destroySoon();
        return;
      }
      await realClock.sleep((piece.length / RATE_BYTES_S) * 1000);
    }
    response.end();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get fault() {
      return current;
    },
    set fault(fault) {
      current = fault;
    },
    get wrongBytes() {
      return wrongBytes;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** For each artefact a body of the very size of the right one, that unpacks to a program of ours. */
async function poisonOf(release: ChaosRelease): Promise<Map<string, Buffer>> {
  const found = new Map<string, Buffer>();
  const put = (sha256: string, size: number, body: Buffer): void => {
    // Zeros behind a compressed stream are padding to xz and gzip, and nothing to bash and a script's comment.
    if (body.length <= size) found.set(sha256, Buffer.concat([body, Buffer.alloc(size - body.length)]));
  };
  for (const file of release.manifest.files) {
    const sha256 = basename(file.name);
    if (file.what.startsWith('payload')) put(sha256, file.size_bytes, Buffer.from(`${POISON_SCRIPT}//`));
    if (file.what.startsWith('part two')) put(sha256, file.size_bytes, Buffer.from(POISON_SHELL));
    if (file.what.endsWith('gzip')) put(sha256, file.size_bytes, gzipSync(POISON_SHELL));
    if (file.what.endsWith('xz')) put(sha256, file.size_bytes, await xzOf(POISON_SHELL));
  }
  const { sha256, size_bytes } = release.miner;
  put(sha256, size_bytes ?? 0, await tarGz([{ name: 't-rex', content: POISON_SHELL }]));
  return found;
}

async function xzOf(text: string): Promise<Buffer> {
  const argv = ['/bin/bash', '-c', 'printf %s "$0" | xz -c | base64 -w0', text];
  const { stdout } = await runForOutput({ argv, env: { PATH: '/usr/bin:/bin' }, timeoutMs: 10_000, maxBytes: 10_000 });
  return Buffer.from(stdout, 'base64');
}
