// Bytes that a worker has to fetch and to load.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import type { Manifest } from '../../scripts/release/manifest.ts';
import { plain, type Bench, type Findings, type Measurement, type Row } from './measurement.ts';

const INPUTS_SHOWN = 5;

/** Sizes of the payload, of what is in it, of the single file and of the runtime. */
export const bundleSize: Measurement = { name: 'size', about: 'bytes of payload, single file and runtime', run };

async function run(bench: Bench): Promise<Findings> {
  const release = await bench.release();
  const manifest = JSON.parse(await readFile(join(release, 'manifest.json'), 'utf8')) as Manifest;
  const meta = JSON.parse(await readFile(join(release, 'meta/worker.json'), 'utf8')) as Metafile;
  const find = (word: string) => manifest.files.find((file) => file.name === word || file.what.startsWith(word));
  const payload = find('payload');
  const single = find('entrypoint.sh');
  const [xz, gz] = [find('Node runtime, xz'), find('Node runtime, gzip')];
  if (payload === undefined || single === undefined || gz === undefined) throw new Error('the manifest lacks a file');
  const payload_gzip_bytes = gzipSync(await readFile(join(release, payload.name)), { level: 9 }).length;

  const runtime: Row =
    xz === undefined
      ? plain('Node runtime, gzip', bytes(gz.size_bytes), 'no xz in this build')
      : {
          ...plain('Node runtime, xz', bytes(xz.size_bytes), `gzip ${bytes(gz.size_bytes)}`),
          ratio: xz.size_bytes / gz.size_bytes,
        };
  const inputs = biggestInputs(meta);
  const shown = inputs.slice(0, INPUTS_SHOWN).map(([name, size]) => `${name} ${Math.round(size / 1024)} KB`);
  return {
    rows: [
      {
        ...plain('payload, gzip', bytes(payload_gzip_bytes), `as it is ${bytes(payload.size_bytes)}`),
        ratio: payload_gzip_bytes / payload.size_bytes,
      },
      plain('payload: biggest parts', shown.slice(0, 3).join(', '), shown.slice(3).join(', ')),
      plain('entrypoint.sh', bytes(single.size_bytes)),
      runtime,
    ],
    values: {
      payload_bytes: payload.size_bytes,
      payload_gzip_bytes,
      entrypoint_bytes: single.size_bytes,
      runtime_xz_bytes: xz?.size_bytes ?? null,
      runtime_gzip_bytes: gz.size_bytes,
      payload_inputs_bytes: Object.fromEntries(inputs),
    },
  };
}

function bytes(count: number): string {
  return `${count.toLocaleString('en')} B`;
}

/** Bytes in the bundle by npm package or by our own folder, most first. */
function biggestInputs(meta: Metafile): [name: string, bytes: number][] {
  const sums = new Map<string, number>();
  for (const output of Object.values(meta.outputs)) {
    for (const [path, { bytesInOutput }] of Object.entries(output.inputs)) {
      const name = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? `${path.split('/')[0] ?? path}/`;
      sums.set(name, (sums.get(name) ?? 0) + bytesInOutput);
    }
  }
  return [...sums].toSorted(([, a], [, b]) => b - a);
}
