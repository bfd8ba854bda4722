// Archives made on the fly, sound and hostile ones.
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { pack, type Header } from 'tar-stream';

export interface PackedFile {
  name: string;
  content?: Buffer | string;
  type?: Header['type'];
  linkname?: string;
  /** What the header says instead of the content's own size. */
  claimedSize?: number;
  /** Type flag of the header, for kinds that no packer makes. */
  flag?: string;
  /** PAX records that come before the entry; they have the last word. */
  pax?: Record<string, string>;
}

/** A tar of these entries. */
export async function tar(files: readonly PackedFile[]): Promise<Buffer> {
  const packing = pack();
  for (const { name, content = '', type = 'file', linkname, pax } of files) {
    if (type === 'file') packing.entry({ name, type, mode: 0o644, ...(pax === undefined ? {} : { pax }) }, content);
    else packing.entry({ name, type, ...(linkname === undefined ? {} : { linkname }) });
  }
  packing.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of packing as AsyncIterable<Buffer>) chunks.push(chunk);
  const whole = Buffer.concat(chunks);
  for (const { name, claimedSize, flag } of files) {
    if (claimedSize !== undefined) forge(whole, name, 124, `${claimedSize.toString(8).padStart(11, '0')}\0`);
    if (flag !== undefined) forge(whole, name, 156, flag);
  }
  return whole;
}

/** A gzipped tar of these entries. */
export async function tarGz(files: readonly PackedFile[]): Promise<Buffer> {
  return gzipSync(await tar(files));
}

/** Writes into a header, at an offset of the ustar format, and mends its checksum (at 148). */
function forge(archive: Buffer, name: string, offset: number, text: string): void {
  const at = archive.indexOf(name);
  archive.write(text, at + offset, 'latin1');
  archive.fill(' ', at + 148, at + 156);
  const sum = archive.subarray(at, at + 512).reduce((a, b) => a + b, 0);
  archive.write(`${sum.toString(8).padStart(6, '0')}\0 `, at + 148, 'latin1');
}

export interface ZippedFile {
  name: string;
  content: Buffer | string;
  stored?: boolean;
  /** Unix mode with file type bits. */
  mode?: number;
  method?: number;
  encrypted?: boolean;
  claimedSize?: number;
  crc?: number;
  /** Name in the entry's own header, where it differs from the directory's. */
  localName?: string;
}

/** A zip of these entries, with a comment at its end. */
export function zip(files: readonly ZippedFile[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const file of files) {
    const plain = Buffer.from(file.content);
    const packed = file.stored === true ? plain : deflateRawSync(plain);
    const name = Buffer.from(file.name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(file.encrypted === true ? 1 : 0, 2);
    common.writeUInt16LE(file.method ?? (file.stored === true ? 0 : 8), 4);
    common.writeUInt32LE(file.crc ?? crc32(plain), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(file.claimedSize ?? plain.length, 18);
    common.writeUInt16LE(name.length, 22);
    const localName = Buffer.from(file.localName ?? file.name);
    const ownHeader = Buffer.from(common);
    ownHeader.writeUInt16LE(localName.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), ownHeader, localName, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(((file.mode ?? 0o100755) << 16) >>> 0, 6);
    tail.writeUInt32LE(at, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, tail, name);
    locals.push(local);
    at += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(at, 16);
  const comment = Buffer.from('made by a test');
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, central, end, comment]);
}
