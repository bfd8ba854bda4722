// npm run images: builds the worker images, checks the size of all, and pushes them only when every one passed.
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { messageOf } from '../platform/errors.ts';
import { checkImage } from './image/check.ts';
import { readSizePolicy } from './image/policy.ts';
import { archiveArguments, pinnedArchive, readPins, type BakedArchive } from './images/archives.ts';
import { chosenImages, imageNames, type Baked, type ImageRecipe } from './images/catalogue.ts';
import { fillContext } from './images/context.ts';
import { ENGINES, findEngine, type EngineName } from './images/engine.ts';
import { makingArguments, readMaking } from './images/labels.ts';
import { outcomeTable, passes, pushRef, type BuiltImage } from './images/outcome.ts';
import { standIn } from './images/stand-in.ts';
import { buildRelease, ROOT } from './release/release.ts';
import { EX_USAGE, UsageError } from './usage.ts';

const HELP = `npm run images [-- options]: builds the worker images and checks that each fits into CCR

  --miner ARCHIVE     the archive that the miner's own project publishes, for nvidia; its digest must be pinned in miners/releases.json
  --frpc ARCHIVE      frp's own archive, for debug; pinned in the same list (npx spotrig pin frpc ARCHIVE)
  --stand-in          archives made here in the place of both: a practice miner, and frpc built with Go. Never pushed
  --only NAME         this image alone, with what it is made from (${imageNames().join(', ')}); may be given several times
  --engine NAME       ${ENGINES.join(', ')} (default: the first of them that is there)
  --base REF          the Debian that all are made from (default: debian:trixie-slim)
  --push REF-PREFIX   pushes each as REF-PREFIX-NAME:VERSION, after all of them have passed
  --release DIR       a release that is built already (default: builds it into dist/)
  --pins FILE         another list of pinned archives
  --prefix P          local names are PNAME:VERSION (default: spotrig-)
  --network NAME      network of the build's steps (default: the engine's)
  --work DIR          context, logs and exports (default: .cache/images)
  --json              the answer as JSON
  --help              this text

Exit codes: 0 all are built and fit, 1 one does not or could not be built (nothing is pushed then), 64 the call is wrong.
The same commit gives the same digests with podman and buildah (SOURCE_DATE_EPOCH overrides the commit's time); docker's carry its clock.
`;

const OPTIONS = {
  miner: { type: 'string' },
  frpc: { type: 'string' },
  'stand-in': { type: 'boolean', default: false },
  only: { type: 'string', multiple: true, default: [] },
  engine: { type: 'string' },
  base: { type: 'string' },
  push: { type: 'string' },
  release: { type: 'string' },
  pins: { type: 'string', default: join(ROOT, 'miners/releases.json') },
  prefix: { type: 'string', default: 'spotrig-' },
  network: { type: 'string' },
  work: { type: 'string', default: join(ROOT, '.cache/images') },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsOptionsConfig;

/** A call that cannot be meant; the message says what to write. */
type Flags = ReturnType<typeof readFlags>;

function readFlags(argv: string[]) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS }));
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
  const unknown = values.only.find((name) => !imageNames().includes(name));
  if (unknown !== undefined)
    throw new UsageError(`--only: no image "${unknown}"; there are ${imageNames().join(', ')}`);
  const engine = ENGINES.find((name) => name === values.engine) ?? null;
  if (values.engine !== undefined && engine === null)
    throw new UsageError(`--engine: one of ${ENGINES.join(', ')}, not "${values.engine}"`);
  if (values['stand-in'] && values.push !== undefined)
    throw new UsageError('--stand-in makes images for tests: they are not pushed');
  const recipes = chosenImages(values.only);
  if (!values.help && !values['stand-in']) {
    for (const { name, baked } of recipes) {
      if (baked !== null && values[baked] === undefined)
        throw new UsageError(`${name} needs --${baked} ARCHIVE; or --stand-in, or choose other images by --only`);
    }
  }
  return { ...values, engine, recipes };
}

