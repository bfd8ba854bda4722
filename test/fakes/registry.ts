// A registry that takes what is pushed: the manifests are kept, of a blob its size and first bytes.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PushedManifest {
  /** `name:tag`. */
  ref: string;
  layers: { mediaType: string; digest: string }[];
}

/** A blob, whole or so far. */
interface Bytes {
  /** Its first four bytes, in hex. */
  magic: string;
  size: number;
}

export class FakeRegistry {
  readonly manifests: PushedManifest[] = [];
  /** By digest. */
  readonly blobs = new Map<string, Bytes>();
  requests = 0;
  /** Blobs that come in, by the address that they are sent to. */
  readonly #uploads = new Map<string, Bytes>();
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy()); // who pushes has gone away
  });

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  /** host:port, as an image's name begins. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests += 1;
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://registry');
    const [, name = '', kind, key = ''] = /^\/v2\/(.+)\/(blobs|manifests)\/(.*)$/.exec(pathname) ?? [];
    if (kind === undefined) return void response.writeHead(200).end('{}');
    if (kind === 'manifests' && request.method === 'PUT')
      return await this.#takeManifest(request, response, `${name}:${key}`);
    if (request.method === 'HEAD' || request.method === 'GET') {
      const blob = this.blobs.get(key);
      if (blob === undefined) return void response.writeHead(404).end();
      return void response.writeHead(200, { 'content-length': blob.size, 'docker-content-digest': key }).end();
    }
    const upload = request.method === 'POST' ? `/v2/${name}/blobs/uploads/${this.requests}` : pathname;
    const blob = await this.#take(request, upload);
    if (request.method === 'PUT') {
      const digest = searchParams.get('digest') ?? '';
      this.blobs.set(digest, blob);
      return void response.writeHead(201, { 'docker-content-digest': digest, location: pathname }).end();
    }
    response
      .writeHead(202, { location: `http://${this.host}${upload}`, range: `0-${Math.max(blob.size - 1, 0)}` })
      .end();
  }

  async #takeManifest(request: IncomingMessage, response: ServerResponse, ref: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    this.manifests.push({ ref, ...(JSON.parse(String(body)) as Pick<PushedManifest, 'layers'>) });
    const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
    response.writeHead(201, { 'docker-content-digest': digest }).end();
  }

  async #take(request: IncomingMessage, upload: string): Promise<Bytes> {
    const so = this.#uploads.get(upload) ?? { magic: '', size: 0 };
    this.#uploads.set(upload, so);
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (so.size === 0) so.magic = chunk.subarray(0, 4).toString('hex');
      so.size += chunk.length;
    }
    return so;
  }
}
