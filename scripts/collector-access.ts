// How a command on the owner's machine is let in by a collector: its address, its pinned key, and the admin's token.
import { readFile } from 'node:fs/promises';
import { isLoopbackHost } from '../collector/access.ts';
import { readOwnToken } from '../collector/own-token.ts';
import { messageOf } from '../platform/errors.ts';
import { type HttpAnswer, type HttpRequest, httpRequest } from '../platform/http.ts';
import { registerSecret } from '../platform/secrets.ts';

/** An option that is wrong; its message begins with the option's name. */
export class WrongOption extends Error {}

export interface CollectorAccess {
  /** Without a slash at its end. */
  url: string;
  origin: string;
  /** Asks for a path of the collector, as the admin. Rejects as `httpRequest`. */
  ask: (path: string, o: Omit<HttpRequest, 'url' | 'pinSha256'>) => Promise<HttpAnswer>;
}

/**
 * The collector at `collector`. The token is the file's, or the variable SPOTRIG_ADMIN_TOKEN; else, of a collector on this machine, the
 * one that it made for itself in its data folder. Throws WrongOption, also for plain http to another machine.
 */
export async function collectorAccess(o: {
  collector: string;
  pins: readonly string[];
  tokenFile: string | undefined;
  data: string;
}): Promise<CollectorAccess> {
  const url = URL.parse(o.collector);
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new WrongOption('--collector: an http(s) address');
  const isHere = isLoopbackHost(url.hostname);
  if (url.protocol === 'http:' && !isHere)
    throw new WrongOption('--collector: https, since secrets go there and back (plain http only on loopback)');
  const token = await adminToken(o, isHere);
  if (token !== null) registerSecret(token);
  const base = o.collector.replace(/\/+$/, '');
  return {
    ...{ url: base, origin: url.origin },
    ask: (path, request) =>
      httpRequest({
        ...request,
        ...{ url: base + path, pinSha256: o.pins },
        headers: { ...request.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      }),
  };
}

async function adminToken(o: { tokenFile: string | undefined; data: string }, isHere: boolean): Promise<string | null> {
  try {
    if (o.tokenFile !== undefined) return (await readFile(o.tokenFile, 'utf8')).trim();
  } catch (error) {
    throw new WrongOption(`--admin-token-file: ${messageOf(error)}`, { cause: error });
  }
  const given = process.env['SPOTRIG_ADMIN_TOKEN'];
  if (given !== undefined || !isHere) return given ?? null;
  try {
    return (await readOwnToken(o.data))?.token ?? null;
  } catch (error) {
    throw new WrongOption(`--data: ${messageOf(error)}`, { cause: error });
  }
}
