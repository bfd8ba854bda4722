// The pinned releases of miners: releases.json, written by `npx spotrig pin`. Nothing is ever run that is not of a digest in here
// (or that the renter put into the image himself).
import * as z from 'zod/mini';
import { Count, Name, Sha256 } from '../wire/fields.ts';

/** `plain`: no archive at all, the file is the program. */
export const ARCHIVE_KINDS = ['tar.gz', 'tar.xz', 'zip', 'plain'] as const;
export type ArchiveKind = (typeof ARCHIVE_KINDS)[number];

export const MinerRelease = z.object({
  miner: Name,
  version: z.string().check(z.regex(/^[0-9A-Za-z][0-9A-Za-z.+-]{0,39}$/)),
  /** Where the miner's own project publishes the archive; mirrors are asked first. null: only mirrors have it. */
  url: z.nullable(z.string().check(z.regex(/^https?:\/\/\S+$/))),
  /** Of the archive. */
  sha256: Sha256,
  /** Of the archive; null where only the digest is known. */
  size_bytes: z.nullable(Count),
  /** Of the program; null where not known. */
  unpacked_bytes: z.nullable(Count),
  archive: z.enum(ARCHIVE_KINDS),
  /** The program's path inside the archive: relative, without `..`. Of a plain one, the name it gets. */
  member: z.string().check(z.regex(/^(?!\/)(?!(?:.*\/)?\.{1,2}(?:\/|$))[\x21-\x7e]{1,200}(?<!\/)$/)),
});
export type MinerRelease = z.infer<typeof MinerRelease>;

/** releases.json. */
export const MinerReleases = z.array(MinerRelease);
