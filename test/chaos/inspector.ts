// What must hold at every moment of a worker's life, looked at from outside.
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Box } from './box.ts';
import { SENTINEL_DIR, SENTINEL_DOUBLE, sha256, type ChaosRelease } from './chaos-release.ts';
import { POISON_MARK } from './mirror.ts';

/** What a worker may leave in partial/, run/ and beside its script, over however many kills. */
const FILES_MAX = 14;

export class Inspector {
  readonly #box: Pick<Box, 'home' | 'script'>;
  readonly #release: ChaosRelease;
  /** Files that had the right digest, by path, inode and time of change. */
  readonly #checked = new Set<string>();
  #doubles = 0;

  constructor(box: Pick<Box, 'home' | 'script'>, release: ChaosRelease) {
    this.#box = box;
    this.#release = release;
  }

  /** Everything that is wrong now, each in a sentence. `miners` is the most that were seen at one moment. */
  async look(miners: number): Promise<string[]> {
    const { home, script } = this.#box;
    const wrong: string[] = [];
    if (miners > 1) wrong.push(`${miners} miners at one moment`);
    const doubles = (await readFile(join(home, SENTINEL_DIR, SENTINEL_DOUBLE), 'utf8')).split('\n').length - 1;
    if (doubles > this.#doubles) wrong.push(`a miner was started beside another, ${doubles - this.#doubles} times`);
    this.#doubles = doubles;
    for (const place of [home, join(home, 'artifacts')]) {
      const mark = await readFile(join(place, POISON_MARK)).catch(() => null);
      if (mark !== null) wrong.push(`wrong bytes were run (${place})`);
      await rm(join(place, POISON_MARK), { force: true });
    }
    wrong.push(...(await this.#wrongArtifacts()));
    for (const dir of [join(home, 'partial'), join(home, 'run'), dirname(script)]) {
      const names = await namesIn(dir);
      if (names.length > FILES_MAX) wrong.push(`${names.length} files in ${dir}: ${names.slice(0, 20).join(' ')}`);
    }
    return wrong;
  }

  /** Every program in a complete artefact has the digest that it was fetched by. */
  async #wrongArtifacts(): Promise<string[]> {
    const wrong: string[] = [];
    const dir = join(this.#box.home, 'artifacts');
    for (const name of (await namesIn(dir)).filter((n) => /^[0-9a-f]{64}$/.test(n))) {
      const isMiner = name === this.#release.miner.sha256;
      for (const file of isMiner ? ['t-rex'] : await namesIn(join(dir, name))) {
        const path = join(dir, name, file);
        const { ino, mtimeMs, size } = await stat(path);
        const key = `${path} ${ino} ${mtimeMs} ${size}`;
        if (this.#checked.has(key)) continue;
        const wanted = isMiner ? this.#release.programSha256 : name;
        if (sha256(await readFile(path)) === wanted) this.#checked.add(key);
        else wrong.push(`artifacts/${name.slice(0, 8)}…/${file} has other bytes`);
      }
    }
    return wrong;
  }
}

async function namesIn(dir: string): Promise<string[]> {
  return await readdir(dir).catch(() => []);
}
