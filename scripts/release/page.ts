// The fleet's page: collector/page bundled into dist/page, with names that change with the bytes.
import { mkdir, readFile, readdir, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { sha256Of } from './head.ts';
import type { ReleaseFile } from './manifest.ts';
import { ROOT } from './release.ts';

/** Bundles the page into the folder `out`, which is its alone, and returns what it wrote. Files of earlier builds are removed. */
export async function buildPage(o: { out: string }): Promise<ReleaseFile[]> {
  const folder = resolve(o.out);
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: { app: 'collector/page/main.tsx' },
    outdir: folder,
    entryNames: '[name]-[hash]',
    bundle: true,
    write: false,
    platform: 'browser',
    target: 'es2022',
    format: 'esm',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    minify: true,
    legalComments: 'none',
    charset: 'utf8',
    logLevel: 'silent',
  });
  let html = await readFile(join(ROOT, 'collector/page/index.html'), 'utf8');
  await mkdir(folder, { recursive: true });
  const written: ReleaseFile[] = [];
  const write = async (name: string, bytes: Buffer, what: string): Promise<void> => {
    await writeFileDurable(join(folder, name), bytes, 0o644);
    written.push({ name: `page/${name}`, sha256: sha256Of(bytes), size_bytes: bytes.length, what });
  };
  for (const file of result.outputFiles) {
    const name = basename(file.path);
    const placeholder = name.endsWith('.css') ? '/app.css' : '/app.js';
    if (!html.includes(placeholder)) {
      throw new SpotrigError('page_placeholder', `collector/page/index.html does not refer to ${placeholder}`);
    }
    html = html.replaceAll(placeholder, `/${name}`);
    await write(name, Buffer.from(file.contents), name.endsWith('.css') ? 'page: style' : 'page: program');
  }
  // After what it refers to, so that a reader never gets a page without its files.
  await write('index.html', Buffer.from(html), 'page');
  const kept = new Set(written.map((file) => basename(file.name)));
  for (const name of await readdir(folder)) {
    if (!kept.has(name)) await rm(join(folder, name), { force: true });
  }
  return written;
}
