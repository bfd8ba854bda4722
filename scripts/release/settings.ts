// release.toml: what is baked into a release besides the code.
import { readFile } from 'node:fs/promises';
import { parse } from 'smol-toml';
import * as z from 'zod';
import { SpotrigError } from '../../platform/errors.ts';

// Both end up as bare words in bash, so their alphabet is the check that keeps the head's quoting sound.
const Mirror = z
  .string()
  .regex(/^https?:\/\/[A-Za-z0-9._:[\]-]+(\/[A-Za-z0-9._~%@+-]+)*\/?$/, 'must be a plain http(s) base URL')
  .max(200)
  .transform((url) => url.replace(/\/$/, ''));
const NodeFlag = z.string().regex(/^--[a-z0-9-]+(=[A-Za-z0-9._,-]+)?$/, 'must be a plain --flag or --flag=value');

const ReleaseSettings = z.strictObject({
  mirrors: z.array(Mirror).max(16),
  node_flags: z.array(NodeFlag).max(16),
});
export type ReleaseSettings = z.infer<typeof ReleaseSettings>;

/** Takes the text of a release.toml apart; throws `release_settings` with every complaint in one message. */
export function parseReleaseSettings(text: string, path: string): ReleaseSettings {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new SpotrigError('release_settings', `${path} is not TOML: ${String(error)}`, { cause: error });
  }
  const checked = ReleaseSettings.safeParse(value);
  if (!checked.success) {
    throw new SpotrigError('release_settings', `${path}:\n${z.prettifyError(checked.error)}`);
  }
  return checked.data;
}

/** Reads a release.toml from disk. */
export async function readReleaseSettings(path: string): Promise<ReleaseSettings> {
  return parseReleaseSettings(await readFile(path, 'utf8'), path);
}
