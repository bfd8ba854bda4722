// Checks a release as a mirror gives it: who signed it, how new it is, every byte of every file, and whether the files are of one make.
import { createHash } from 'node:crypto';
import { SpotrigError, messageOf } from '../../platform/errors.ts';
import { HEAD_BYTES, PART_ONE_BYTES, sha256Of } from './head.ts';
import { type HeadDigests, readHead } from './head-digests.ts';
import {
  artifactName,
  isSigned,
  MANIFEST,
  MANIFEST_MAX_BYTES,
  readManifest,
  type ReleaseFile,
  type ReleaseManifest,
  SUMS,
} from './manifest.ts';
import { type Mirror, readWhole } from './mirror.ts';
import { sumsOf } from './publish.ts';
import { Unpacking } from './unpacking.ts';

/** `stale`: what is there is ours, but not the newest. `wrong`: all else. */
export interface Finding {
  kind: 'stale' | 'wrong';
  code: FindingCode;
  /** Path under the release's folder; null: the release as a whole. */
  file: string | null;
  message: string;
}

export type FindingCode =
  | 'manifest_missing'
  | 'manifest_unsigned'
  | 'manifest_wrong'
  | 'key_other'
  | 'signature_wrong'
  | 'expired'
  | 'serial_low'
  | 'file_missing'
  | 'file_wrong'
  | 'file_extra'
  | 'file_unread'
  | 'head_wrong'
  | 'sums_wrong'
  | 'runtime_wrong'
  | 'artifact_unknown';

export interface VerifyOptions {
  mirror: Mirror;
  /** The key that must have signed it; null: whoever did is told, and nothing is proved about them. */
  key: string | null;
  /** The least serial that counts as up to date; null: any. */
  serialAtLeast: number | null;
  nowMs: number;
  /** Whether the runtimes are unpacked and compared with what the head expects. */
  unpack: boolean;
  /** Called before each file is read. */
  onFile?: (file: { name: string; size_bytes: number }) => void;
}

export interface VerifyResult {
  good: boolean;
  where: string;
  /** null where it could not be read, or is not signed as it should be. */
  manifest: ReleaseManifest | null;
  /** Whether the signer was compared with a key that the caller knows. */
  is_key_known: boolean;
  findings: Finding[];
  /** What could not be checked here, in sentences. */
  notes: string[];
}

/** A script or a payload; ours have less than 1 MB. */
const KEPT_MAX_BYTES = 32 * 1024 ** 2;

/** Checks a mirror completely. Findings are results; it throws only where the caller's own part fails. */
export async function verifyRelease(o: VerifyOptions): Promise<VerifyResult> {
  return await new Verification(o).run();
}

class Verification {
  readonly #o: VerifyOptions;
  readonly #findings: Finding[] = [];
  readonly #notes: string[] = [];
  /** Files that are as the manifest says; with their bytes where they are needed again. */
  readonly #good = new Map<string, Buffer | null>();

  constructor(o: VerifyOptions) {
    this.#o = o;
  }

  async run(): Promise<VerifyResult> {
    const manifest = await this.#manifest();
    if (manifest !== null) await this.#files(manifest);
    return {
      good: this.#findings.length === 0,
      where: this.#o.mirror.where,
      manifest,
      is_key_known: this.#o.key !== null,
      findings: this.#findings,
      notes: this.#notes,
    };
  }

