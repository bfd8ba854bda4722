// The arrows of design section 1, held over the source and over what ships.
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bundleWorker } from '../scripts/release/bundle.ts';

const ROOT = join(import.meta.dirname, '..');

/** Folder → folders that it may import from, beside itself. */
const ALLOWED: Record<string, readonly string[]> = {
  wire: [],
  platform: [],
  miners: ['wire', 'platform'],
  stratum: ['wire', 'platform'],
  reporter: ['wire', 'platform', 'miners', 'stratum'],
  entrypoint: ['wire', 'platform', 'miners', 'stratum'],
  collector: ['wire', 'platform', 'stratum'],
};

interface Import {
  from: string;
  to: string;
}

/** Imports of the product's files, as paths from the root; packages as their names. */
function importsOf(folder: string): Import[] {
  const files = globSync('**/*.{ts,tsx}', { cwd: join(ROOT, folder) }).filter((f) => !/\.test\.tsx?$/.test(f));
  expect(files.length, folder).toBeGreaterThan(0);
  return files.flatMap((file) => {
    const from = join(folder, file);
    const text = readFileSync(join(ROOT, from), 'utf8');
    const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((m) => m[1] ?? '');
    return specifiers.map((s) => ({ from, to: s.startsWith('.') ? normalize(join(dirname(from), s)) : s }));
  });
}

/** What is wrong with these imports; [] when all follow the arrows. */
function violations(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [home = '', target = ''] = [from.split('/')[0], to.split('/')[0]];
    const isOurs = target in ALLOWED || ['scripts', 'test', 'images', 'bin'].includes(target);
    if (!isOurs) {
      const packagesOfWire = home === 'wire' && !to.startsWith('zod');
      const process = to.endsWith('child_process') && from !== 'platform/process.ts';
      return packagesOfWire || process ? [`${from} imports ${to}`] : [];
    }
    if (target === home || ALLOWED[home]?.includes(target) === true) return [];
    if (from === 'entrypoint/main.ts' && target === 'reporter') return [];
    return [`${from} imports ${to}`];
  });
}

describe('import directions', () => {
  for (const folder of Object.keys(ALLOWED)) {
    it(`${folder} follows the arrows`, () => {
      expect(violations(importsOf(folder))).toEqual([]);
    });
  }

  it('sees a planted violation of each kind', () => {
    const planted: Import[] = [
      { from: 'wire/a.ts', to: 'node:fs' },
      { from: 'wire/a.ts', to: 'platform/clock.ts' },
      { from: 'platform/a.ts', to: 'wire/limits.ts' },
      { from: 'platform/a.ts', to: 'node:child_process' },
      { from: 'stratum/a.ts', to: 'miners/t-rex.ts' },
      { from: 'reporter/a.ts', to: 'entrypoint/config.ts' },
      { from: 'entrypoint/a.ts', to: 'reporter/reporter.ts' },
      { from: 'collector/a.ts', to: 'miners/registry.ts' },
      { from: 'miners/a.ts', to: 'scripts/build.ts' },
      { from: 'entrypoint/a.ts', to: 'test/fakes/clock.ts' },
    ];
    expect(violations(planted)).toHaveLength(planted.length);
  });
});

describe('what ships', () => {
  it('is the worker without collector, full zod, undici, execa or zx', async () => {
    const { meta } = await bundleWorker({ root: ROOT, entry: 'entrypoint/main.ts', version: '0', mirrors: [] });
    const shipped = Object.values(meta.outputs)
      .flatMap((output) => Object.entries(output.inputs))
      .filter(([, input]) => input.bytesInOutput > 0);
    const inputs = shipped.map(([path]) => relative('.', path));
    const unwanted =
      /^(?:collector|scripts|test|images)\/|node_modules\/(?:undici|execa|zx|fastify|preact|uplot)\/|zod\/v4\/classic\/|zod\/v4\/locales\/(?!en\.)/;
    expect(inputs.filter((path) => unwanted.test(path))).toEqual([]);
    for (const needed of ['entrypoint/main.ts', 'reporter/reporter.ts', 'stratum/relay.ts', 'miners/t-rex.ts']) {
      expect(inputs).toContain(needed);
    }
  });

  it('loads before the miner runs what its start needs, and nothing else: no package, no reporter, no HTTP', async () => {
    const { atOnce } = await bundleWorker({ root: ROOT, entry: 'entrypoint/main.ts', version: '0', mirrors: [] });
    const late =
      /node_modules\/|^reporter\/|^platform\/(?:http|download)|-api\.ts$|^entrypoint\/artifacts\/(?:fetch|archive)/;
    expect(atOnce.filter((path) => late.test(path))).toEqual([]);
    expect(atOnce).toContain('entrypoint/supervise/supervisor.ts');
  });
});

it('the lock file names no download address', () => {
  expect(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved"|https?:\/\/[^"]*\.tgz/);
});
