// images/<name>/size.toml: how large an image may be.
import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import * as z from 'zod';
import { SpotrigError, messageOf } from '../../platform/errors.ts';

/** CCR takes no larger image (facts: 600 MB, "uncompressed", as `docker image ls` shows it). */
export const LIMIT_BYTES = 600_000_000;
/** From this share of the limit on it is warned. */
export const WARN_PERCENT = 95;

const SizePolicy = z.strictObject({
  limit_bytes: z.int().positive().default(LIMIT_BYTES),
  warn_percent: z.number().positive().max(100).default(WARN_PERCENT),
  /** More bytes that are deleted, overwritten or there twice are a warning; absent: any number is let pass. */
  waste_bytes_max: z.int().nonnegative().optional(),
});
export type SizePolicy = z.infer<typeof SizePolicy>;

/** Takes the text of a size.toml apart; throws `size_policy` with every complaint in one message. */
export function parseSizePolicy(text: string, path: string): SizePolicy {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new SpotrigError('size_policy', `${path} is not TOML: ${messageOf(error)}`, { cause: error });
  }
  const checked = SizePolicy.safeParse(value);
  if (!checked.success) throw new SpotrigError('size_policy', `${path}:\n${z.prettifyError(checked.error)}`);
  return checked.data;
}

/** Reads a size.toml from disk; throws `size_policy`. */
export async function readSizePolicy(path: string): Promise<SizePolicy> {
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new SpotrigError('size_policy', `cannot read the size policy ${path}`, { cause: error });
  }
  return parseSizePolicy(text, path);
}
