// The payload: entrypoint/main.ts and all it imports as one CommonJS file for the pinned Node.
import { build, type Metafile, type Plugin } from 'esbuild';
import { SpotrigError } from '../../platform/errors.ts';

/** Bundles the worker. Deterministic: no path of this machine and no date gets into the bytes. */
export async function bundleWorker(o: {
  root: string;
  /** Relative to root. */
  entry: string;
  version: string;
  mirrors: readonly string[];
  /** Absolute path of another list of pinned miners. Default: miners/releases.json. */
  minersPath?: string | undefined;
}): Promise<{ payload: Buffer; meta: Metafile }> {
  const result = await build({
    absWorkingDir: o.root,
    entryPoints: [o.entry],
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    charset: 'utf8',
    metafile: true,
    logLevel: 'silent',
    plugins: o.minersPath === undefined ? [] : [pinnedMiners(o.minersPath)],
    define: {
      __SPOTRIG_VERSION__: JSON.stringify(o.version),
      __RELEASE_MIRRORS__: JSON.stringify(o.mirrors),
    },
  });
  const [file] = result.outputFiles;
  if (file === undefined) throw new SpotrigError('bundle_empty', `esbuild made nothing of ${o.entry}`);
  return { payload: Buffer.from(file.contents), meta: result.metafile };
}

function pinnedMiners(path: string): Plugin {
  return {
    name: 'pinned-miners',
    setup: (bundling) => bundling.onResolve({ filter: /\/releases\.json$/ }, () => ({ path })),
  };
}
