import { execa } from 'execa';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { composeStandIn, filesOf, MADE_S, newKey, publishStandIn } from '../../test/fakes/release.ts';
import { sha256Of } from './head.ts';
import { KEPT_DAYS } from './publish.ts';
import { readRelease } from './read-release.ts';
import type { Composed } from './release.ts';

const { key } = newKey();
const archive = Buffer.alloc(200_000, 'archive');
let first: Composed;
let second: Composed;
let dir: string;

beforeAll(async () => {
  first = await composeStandIn();
  second = await composeStandIn({ word: 'other' });
});
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-publish-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function archiveFile() {
  const path = join(dir, 'archive');
  await writeFile(path, archive);
  return { path, sha256: sha256Of(archive), size_bytes: archive.length, what: 'miner 1.0' };
}

describe('publish', () => {
  it('writes the same bytes twice, into a new folder and over the old one', async () => {
    const extras = [await archiveFile()];
    await publishStandIn({ out: join(dir, 'a'), composed: first, key, extras });
    await publishStandIn({ out: join(dir, 'b'), composed: await composeStandIn(), key, extras });
    const a = await filesOf(join(dir, 'a'));
    expect(await filesOf(join(dir, 'b'))).toEqual(a);
    const previous = await readRelease(join(dir, 'a'));
    await publishStandIn({ out: join(dir, 'a'), composed: first, key, extras, previous });
    expect(await filesOf(join(dir, 'a'))).toEqual(a);
  });

  it('writes sums that sha256sum takes, over all but themselves and the manifest', async () => {
    const out = join(dir, 'a');
    await publishStandIn({ out, composed: first, key, extras: [await archiveFile()] });
    const { stdout } = await execa('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: out });
    const names = stdout.split('\n').map((line) => line.replace(': OK', ''));
    expect([...names, 'SHA256SUMS', 'manifest.json'].sort()).toEqual([...(await filesOf(out)).keys()].sort());
  });

  it('keeps what workers of the release before may need, for as long as they may live', async () => {
    const out = join(dir, 'a');
    const old = await publishStandIn({ out, composed: first, key, serial: 1 });
    const artifacts = (names: { name: string }[]): string[] => names.map(({ name }) => name).filter((name) => name.startsWith('artifacts/')); // prettier-ignore
    const next = await publishStandIn({ out, composed: second, key, serial: 2, previous: old });
    const kept = next.files.filter(({ until }) => until !== undefined);
    expect(kept.map(({ name }) => name)).toEqual(artifacts(old.files).filter((name) => !artifacts(second.files).includes(name))); // prettier-ignore
    expect(kept.length).toBeGreaterThan(1);
    expect(kept[0]?.until).toBe(new Date((MADE_S + KEPT_DAYS * 86_400) * 1000).toISOString());
    for (const { name } of kept) expect((await filesOf(out)).has(name)).toBe(true);

    // The third keeps both; made after the first one's time, it lets that go.
    const soon = await publishStandIn({
      out,
      composed: { ...second, version: '9' },
      key,
      serial: 3,
      previous: next,
      made_s: MADE_S + 60,
    });
    expect(soon.files.filter(({ until }) => until !== undefined)).toEqual(kept);
    const made_s = MADE_S + KEPT_DAYS * 86_400;
    const late = await publishStandIn({
      out,
      composed: { ...second, version: '10' },
      key,
      serial: 4,
      previous: soon,
      made_s,
    });
    expect(late.files.filter(({ until }) => until !== undefined)).toEqual([]);
    expect((await readdir(join(out, 'artifacts'))).sort()).toEqual(artifacts(late.files).map((name) => name.slice(10)).sort()); // prettier-ignore
  });

  it('keeps nothing that is damaged', async () => {
    const out = join(dir, 'a');
    const previous = await publishStandIn({ out, composed: first, key, serial: 1 });
    for (const { name } of previous.files)
      if (name.startsWith('artifacts/')) await writeFile(join(out, name), 'damaged');
    const next = await publishStandIn({ out, composed: second, key, serial: 2, previous });
    expect(next.files.filter(({ until }) => until !== undefined)).toEqual([]);
  });

  it('never goes back, and gives no serial to two releases', async () => {
    const out = join(dir, 'a');
    const previous = await publishStandIn({ out, composed: first, key, serial: 5 });
    const before = await filesOf(out);
    await expect(publishStandIn({ out, composed: first, key, serial: 4, previous })).rejects.toThrow(
      'give --serial 6 or more',
    );
    await expect(publishStandIn({ out, composed: second, key, serial: 5, previous })).rejects.toThrow(
      'another release with the serial 5',
    );
    expect(await filesOf(out)).toEqual(before);
  });

  it('leaves the manifest before in its place when it cannot finish, and is finished by the next run', async () => {
    const out = join(dir, 'a');
    const previous = await publishStandIn({ out, composed: first, key, serial: 1 });
    const before = await filesOf(out);
    // A folder in the way of SHA256SUMS: the last step before the manifest.
    await rm(join(out, 'SHA256SUMS'));
    await mkdir(join(out, 'SHA256SUMS'));
    await expect(publishStandIn({ out, composed: second, key, serial: 2, previous })).rejects.toThrow();
    const between = await filesOf(out);
    expect(between.get('manifest.json')).toEqual(before.get('manifest.json'));
    for (const name of [...before.keys()].filter((name) => name.startsWith('artifacts/'))) {
      expect(between.get(name)).toEqual(before.get(name));
    }
    await rm(join(out, 'SHA256SUMS'), { recursive: true });
    const next = await publishStandIn({ out, composed: second, key, serial: 2, previous });
    expect([...(await filesOf(out)).keys()].sort()).toEqual(
      [...next.files.map(({ name }) => name), 'manifest.json'].sort(),
    );
  });

  it('refuses an archive that is not the one that was found', async () => {
    const extra = await archiveFile();
    await writeFile(extra.path, 'other bytes');
    const out = join(dir, 'a');
    await expect(publishStandIn({ out, composed: first, key, extras: [extra] })).rejects.toThrow(
      'changed while it was copied',
    );
    expect(await readdir(join(out, 'artifacts'))).toEqual([]);
    expect(await readRelease(out)).toBeNull();
  });
});
