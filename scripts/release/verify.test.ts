import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { composeStandIn, EXPIRES, filesOf, memoryMirror, newKey, publishStandIn } from '../../test/fakes/release.ts';
import { fillHead, sha256Of } from './head.ts';
import { type ReleaseManifest, signManifest } from './manifest.ts';
import { openMirror } from './mirror.ts';
import { sumsOf } from './publish.ts';
import { verifyRelease, type VerifyOptions, type VerifyResult } from './verify.ts';

const { key, publicText } = newKey();
const archive = Buffer.from('a miner’s archive');
const miner = {
  ...{ miner: 't-rex', version: '0.26.8', url: 'http://m.example/t-rex.tar.gz', sha256: sha256Of(archive) },
  ...{ size_bytes: archive.length, unpacked_bytes: null, archive: 'tar.gz', member: 't-rex' },
};

let dir: string;
let files: Map<string, Buffer>;
let manifest: ReleaseManifest;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-verify-'));
  await writeFile(join(dir, 'archive'), archive);
  const extra = { path: join(dir, 'archive'), sha256: miner.sha256, size_bytes: archive.length, what: 't-rex' };
  const composed = await composeStandIn({ miners: [miner] });
  manifest = await publishStandIn({ out: join(dir, 'release'), composed, key, extras: [extra] });
  files = await filesOf(join(dir, 'release'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const before = Date.parse(EXPIRES) - 1;

function verify(of: ReadonlyMap<string, Buffer>, more: Partial<VerifyOptions> = {}): Promise<VerifyResult> {
  return verifyRelease({
    mirror: memoryMirror(of),
    key: publicText,
    serialAtLeast: null,
    nowMs: before,
    unpack: true,
    ...more,
  });
}

function codes({ findings }: VerifyResult): string[] {
  return findings.map(({ code, file, kind }) => `${kind} ${code} ${file ?? '-'}`);
}

function changed(name: string, bytes: Buffer): Map<string, Buffer> {
  return new Map(files).set(name, bytes);
}

function flipped(name: string, at: number, bit: number): Map<string, Buffer> {
  const bytes = Buffer.from(files.get(name) ?? '');
  bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
  return changed(name, bytes);
}

/** The same release with other files, signed anew: what a broken maker would publish. */
function resigned(change: (all: Map<string, Buffer>) => void): Map<string, Buffer> {
  const all = new Map(files);
  change(all);
  const named = manifest.files.flatMap((file) => {
    const bytes = all.get(file.name);
    return bytes === undefined ? [] : [{ ...file, sha256: sha256Of(bytes), size_bytes: bytes.length }];
  });
  return all.set('manifest.json', signManifest({ ...manifest, files: named }, key));
}

describe('verifyRelease', () => {
  it('finds nothing wrong with a release, in a folder too', async () => {
    const result = await verify(files);
    expect(result.findings).toEqual([]);
    expect(result).toMatchObject({ good: true, is_key_known: true, notes: [], manifest: { serial: 7 } });
    const inFolder = await verify(files, { mirror: openMirror(join(dir, 'release')) });
    expect(inFolder).toMatchObject({ good: true, findings: [] });
  });

  it('finds a flipped bit at every position of the manifest and the sums', async () => {
    for (const name of ['manifest.json', 'SHA256SUMS']) {
      const { length } = files.get(name) ?? Buffer.alloc(0);
      expect(length).toBeGreaterThan(500);
      for (let at = 0; at < length; at++) {
        const result = await verify(flipped(name, at, at % 8), { unpack: false });
        if (result.good) throw new Error(`bit ${at % 8} of byte ${at} of ${name} is not seen`);
      }
    }
  }, 60_000);

  it('finds a flipped bit anywhere in any file, and says in which', async () => {
    const anywhere = fc.constantFrom(...files.keys()).chain((name) =>
      fc.record({
        name: fc.constant(name),
        at: fc.nat({ max: (files.get(name)?.length ?? 1) - 1 }),
        bit: fc.nat({ max: 7 }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(anywhere, async ({ name, at, bit }) => {
        const result = await verify(flipped(name, at, bit), { unpack: false });
        expect(result.good).toBe(false);
        expect(result.findings.map(({ file }) => file)).toContain(name);
      }),
      { numRuns: 400 },
    );
  }, 60_000);

  it('finds every file that is missing, cut, longer or too many', async () => {
    for (const name of files.keys()) {
      const without = new Map(files);
      without.delete(name);
      const expected = name === 'manifest.json' ? 'wrong manifest_missing' : 'wrong file_missing';
      expect(codes(await verify(without, { unpack: false }))).toContain(`${expected} ${name}`);
      const bytes = files.get(name) ?? Buffer.alloc(0);
      const wrong = name === 'manifest.json' ? /^wrong (manifest|signature)_wrong manifest/ : /^wrong file_wrong /;
      for (const other of [bytes.subarray(0, -1), Buffer.concat([bytes, Buffer.from('x')]), Buffer.alloc(0)]) {
        expect(
          (await verify(changed(name, other), { unpack: false })).findings
            .map((f) => `${f.kind} ${f.code} ${f.file}`)
            .join(),
        ).toMatch(wrong);
      }
    }
    expect(codes(await verify(changed('notes.txt', archive)))).toEqual(['wrong file_extra notes.txt']);
  });

  it('sees in a folder what is no plain file, and what lies beside', async () => {
    const folder = join(dir, 'untidy');
    await publishStandIn({ out: folder, composed: await composeStandIn(), key });
    await mkdir(join(folder, 'page'));
    await rm(join(folder, 'loader.sh'));
    await symlink('entrypoint.sh', join(folder, 'loader.sh'));
    expect(codes(await verify(files, { mirror: openMirror(folder) }))).toEqual([
      'wrong file_unread loader.sh',
      'wrong file_extra page',
    ]);
  });

  it('takes no other key, no changed key and no build', async () => {
    const other = newKey();
    expect(codes(await verify(files, { key: other.publicText }))).toEqual(['wrong key_other manifest.json']);
    const forged = new Map(files).set('manifest.json', signManifest(manifest, other.key));
    expect(codes(await verify(forged))).toEqual(['wrong key_other manifest.json']);
    const renamed = Buffer.from((files.get('manifest.json') ?? '').toString().replace(publicText, other.publicText));
    expect(codes(await verify(changed('manifest.json', renamed), { key: null }))).toEqual([
      'wrong signature_wrong manifest.json',
    ]);
    const build = Buffer.from(JSON.stringify({ version: '1', node: '24', files: [] }));
    expect(codes(await verify(changed('manifest.json', build)))).toEqual(['wrong manifest_unsigned manifest.json']);
  });

  it('says that nobody vouches for the signer where no key is given', async () => {
    const result = await verify(files, { key: null });
    expect(result).toMatchObject({ good: true, is_key_known: false });
    expect(result.notes.join()).toContain(`signed by ${publicText}`);
  });

  it('calls an expired release and a lower serial stale', async () => {
    expect(codes(await verify(files, { nowMs: before + 1 }))).toEqual(['stale expired -']);
    expect(codes(await verify(files, { serialAtLeast: 8 }))).toEqual(['stale serial_low -']);
    expect((await verify(files, { serialAtLeast: 7 })).good).toBe(true);
  });

  it('finds files that are well signed, but not of one make', async () => {
    const loader = files.get('loader.sh') ?? Buffer.alloc(0);
    const entrypoint = files.get('entrypoint.sh') ?? Buffer.alloc(0);
    const last = entrypoint.length - 1;
    const cases: [(all: Map<string, Buffer>) => void, string][] = [
      [
        (all) => all.set('entrypoint.sh', Buffer.concat([entrypoint.subarray(0, last), Buffer.from('x')])),
        'wrong head_wrong entrypoint.sh',
      ],
      [
        (all) => all.set('entrypoint.sh', Buffer.concat([Buffer.from('#!/bin/bush'), entrypoint.subarray(11)])),
        'wrong head_wrong entrypoint.sh',
      ],
      [
        (all) => all.set('loader.sh', Buffer.concat([loader.subarray(0, -3), Buffer.from(' x\n')])),
        'wrong head_wrong loader.sh',
      ],
      [(all) => all.set('loader.sh', Buffer.from('#!/bin/sh\n')), 'wrong head_wrong loader.sh'],
      [(all) => all.set('SHA256SUMS', Buffer.from(sumsOf(manifest.files).slice(0, 80))), 'wrong sums_wrong SHA256SUMS'],
      [(all) => all.delete('loader.sh'), 'wrong manifest_wrong manifest.json'],
    ];
    for (const [change, finding] of cases) expect(codes(await verify(resigned(change)))).toContain(finding);
    for (const file of manifest.files.filter(({ name, what }) => name.startsWith('artifacts/') && what !== 't-rex')) {
      expect(codes(await verify(resigned((all) => all.delete(file.name))))).toContain('wrong head_wrong loader.sh');
    }
  });

  it('unpacks the runtimes, and finds one that is another than the scripts expect', async () => {
    const composed = await composeStandIn();
    const others = await composeStandIn({ word: 'other' });
    // Scripts of the one, runtimes of the other: fillHead is given digests that do not belong together.
    const runtimes = others.files.filter(({ what }) => what.startsWith('Node runtime'));
    const payload = composed.files.find(({ what }) => what.startsWith('payload'));
    const baked = (bytes: Buffer | undefined) => ({ sha256: sha256Of(bytes ?? ''), size_bytes: bytes?.length ?? 0 });
    const [xz, gz] = [
      runtimes.find(({ what }) => what.endsWith('xz')),
      runtimes.find(({ what }) => what.endsWith('gzip')),
    ];
    const templates = { partOne: '#!/bin/bash\n{\nd=@PART_TWO_SHA256@\n}', partTwo: PART_TWO };
    const { head, partTwo } = fillHead(templates, {
      ...{ mirrors: [], nodeFlags: [], payload: baked(payload?.bytes), node: baked(Buffer.alloc(19_200)) },
      ...{ xz: xz === undefined ? null : baked(xz.bytes), gz: baked(gz?.bytes) },
    });
    const mixed = [
      ...(payload === undefined ? [] : [payload]),
      ...runtimes,
      { name: `artifacts/${sha256Of(partTwo)}`, bytes: partTwo, what: 'part two', mode: 0o644 },
      { name: 'loader.sh', bytes: head, what: 'head', mode: 0o755 },
      {
        name: 'entrypoint.sh',
        bytes: Buffer.concat([head, payload?.bytes ?? Buffer.alloc(0)]),
        what: 'whole',
        mode: 0o755,
      },
    ];
    await publishStandIn({ out: join(dir, 'mixed'), composed: { ...composed, files: mixed }, key });
    const result = await verify(await filesOf(join(dir, 'mixed')));
    expect(codes(result)).toEqual(runtimes.map(({ name }) => `wrong runtime_wrong ${name}`));
    expect((await verify(await filesOf(join(dir, 'mixed')), { unpack: false })).good).toBe(true);
  });

  it('finds an archive that no worker of this release knows', async () => {
    const extra = { path: join(dir, 'archive'), sha256: miner.sha256, size_bytes: archive.length, what: 't-rex' };
    await publishStandIn({ out: join(dir, 'unknown'), composed: await composeStandIn(), key, extras: [extra] });
    expect(codes(await verify(await filesOf(join(dir, 'unknown'))))).toEqual([
      `wrong artifact_unknown artifacts/${miner.sha256}`,
    ]);
  });
});

/** The lines of part two that verify reads. */
const PART_TWO = `{
main=@PAYLOAD_SHA256@
node=@NODE_SHA256@
tail -c+@PAYLOAD_START@ "$f"|head -c@PAYLOAD_BYTES@>$new/main.cjs
case $z in
xz*|*lzma)set -- @XZ_SHA256@ @XZ_BYTES@;;
*)set -- @GZ_SHA256@ @GZ_BYTES@
esac
get "$1" "$2" "$z" $new/node $node @NODE_BYTES@
exit
}`;
