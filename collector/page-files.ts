// The built page is read once at start: its files are few and small, and only names that exist then are ever served.
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { isErrno } from '../platform/errors.ts';

export interface PageFile {
  /** URL path: `/` for index.html, else `/` and the path in the folder. */
  path: string;
  type: string;
  etag: string;
  bytes: Buffer;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json',
  '.map': 'application/json',
};

/** Every file of a known type below `dir`; none when the folder is absent. */
export async function readPage(dir: string): Promise<PageFile[]> {
  try {
    const entries = await readdir(dir, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && extname(entry.name) in TYPES);
    return await Promise.all(files.map((entry) => pageFile(dir, join(entry.parentPath, entry.name))));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

async function pageFile(dir: string, file: string): Promise<PageFile> {
  const bytes = await readFile(file);
  const path = `/${relative(dir, file).split(sep).join('/')}`;
  return {
    path: path === '/index.html' ? '/' : path,
    type: TYPES[extname(file)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}"`,
    bytes,
  };
}
