// Where the inputs come from: files and addresses, all with a cap.
import { readFile, stat } from 'node:fs/promises';
import * as z from 'zod';
import { openBody, printableUrl } from '../../platform/http-body.ts';
import { SpotrigError, isErrno } from '../../platform/errors.ts';
import { BLACKLIST_MAX_BYTES, Blacklist } from '../../wire/blacklist.ts';
import { fieldName } from '../../collector/config.ts';
import type { CollectorAccess } from '../collector-access.ts';
import { type RigPair, parseRigs } from './rigs.ts';
import { type Running, RunningFile } from './diff.ts';
import { type Fleet, parseFleet } from './fleet.ts';
import { Snapshot } from './snapshot.ts';

const SNAPSHOT_MAX_BYTES = 128 * 1024 * 1024;
const FLEET_MAX_BYTES = 1024 * 1024;
const RIGS_MAX_BYTES = 16 * 1024 * 1024;
const FETCH_MS = 60_000;

export function isUrl(text: string): boolean {
  return /^https?:\/\//.test(text);
}

/** A fleet file. Throws `fleet_file` with every complaint, a line each. */
export async function readFleet(path: string): Promise<Fleet> {
  const read = parseFleet(await textOf(path, FLEET_MAX_BYTES));
  if ('fleet' in read) return read.fleet;
  throw new SpotrigError('fleet_file', read.complaints.map((complaint) => `${path}: ${complaint}`).join('\n'));
}

/** A list of HiveOS's pairs. Throws `rigs_file`. */
export async function readRigs(path: string): Promise<RigPair[]> {
  const read = parseRigs(await textOf(path, RIGS_MAX_BYTES));
  if ('rigs' in read) return read.rigs;
  throw new SpotrigError('rigs_file', read.complaints.map((complaint) => `${path}: ${complaint}`).join('\n'));
}

/** A snapshot from a file or an address. Throws `not_json` or `wrong_form`. */
export async function readSnapshot(from: string): Promise<Snapshot> {
  return parsed(from, await textOf(from, SNAPSHOT_MAX_BYTES), Snapshot);
}

/** A black list from a file or an address; of the collector itself as its admin. Throws `not_json`, `wrong_form`, `cannot_fetch`. */
export async function readBlacklist(from: string, collector: CollectorAccess | null): Promise<Blacklist> {
  const url = URL.parse(from);
  if (collector === null || url?.origin !== collector.origin)
    return parsed(from, await textOf(from, BLACKLIST_MAX_BYTES), Blacklist);
  const path = url.href.slice(url.origin.length);
  const { status, body } = await collector
    .ask(path, { timeoutMs: FETCH_MS, maxBytes: BLACKLIST_MAX_BYTES })
    .catch((error: unknown) => {
      throw new SpotrigError('cannot_fetch', `cannot fetch ${printableUrl(from)}`, { cause: error });
    });
  if (status !== 200) throw new SpotrigError('cannot_fetch', `${printableUrl(from)} answers with ${status}`);
  return parsed(from, body.toString('utf8'), Blacklist);
}

/** Running orders of `--orders`. Throws `not_json` or `wrong_form`. */
export async function readRunning(path: string): Promise<Running[]> {
  return parsed(path, await readText(path, RIGS_MAX_BYTES), RunningFile);
}

/** Text of JSON as a schema reads it; what is wrong names the file and the field. */
export function parsed<T>(from: string, text: string, schema: z.core.$ZodType<T>): T {
  const name = isUrl(from) ? printableUrl(from) : from;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SpotrigError('not_json', `${name} is not JSON`);
  }
  const read = z.safeParse(schema, value);
  if (read.success) return read.data;
  const complaints = read.error.issues.slice(0, 5).map(({ path, message }) => `${fieldName(path)} ${message}`.trim());
  throw new SpotrigError('wrong_form', `${name}: ${complaints.join('; ')}`);
}

async function textOf(from: string, max_bytes: number): Promise<string> {
  return isUrl(from) ? fetchText(from, max_bytes) : readText(from, max_bytes);
}

/** A file's text. Throws `cannot_read` or `too_large`. */
export async function readText(path: string, max_bytes: number): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > max_bytes) throw new SpotrigError('too_large', `${path} has more than ${max_bytes} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'EACCES', 'EISDIR', 'ENOTDIR')) throw error;
    throw new SpotrigError('cannot_read', `cannot read ${path}`, { cause: error });
  }
}

async function fetchText(url: string, max_bytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  const body = await openBody({ url, offset: 0, signal: AbortSignal.timeout(FETCH_MS) }).catch((error: unknown) => {
    throw new SpotrigError('cannot_fetch', `cannot fetch ${printableUrl(url)}`, { cause: error });
  });
  try {
    for await (const chunk of body.chunks) {
      size += chunk.length;
      if (size > max_bytes)
        throw new SpotrigError('too_large', `${printableUrl(url)} has more than ${max_bytes} bytes`);
      chunks.push(chunk);
    }
  } finally {
    body.destroy();
  }
  return Buffer.concat(chunks).toString('utf8');
}
