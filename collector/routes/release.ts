// The public files of a release, so that a collector can be the first mirror: the entrypoint, the loader, the manifest, and
// artefacts by digest. Workers resume with Range. They check every byte themselves, so these files need no protection.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isErrno } from '../../platform/errors.ts';
import type { CollectorDeps } from '../deps.ts';
import { Refusal } from '../refusal.ts';
import { parseRange } from './byte-range.ts';

const FILES = [
  { name: 'entrypoint.sh', type: 'text/x-shellscript' },
  { name: 'loader.sh', type: 'text/x-shellscript' },
  { name: 'manifest.json', type: 'application/json' },
  { name: 'SHA256SUMS', type: 'text/plain' },
] as const;

interface Served {
  path: string;
  type: string;
  cache: string;
  /** The content's own name where it has one; else the file's size and time stand in. */
  etag: string | null;
}

/** Registers the files of the release folder. A build that is made later is served from then on. */
export function releaseRoutes(app: FastifyInstance, deps: CollectorDeps): void {
  const { release_dir } = deps.settings;
  const method = ['GET', 'HEAD'];

  for (const { name, type } of FILES) {
    const served = { path: join(release_dir, name), type, cache: 'no-cache', etag: null };
    app.route({ method, url: `/${name}`, exposeHeadRoute: false, handler: (q, a) => serve(q, a, served) });
  }
  app.route<{ Params: { digest: string } }>({
    method,
    url: '/artifacts/:digest',
    exposeHeadRoute: false,
    handler: (request, reply) => {
      const { digest } = request.params;
      if (!/^[0-9a-f]{64}$/.test(digest)) throw notFound();
      return serve(request, reply, {
        path: join(release_dir, 'artifacts', digest),
        type: 'application/octet-stream',
        cache: 'public, max-age=31536000, immutable',
        etag: `"${digest}"`,
      });
    },
  });
}

async function serve(request: FastifyRequest, reply: FastifyReply, served: Served): Promise<FastifyReply> {
  const file = await opened(served.path);
  let handedOver = false;
  try {
    const facts = await file.stat();
    if (!facts.isFile()) throw notFound();
    const etag = served.etag ?? `"${facts.size.toString(16)}-${Math.floor(facts.mtimeMs).toString(16)}"`;
    reply.headers({ etag, 'cache-control': served.cache, 'accept-ranges': 'bytes' }).type(served.type);
    if (request.headers['if-none-match'] === etag) return await reply.code(304).send();

    const ifRange = request.headers['if-range'];
    const wanted = ifRange === undefined || ifRange === etag ? request.headers.range : undefined;
    const range = parseRange(wanted, facts.size);
    if (range === 'unsatisfiable') {
      throw new Refusal('range_not_satisfiable', `the file has ${facts.size} bytes`, {
        headers: { 'content-range': `bytes */${facts.size}` },
      });
    }
    const part = range === 'whole' ? { start: 0, end: facts.size - 1 } : range;
    if (range !== 'whole') reply.code(206).header('content-range', `bytes ${part.start}-${part.end}/${facts.size}`);
    reply.header('content-length', part.end - part.start + 1);
    if (request.method === 'HEAD' || facts.size === 0) return await reply.send();
    handedOver = true;
    return await reply.send(file.createReadStream(part));
  } finally {
    if (!handedOver) await file.close();
  }
}

async function opened(path: string): ReturnType<typeof open> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw notFound();
    throw error;
  }
}

function notFound(): Refusal {
  return new Refusal('not_found', 'the release has no such file');
}
