// Images of the engine that runs, by its HTTP API on a unix socket (or where DOCKER_HOST says): Docker's, or podman's in Docker's words.
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import * as z from 'zod';
import { SpotrigError, isErrno, messageOf } from '../../platform/errors.ts';
import { shown } from './fault.ts';
import type { ImageEngine } from './report.ts';

/** Where an engine is reached, as options of node:http(s). */
export interface EngineAddress {
  text: string;
  isTls: boolean;
  options: RequestOptions;
}

const DOCKER_SOCKET = '/var/run/docker.sock';
const PLAIN_PORT = '2375';
const ANSWER_MAX_BYTES = 8 * 1024 ** 2;
const ANSWER_LIMIT_MS = 60_000;
/** An engine packs its layers before it sends the first byte. */
const SILENCE_LIMIT_MS = 300_000;

/** By DOCKER_HOST, else the socket that is there: Docker's, podman's. Throws image_engine. */
export function engineAddress(
  env: Record<string, string | undefined>,
  isThere: (path: string) => boolean = existsSync,
): EngineAddress {
  const told = env['DOCKER_HOST'] ?? '';
  if (told !== '') return readHost(told, env);
  const run = env['XDG_RUNTIME_DIR'];
  const sockets = [
    DOCKER_SOCKET,
    ...(run === undefined ? [] : [`${run}/podman/podman.sock`]),
    '/run/podman/podman.sock',
  ];
  const socketPath = sockets.find((path) => isThere(path));
  if (socketPath !== undefined) return { text: socketPath, isTls: false, options: { socketPath } };
  throw new SpotrigError(
    'image_engine',
    `no engine here: none of ${sockets.join(', ')} is there. Start one, set DOCKER_HOST, or give an archive of docker save`,
  );
}

function readHost(told: string, env: Record<string, string | undefined>): EngineAddress {
  const unix = /^unix:\/\/(\/.+)$/.exec(told)?.[1];
  if (unix !== undefined) return { text: unix, isTls: false, options: { socketPath: unix } };
  const url = /^(?:tcp|http|https):\/\//.test(told) ? URL.parse(told.replace(/^tcp:/, 'http:')) : null;
  if (url === null)
    throw new SpotrigError('image_engine', `DOCKER_HOST: ${shown(told)} is neither unix:///path nor tcp://host:port`);
  const isTls = url.protocol === 'https:' || (env['DOCKER_TLS_VERIFY'] ?? '') !== '';
  const options = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || PLAIN_PORT };
  return { text: told, isTls, options: { ...options, ...(isTls ? certificates(env) : {}) } };
}

/** ca.pem, cert.pem and key.pem, as Docker's own client takes them. */
function certificates(env: Record<string, string | undefined>): RequestOptions {
  const folder = env['DOCKER_CERT_PATH'] ?? join(env['HOME'] ?? '', '.docker');
  try {
    const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => readFileSync(join(folder, name)));
    return { ca, cert, key } as RequestOptions;
  } catch (error) {
    throw new SpotrigError('image_engine', `DOCKER_TLS_VERIFY needs certificates in DOCKER_CERT_PATH`, {
      cause: error,
    });
  }
}

const Inspected = z.object({ Id: z.string(), Size: z.int().nonnegative().nullish() });
const Info = z.object({ Driver: z.string().nullish(), DriverStatus: z.array(z.array(z.string())).nullish() });
const Version = z.object({
  Version: z.string().nullish(),
  Components: z.array(z.object({ Name: z.string().nullish() })).nullish(),
});

export interface EngineImage {
  engine: ImageEngine;
  /** `docker save` of it, as it streams. */
  archive: () => Promise<AsyncIterable<Buffer>>;
}

/** What an engine says of an image. Throws image_engine (none answers), image_source (it has no such image). */
export async function engineImage(address: EngineAddress, name: string): Promise<EngineImage> {
  const path = `/images/${name.split('/').map(encodeURIComponent).join('/')}`;
  const inspected = await answer(address, `${path}/json`, Inspected, name);
  const info = await answer(address, '/info', Info, name);
  const version = await answer(address, '/version', Version, name);
  const isPodman = (version.Components ?? []).some((component) => /podman/i.test(component.Name ?? ''));
  const driver = info.Driver ?? 'unknown';
  // With containerd's store, the driver is the snapshotter's name, and its status says what it is.
  const isContainerd = (info.DriverStatus ?? []).flat().some((text) => text.includes('io.containerd.snapshotter'));
  return {
    engine: {
      name: `${isPodman ? 'podman' : 'docker'} ${version.Version ?? '?'}`,
      driver,
      store: isPodman ? 'podman' : isContainerd ? 'containerd' : 'classic',
      size_bytes: inspected.Size ?? null,
    },
    archive: async () => {
      const response = await get(address, `${path}/get`, SILENCE_LIMIT_MS);
      if (response.statusCode === 200) return response as AsyncIterable<Buffer>;
      throw refused(response.statusCode, await textOf(response), name);
    },
  };
}

async function answer<T>(address: EngineAddress, path: string, schema: z.ZodType<T>, name: string): Promise<T> {
  const response = await get(address, path, ANSWER_LIMIT_MS);
  const text = await textOf(response);
  if (response.statusCode !== 200) throw refused(response.statusCode, text, name);
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new SpotrigError('image_engine', `what ${address.text} answers is no engine’s answer`, { cause: error });
  }
}

function get(address: EngineAddress, path: string, silence_limit_ms: number): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = (address.isTls ? httpsRequest : httpRequest)({ ...address.options, path, agent: false });
    request.setTimeout(silence_limit_ms, () => request.destroy(new Error(`silent for ${silence_limit_ms} ms`)));
    request.once('response', resolve);
    request.once('error', (error) => {
      const how = isErrno(error, 'EACCES') ? ': this user may not use it' : '';
      reject(new SpotrigError('image_engine', `the engine at ${address.text} does not answer${how}`, { cause: error }));
    });
    request.end();
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > ANSWER_MAX_BYTES) throw new SpotrigError('image_engine', 'the engine’s answer has no end');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function refused(status: number | undefined, text: string, name: string): SpotrigError {
  if (status === 404) {
    const text404 = `${shown(name)} is neither a file nor a folder, and the engine has no image of this name`;
    return new SpotrigError('image_source', text404);
  }
  let message = text;
  try {
    message = z.object({ message: z.string() }).parse(JSON.parse(text)).message;
  } catch (error) {
    message = shown(`${text} ${messageOf(error)}`);
  }
  return new SpotrigError('image_engine', `the engine refuses (${status ?? 0}): ${shown(message)}`);
}
