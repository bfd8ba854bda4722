// A worker's home with the Node runtime in it already, as the head leaves it. What most tests ask begins after that, and to unpack
// 108 MB for each of them takes seconds of both cores. That the head does it by itself is asked where the start is cold.
import { chmod, copyFile, link, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { sha256Of } from '../../scripts/release/head.ts';
import type { Manifest } from '../../scripts/release/manifest.ts';

const unpacked = new Map<string, Promise<string>>();

/** Puts the runtime of this release into the home. The file is shared: nobody may write to it. */
export async function warmHome(releaseDir: string, home: string): Promise<void> {
  const ready = unpacked.get(releaseDir) ?? unpack(releaseDir);
  unpacked.set(releaseDir, ready);
  const from = await ready;
  for (const digest of await readdir(from)) {
    const to = join(home, 'artifacts', digest);
    await mkdir(to, { recursive: true });
    // Another file system takes a copy.
    await link(join(from, digest, 'node'), join(to, 'node')).catch(() =>
      copyFile(join(from, digest, 'node'), join(to, 'node')),
    );
  }
}

/** Unpacks it once for each runtime, beside the release; resolves with the folder that has it as `<sha256>/node`. */
async function unpack(releaseDir: string): Promise<string> {
  const manifest = JSON.parse(await readFile(join(releaseDir, 'manifest.json'), 'utf8')) as Manifest;
  const gz = manifest.files.find(({ what }) => what === 'Node runtime, gzip');
  if (gz === undefined) throw new Error(`${releaseDir} has no gzip runtime`);
  const kept = `${releaseDir}-runtime`;
  const place = join(kept, gz.sha256);
  if ((await readdir(place).catch(() => [])).length > 0) return place;
  await mkdir(kept, { recursive: true });
  const temp = await mkdtemp(join(kept, 'new-'));
  const node = await promisify(gunzip)(await readFile(join(releaseDir, gz.name)));
  const dir = join(temp, sha256Of(node));
  await mkdir(dir);
  await writeFile(join(dir, 'node'), node);
  await chmod(join(dir, 'node'), 0o755);
  // Another process may have been faster.
  await rename(temp, place).catch(() => rm(temp, { recursive: true, force: true }));
  return place;
}
