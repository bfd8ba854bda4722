// Archives for a build where the real ones cannot be had: named stand-ins, packed like the real ones, and never pushed.
// The miner's is the practice miner (test/rig), which mines sha256d for real; frpc's is the real frpc, built from its Go module.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { SpotrigError } from '../../platform/errors.ts';
import { frpBinaries, frpMissing } from '../../test/frp/binaries.ts';
import { bundlePracticeMiner } from '../../test/rig/bundle.ts';
import { sha256Of } from '../release/head.ts';
import type { BakedArchive } from './archives.ts';
import type { Baked } from './catalogue.ts';

/** A shell reads the second line as a command, Node as a string and a comment: one file that starts itself with the image's Node. */
const SELF_START = `#!/bin/sh\n":" //; exec /var/lib/spotrig/artifacts/*/node "$0" "$@"\n`;

/** Makes the stand-in for this kind; throws `image_stand_in` where it cannot be made here. */
export async function standIn(kind: Baked): Promise<BakedArchive> {
  return kind === 'miner' ? await practiceMiner() : await builtFrpc();
}

/** The practice miner as one executable file, for a container of the worker image. */
export async function practiceMinerProgram(): Promise<Buffer> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-stand-in-'));
  try {
    const bundle = join(dir, 'practice-miner.cjs');
    await bundlePracticeMiner(bundle);
    return Buffer.concat([Buffer.from(SELF_START), await readFile(bundle)]);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function practiceMiner(): Promise<BakedArchive> {
  const content = await practiceMinerProgram();
  return await packed({ program: 't-rex', asset: 'stand-in-t-rex.tar.gz', member: 't-rex', content });
}

async function builtFrpc(): Promise<BakedArchive> {
  const missing = await frpMissing();
  if (missing !== null) throw new SpotrigError('image_stand_in', `no stand-in for frp's archive: ${missing}`);
  const content = await readFile((await frpBinaries()).frpc);
  return await packed({ program: 'frpc', asset: 'stand-in-frp.tar.gz', member: 'stand-in-frp/frpc', content });
}

async function packed(o: { program: string; asset: string; member: string; content: Buffer }): Promise<BakedArchive> {
  const packing = pack();
  packing.entry({ name: o.member, mode: 0o755, mtime: new Date(0) }, o.content);
  packing.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packing as AsyncIterable<Buffer>) chunks.push(chunk);
  const bytes = gzipSync(Buffer.concat(chunks), { level: 1 });
  return { program: o.program, asset: o.asset, bytes, sha256: sha256Of(bytes), member: o.member };
}