  /** Null where nothing else of the mirror is worth a look. */
  async #manifest(): Promise<ReleaseManifest | null> {
    const { mirror, key, serialAtLeast, nowMs } = this.#o;
    let read;
    try {
      const bytes = await readWhole(mirror.read(MANIFEST, { sizeBytes: null, maxBytes: MANIFEST_MAX_BYTES }));
      read = readManifest(bytes);
    } catch (error) {
      if (!(error instanceof SpotrigError)) throw error;
      const code =
        error.code === 'mirror_missing'
          ? 'manifest_missing'
          : error.code === 'manifest_unsigned'
            ? error.code
            : 'manifest_wrong';
      this.#find(code, MANIFEST, messageOf(error));
      return null;
    }
    const { manifest } = read;
    if (key !== null && manifest.key !== key) {
      this.#find('key_other', MANIFEST, `is signed by ${manifest.key}, not by ${key}`);
      return null;
    }
    if (!isSigned(read)) {
      this.#find('signature_wrong', MANIFEST, 'was changed after it was signed: its signature does not fit');
      return null;
    }
    if (key === null) this.#notes.push(`signed by ${manifest.key}: nobody compared that with a key of yours (--key)`);
    if (Date.parse(manifest.expires) <= nowMs)
      this.#find('expired', null, `expired at ${manifest.expires}: put a newer release there`);
    if (serialAtLeast !== null && manifest.serial < serialAtLeast) {
      this.#find(
        'serial_low',
        null,
        `has the serial ${manifest.serial}, and ${serialAtLeast} is out: put the newer release there`,
      );
    }
    return manifest;
  }

  async #files(manifest: ReleaseManifest): Promise<void> {
    // The heads first: they say what the others must be.
    const early = ['loader.sh', 'entrypoint.sh', SUMS];
    for (const name of early) {
      const file = manifest.files.find((f) => f.name === name);
      if (file === undefined) this.#find('manifest_wrong', MANIFEST, `names no ${name}`);
      else await this.#file(file, null);
    }
    const head = this.#head(manifest);
    for (const file of manifest.files) if (!early.includes(file.name)) await this.#file(file, head);
    if (head !== null) this.#oneMake(manifest, head);
    const sums = this.#good.get(SUMS);
    if (sums !== undefined && sums?.toString('utf8') !== sumsOf(manifest.files))
      this.#find('sums_wrong', SUMS, 'does not say what the manifest says');
    await this.#extras(manifest);
    await this.#ranges(manifest);
  }

  async #file(file: ReleaseFile, head: HeadDigests | null): Promise<void> {
    const { name, sha256, size_bytes } = file;
    const { mirror, onFile } = this.#o;
    onFile?.({ name, size_bytes });
    const isKept = !name.startsWith('artifacts/') || sha256 === head?.payload.sha256 || sha256 === head?.partTwo;
    if (isKept && size_bytes > KEPT_MAX_BYTES)
      return this.#find('manifest_wrong', name, `has ${size_bytes} bytes: no release of ours does`);
    const unpacking = await this.#unpackingOf(sha256, head);
    const hash = createHash('sha256');
    const pieces: Buffer[] = [];
    let unread: SpotrigError | null = null;
    try {
      for await (const piece of mirror.read(name, { sizeBytes: size_bytes, maxBytes: size_bytes })) {
        hash.update(piece);
        if (isKept) pieces.push(piece);
        await unpacking?.write(piece);
      }
    } catch (error) {
      if (!(error instanceof SpotrigError)) throw error;
      unread = error;
    }
    const unpacked = await unpacking?.end();
    if (unread !== null) {
      const codes: Record<string, FindingCode> = { mirror_missing: 'file_missing', mirror_size: 'file_wrong' };
      return this.#find(codes[unread.code] ?? 'file_unread', name, messageOf(unread));
    }
    if (hash.digest('hex') !== sha256) return this.#find('file_wrong', name, 'has other bytes than the manifest says');
    this.#good.set(name, isKept ? Buffer.concat(pieces) : null);
    if (unpacking === null || head === null) return;
    if (unpacked?.sha256 !== head.node.sha256 || unpacked.size_bytes !== head.node.size_bytes) {
      this.#find('runtime_wrong', name, 'does not unpack to the Node that the scripts expect');
    }
  }

  async #unpackingOf(sha256: string, head: HeadDigests | null): Promise<Unpacking | null> {
    if (head === null || !this.#o.unpack) return null;
    if (sha256 === head.gz.sha256) return Unpacking.gzip(head.node.size_bytes);
    if (sha256 !== head.xz?.sha256) return null;
    const unpacking = await Unpacking.xz(head.node.size_bytes);
    if (unpacking === null)
      this.#notes.push('this machine has no xz: the xz runtime was checked by its digest, and not unpacked');
    return unpacking;
  }

  /** What the scripts bake in; null where they are not good, or not of one make with the manifest. */
  #head(manifest: ReleaseManifest): HeadDigests | null {
    const loader = this.#good.get('loader.sh');
    if (loader === undefined || loader === null) return null;
    try {
      const head = readHead(loader);
      for (const [what, file] of Object.entries({
        'part two': head.partTwo,
        payload: head.payload.sha256,
        'xz runtime': head.xz?.sha256,
        'gzip runtime': head.gz.sha256,
      })) {
        const isListed =
          file === undefined ||
          manifest.files.some(({ sha256, name }) => sha256 === file && name === artifactName(sha256));
        if (!isListed)
          this.#find('head_wrong', 'loader.sh', `asks for a ${what} that the release does not have (${file})`);
      }
      return head;
    } catch (error) {
      this.#find('head_wrong', 'loader.sh', messageOf(error));
      return null;
    }
  }

  #oneMake(manifest: ReleaseManifest, head: HeadDigests): void {
    const loader = this.#good.get('loader.sh') ?? Buffer.alloc(0);
    if (sha256Of(loader.subarray(PART_ONE_BYTES)) !== head.partTwo)
      this.#find('head_wrong', 'loader.sh', 'part one names another part two than it has');
    const entrypoint = this.#good.get('entrypoint.sh');
    if (entrypoint !== undefined && entrypoint !== null) {
      if (!entrypoint.subarray(0, HEAD_BYTES).equals(loader))
        this.#find('head_wrong', 'entrypoint.sh', 'begins with another head than loader.sh');
      if (sha256Of(entrypoint.subarray(HEAD_BYTES)) !== head.payload.sha256)
        this.#find('head_wrong', 'entrypoint.sh', 'carries another payload than its head names');
    }
    const payload = this.#good.get(artifactName(head.payload.sha256));
    if (payload === undefined || payload === null) return;
    const own = [head.partTwo, head.payload.sha256, head.xz?.sha256, head.gz.sha256];
    for (const { name, sha256, until, what } of manifest.files) {
      if (!name.startsWith('artifacts/') || until !== undefined || own.includes(sha256) || payload.includes(sha256))
        continue;
      this.#find('artifact_unknown', name, `no worker of this release ever asks for it (${what})`);
    }
  }

  async #extras(manifest: ReleaseManifest): Promise<void> {
    const there = await this.#o.mirror.list();
    if (there === null) {
      this.#notes.push('an address does not say what else it serves: files too many are found in a folder only');
      return;
    }
    const named = new Set([...manifest.files.map(({ name }) => name), MANIFEST, 'artifacts']);
    for (const name of there) if (!named.has(name)) this.#find('file_extra', name, 'is no file of this release');
  }

  async #ranges(manifest: ReleaseManifest): Promise<void> {
    const largest = manifest.files
      .toSorted((a, b) => b.size_bytes - a.size_bytes)
      .find(({ name }) => this.#good.has(name));
    if (largest === undefined || largest.size_bytes < 3) return;
    try {
      if ((await this.#o.mirror.givesRanges(largest.name, largest.size_bytes)) !== false) return;
      this.#notes.push('gives whole files only (no byte ranges): a worker on a bad link starts each download over');
    } catch (error) {
      if (!(error instanceof SpotrigError)) throw error;
      this.#find('file_unread', largest.name, messageOf(error));
    }
  }

  #find(code: FindingCode, file: string | null, message: string): void {
    this.#findings.push({ kind: code === 'expired' || code === 'serial_low' ? 'stale' : 'wrong', code, file, message });
  }
}
