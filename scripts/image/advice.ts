// What would make an image smaller, from what was found in it.
import type { PathTable } from './path-table.ts';
import type { ImageAdvice, ImageLayer } from './report.ts';
import type { Findings } from './waste.ts';

/** Less is not worth a line. */
const WORTH_BYTES = 100_000;
const ADVICE_MAX = 8;

/** Folders that a worker does not need, and how to be without. */
const FOLDERS: Record<string, string> = {
  'var/lib/apt/lists': 'remove them in the RUN that fetched them: rm -rf /var/lib/apt/lists/*',
  'var/cache/apt': 'apt-get clean in the RUN that installed',
  'var/cache/apk': 'apk add --no-cache',
  'var/cache/dnf': 'dnf clean all in the RUN that installed',
  'var/cache/yum': 'yum clean all in the RUN that installed',
  'root/.cache': 'a cache: remove it in the RUN that filled it (pip: --no-cache-dir)',
  'root/.npm': 'npm cache clean --force, or a stage of its own for npm ci',
  'root/.cargo': 'build in a stage of its own and copy the program alone',
  'root/go': 'build in a stage of its own and copy the program alone',
  'usr/share/doc': 'dpkg: path-exclude=/usr/share/doc/*',
  'usr/share/man': 'dpkg: path-exclude=/usr/share/man/*',
  'usr/share/locale': 'dpkg: path-exclude=/usr/share/locale/*',
  'usr/share/info': 'dpkg: path-exclude=/usr/share/info/*',
  'usr/lib/debug': 'debugging symbols: leave them out',
  'usr/include': 'headers: build in a stage of its own',
  'usr/local/include': 'headers: build in a stage of its own',
  'usr/local/lib/node_modules/npm': 'node runs without npm',
  'usr/lib/python3/dist-packages/pip': 'python runs without pip',
  tmp: 'remove temporary files in the RUN that made them',
  'var/tmp': 'remove temporary files in the RUN that made them',
};
/** Archives and build leftovers that stay behind by mistake. */
const LEFTOVER = /\.(?:tar|tgz|txz|zip|deb|rpm|gz|xz|zst|bz2|7z|a|whl)$/;

/** Best first. Savings overlap at most where two lines speak of the same folder. */
export function adviceOf(o: { found: Findings; layers: readonly ImageLayer[]; table: PathTable }): ImageAdvice[] {
  const { found, layers, table } = o;
  const all: ImageAdvice[] = found.causes.map(({ kind, layer, by_layer, bytes }) => ({
    text: causeText(kind, layer, by_layer, layers),
    saves_bytes: bytes,
  }));
  for (const [folder, how] of Object.entries(FOLDERS)) {
    const path = table.find(folder);
    const bytes = path === null ? 0 : (found.folder_bytes[path] ?? 0);
    all.push({ text: `/${folder}: ${how}`, saves_bytes: bytes });
  }
  for (const { path, bytes, layer } of found.biggest) {
    if (LEFTOVER.test(path) && !Object.keys(FOLDERS).some((folder) => path.startsWith(`${folder}/`)))
      all.push({
        text: `/${path} (layer ${layer}): unpack it and remove it in one RUN, or copy it from another stage`,
        saves_bytes: bytes,
      });
  }
  return all
    .filter(({ saves_bytes }) => saves_bytes >= WORTH_BYTES)
    .toSorted((a, b) => b.saves_bytes - a.saves_bytes)
    .slice(0, ADVICE_MAX);
}

function causeText(
  kind: Findings['causes'][number]['kind'],
  layer: number,
  by_layer: number,
  layers: readonly ImageLayer[],
): string {
  if (layer === by_layer) return `layer ${layer} has files twice: make hard links of them, or leave one out`;
  const [made, by] = [layers[layer], layers[by_layer]];
  if (kind === 'deleted')
    return `layer ${by_layer} deletes files of layer ${layer}: they stay in the image; delete them in the instruction that makes them, or build in a stage of its own`;
  if (kind === 'overwritten')
    return `layer ${by_layer} replaces files of layer ${layer}: put the right ones there at once`;
  if (made?.diff_id === by?.diff_id) return `layers ${layer} and ${by_layer} are the same one: leave one out`;
  return `layers ${Math.min(layer, by_layer)} and ${Math.max(layer, by_layer)} have the same files: chmod and chown copy a file (COPY --chmod --chown does not), or leave one out`;
}