/** Builds and checks all; pushes when all pass. Resolves with the exit code. */
async function run(flags: Flags): Promise<number> {
  const say = progressTo(flags.json);
  const engine = await findEngine(flags.engine satisfies EngineName | null);
  const archives = await readArchives(flags);
  const making = await readMaking({ root: ROOT, env: process.env, version: packageJson.version });
  const release = flags.release ?? join(ROOT, 'dist');
  if (flags.release === undefined) await buildRelease({ out: release, xz: 'make', log: say });

  const work = resolve(flags.work);
  await mkdir(work, { recursive: true });
  const context = await fillContext({
    ...{ dir: join(work, 'context'), root: ROOT, release: resolve(release) },
    ...{ archives: [...archives.values()], epoch_s: making.epoch_s },
  });
  const refOf = (name: string): string => `${flags.prefix}${name}:${making.version}`;
  const built: BuiltImage[] = [];
  for (const recipe of flags.recipes) {
    const ref = refOf(recipe.name);
    say(`${recipe.name}: building ${ref} with ${engine.name}`);
    const { baked, from } = recipe;
    const archive = baked === null ? undefined : archives.get(baked);
    await engine.build({
      ...{ ref, contextDir: context.dir, dockerfile: recipe.dockerfile, epoch_s: making.epoch_s },
      args: {
        // The labels are the worker's, and the others inherit them.
        ...(from.image === null ? makingArguments(making) : { SOURCE_DATE_EPOCH: String(making.epoch_s) }),
        ...(from.image !== null ? { [from.argument]: refOf(from.image) } : {}),
        ...(from.image === null && flags.base !== undefined ? { [from.argument]: flags.base } : {}),
        ...(baked === null || archive === undefined
          ? {}
          : archiveArguments(baked, archive, context.archivePath(archive))),
      },
      network: flags.network ?? null,
      logPath: join(work, `${recipe.name}.log`),
    });
    say(`${recipe.name}: checking its size`);
    const { source, digest } = await engine.exported(ref, join(work, recipe.name));
    const policy = await readSizePolicy(join(ROOT, 'images', recipe.name, 'size.toml'));
    built.push({ name: recipe.name, ref, digest, report: await checkImage(source, policy) });
  }

  const failed = built.filter((image) => !passes(image));
  const pushed: string[] = [];
  if (failed.length === 0 && flags.push !== undefined) {
    for (const { name, ref } of built) {
      const to = pushRef(flags.push, name, making.version);
      say(`${name}: pushing ${to}`);
      await engine.push(ref, to);
      pushed.push(to);
    }
  }
  if (flags.json) {
    const { source, revision, version, epoch_s } = making;
    console.log(
      JSON.stringify({ engine: engine.name, source, revision, version, epoch_s, images: built, pushed }, null, 2),
    );
  } else {
    console.log(`\n${outcomeTable(built)}`);
  }
  if (failed.length === 0) return 0;
  const names = failed.map(({ name }) => name).join(', ');
  console.error(`images: ${names} failed the size check${flags.push === undefined ? '' : '; nothing was pushed'}`);
  return 1;
}

/** The archives of the chosen images. */
async function readArchives(flags: Flags): Promise<Map<Baked, BakedArchive>> {
  const kinds = flags.recipes.map(({ baked }: ImageRecipe) => baked).filter((kind) => kind !== null);
  const pins = await readPins(flags.pins);
  const found = new Map<Baked, BakedArchive>();
  for (const kind of kinds) {
    const path = flags[kind];
    found.set(kind, path === undefined ? await standIn(kind) : await pinnedArchive({ path, kind, pins }));
  }
  return found;
}

/** Long work says where it is: with the seconds so far, on standard error where standard output is for JSON. */
function progressTo(json: boolean): (line: string) => void {
  const began = performance.now();
  const print = json ? console.error : console.log;
  return (line) => print(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
}

try {
  const flags = readFlags(process.argv.slice(2));
  if (flags.help) console.log(HELP);
  else process.exitCode = await run(flags);
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(
    isUsage
      ? `images: ${error.message}\n\n${HELP}`
      : `images: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exitCode = isUsage ? EX_USAGE : 1;
}
