// Strips an ELF executable without binutils, so that every machine makes the same bytes. The kernel and the dynamic
// loader read the program headers only; section headers, symbol and debug tables lie behind the last loaded byte.
// Field offsets: ELF-64 Object File Format, version 1.5, figures 2 and 6.
import { SpotrigError } from '../../platform/errors.ts';

const EHDR_BYTES = 64;
const PHDR_BYTES = 56;

/** The same program without section headers and without what is behind its last segment. Throws `not_elf64`. */
export function stripElf(file: Buffer): Buffer {
  const isElf64Le = file.length >= EHDR_BYTES && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
  if (!isElf64Le) throw new SpotrigError('not_elf64', 'not a 64-bit little-endian ELF file');
  const phoff = Number(file.readBigUInt64LE(32));
  const phentsize = file.readUInt16LE(54);
  const phnum = file.readUInt16LE(56);
  const phend = phoff + phnum * PHDR_BYTES;
  if (phentsize !== PHDR_BYTES || phnum === 0 || phend > file.length) {
    throw new SpotrigError('not_elf64', `no usable program headers (${phnum} of ${phentsize} bytes at ${phoff})`);
  }
  let end = Math.max(EHDR_BYTES, phend);
  for (let at = phoff; at < phend; at += PHDR_BYTES) {
    end = Math.max(end, Number(file.readBigUInt64LE(at + 8)) + Number(file.readBigUInt64LE(at + 32)));
  }
  if (end > file.length) {
    throw new SpotrigError('not_elf64', `cut short: segments reach byte ${end}, the file has ${file.length}`);
  }
  const stripped = Buffer.from(file.subarray(0, end));
  stripped.writeBigUInt64LE(0n, 40); // e_shoff
  stripped.writeUInt16LE(0, 60); // e_shnum
  stripped.writeUInt16LE(0, 62); // e_shstrndx
  return stripped;
}
