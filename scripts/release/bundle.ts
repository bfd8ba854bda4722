// The payload: entrypoint/main.ts and all it imports as one CommonJS file for the pinned Node. What the miner's start needs is
// compiled when the file is loaded; the rest waits as text (entrypoint/bootstrap/parts.ts).
import { readFile } from 'node:fs/promises';
import { createRequire, isBuiltin } from 'node:module';
import { basename, join } from 'node:path';
import { build, transform, type Metafile, type Plugin, type TransformOptions } from 'esbuild';
import * as z from 'zod/mini';
import { MinerReleases } from '../../miners/releases.ts';
import { SpotrigError } from '../../platform/errors.ts';

const FOR_NODE = {
  platform: 'node',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  // One character outside Latin-1 would double the text in V8's memory.
  charset: 'ascii',
  logLevel: 'silent',
} as const satisfies TransformOptions;

/** Bundles the worker. Deterministic: no path of this machine and no date gets into the bytes. */
export async function bundleWorker(o: {
  root: string;
  /** Relative to root. */
  entry: string;
  version: string;
  mirrors: readonly string[];
  /** Absolute path of another list of pinned miners. Default: miners/releases.json. */
  minersPath?: string | undefined;
}): Promise<{
  payload: Buffer;
  meta: Metafile;
  /** Source files that are compiled and run before the miner's start. */
  atOnce: string[];
}> {
  const minersPath = o.minersPath ?? join(o.root, 'miners/releases.json');
  // The worker takes the list as it is.
  z.parse(MinerReleases, JSON.parse(await readFile(minersPath, 'utf8')));
  const result = await build({
    ...FOR_NODE,
    absWorkingDir: o.root,
    entryPoints: { main: o.entry },
    bundle: true,
    splitting: true,
    write: false,
    outdir: '.',
    format: 'esm',
    metafile: true,
    plugins: [pinnedMiners(minersPath), lateBuiltins],
    define: {
      __SPOTRIG_VERSION__: JSON.stringify(o.version),
      __RELEASE_MIRRORS__: JSON.stringify(o.mirrors),
    },
  });
  const atOnce = neededAtOnce(result.metafile, 'main.js');
  const parts: string[] = [];
  const late: string[] = [];
  for (const { path, text } of result.outputFiles) {
    const name = JSON.stringify(`./${basename(path)}`);
    const body = await asFunctionBody(text);
    if (atOnce.has(basename(path))) parts.push(`${name}:(module,require)=>{${body}}`);
    else late.push(`//${name} ${JSON.stringify(body)}`);
  }
  if (atOnce.size === 0) throw new SpotrigError('bundle_empty', `esbuild made nothing of ${o.entry}`);
  const loader = await readFile(join(import.meta.dirname, '../../entrypoint/bootstrap/parts.ts'), 'utf8');
  const table = await transform(`const PARTS={\n${parts.sort().join(',\n')}};`, FOR_NODE);
  const comments = `function LATE(){\n${late.sort().join('\n')}\n}\n`;
  const { code } = await transform(loader, { ...FOR_NODE, loader: 'ts', format: 'cjs' });
  const sources = [...atOnce].flatMap((name) => Object.keys(result.metafile.outputs[name]?.inputs ?? {}));
  return { payload: Buffer.from(table.code + comments + code), meta: result.metafile, atOnce: sources };
}

async function asFunctionBody(text: string): Promise<string> {
  // `import()` of a part becomes a `require` in a promise.
  const options = { ...FOR_NODE, format: 'cjs', supported: { 'dynamic-import': false } } as const;
  return (await transform(text, options)).code.trimEnd();
}

/** The outputs that are loaded with `first`, by name. */
function neededAtOnce(meta: Metafile, first: string): Set<string> {
  const needed = new Set<string>();
  const add = (name: string): void => {
    if (needed.has(name) || meta.outputs[name] === undefined) return;
    needed.add(name);
    for (const { path, kind } of meta.outputs[name].imports) if (kind === 'import-statement') add(path);
  };
  add(first);
  return needed;
}

function pinnedMiners(path: string): Plugin {
  return {
    name: 'pinned-miners',
    setup: (bundling) => bundling.onResolve({ filter: /\/releases\.json$/ }, () => ({ path })),
  };
}

/**
 * Node's own modules are loaded when something of theirs is first used: node:crypto, http, zlib and fs/promises take 15 ms
 * together, and the miner's start needs none of them.
 */
const lateBuiltins: Plugin = {
  name: 'late-builtins',
  setup: (bundling) => {
    const namespace = 'late-builtin';
    bundling.onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' && isBuiltin(path) ? { path, namespace } : undefined,
    );
    bundling.onLoad({ filter: /.*/, namespace }, ({ path }) => {
      const names = Object.keys(createRequire(import.meta.url)(path) as object);
      const contents = `
        let module;
        for (const name of ${JSON.stringify(names)})
          Object.defineProperty(exports, name, {
            get: () => (module ??= process.getBuiltinModule(${JSON.stringify(path)}))[name],
            enumerable: true,
          });`;
      return { contents, loader: 'js' };
    });
  },
};
