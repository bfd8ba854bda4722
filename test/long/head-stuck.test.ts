// A worker that never gets to Node is seen: what the head says before Node runs, at the real collector and in what the page reads.
import { cp, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import type { Manifest } from '../../scripts/release/manifest.ts';
import { startFleet, until } from '../rig/fleet.ts';

/** The release that the tests boot, in a folder of its own, and what moves an artefact out of it and back. */
async function copyRelease(): Promise<{ dir: string; move(what: RegExp, away: boolean): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-stuck-'));
  await cp(inject('releaseDir'), dir, { recursive: true });
  const { files } = JSON.parse(await readFile(join(dir, 'manifest.json'), 'utf8')) as Manifest;
  const move = async (what: RegExp, away: boolean): Promise<void> => {
    for (const { name, what: words } of files) {
      if (!name.startsWith('artifacts/') || !what.test(words)) continue;
      const [here, there] = [join(dir, name), join(dir, name.replace('/', '-'))];
      await (away ? rename(here, there) : rename(there, here));
    }
  };
  return { dir, move };
}

it.concurrent.each([
  ['runtime', /Node runtime/, 'entrypoint.sh'],
  ['payload', /payload/, 'loader.sh'],
])('a mirror without the %s: stuck at that stage, and hashing once it is there', async (stage, what, script) => {
  const release = await copyRelease();
  await release.move(what, true);
  const fleet = await startFleet({ releaseDir: release.dir, minerFlags: ['--practice-throttle-hs', '30000'], script });
  try {
    const row = await until('a stuck worker', 30_000, async () => {
      const now = await fleet.row();
      return now?.state === 'stuck' ? now : null;
    });
    expect(row.last_event).toMatchObject({ event: 'hello', level: 'error' });
    expect(row.last_event?.detail).toContain(stage);
    await release.move(what, false);
    await until('a hashing worker', 80_000, async () => ((await fleet.row())?.state === 'hashing' ? true : null));
  } finally {
    await fleet.close();
    await rm(release.dir, { recursive: true, force: true });
  }
});
