// Which images of ours CCR holds, and when an order last reset their life there: a small JSON file on this machine.
import { dirname } from 'node:path';
import * as z from 'zod';
import { makeDir, readTextIfPresent, writeFileDurable } from '../../platform/durable-file.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { ImageId } from './body.ts';

/** Where the ledger is, if nothing else is said. */
export const CCR_LEDGER = './var/ccr.json';
/** CCR drops an image that no order used for so long (facts/gigaspot.md). */
const TTL_MS = 30 * 24 * 3600 * 1000;
const FILE_MAX_BYTES = 1024 * 1024;

export const ImageName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/:-]{0,99}$/, 'letters, digits and . _ / : -, a letter or digit first')
  .refine((name) => !/^[0-9a-f]{24}$/.test(name), 'must not look like a CCR id');

const Image = z.strictObject({
  name: ImageName,
  id: ImageId,
  added_at: z.iso.datetime(),
  /** null: no order used it as far as this ledger knows. */
  last_order_at: z.iso.datetime().nullable(),
});
export type Image = z.infer<typeof Image>;

const Ledger = z.strictObject({ v: z.literal(1), images: z.array(Image).max(1000) });

/** Reads the ledger; [] where there is none. Throws `ledger_damaged`. */
export async function readLedger(path: string): Promise<Image[]> {
  const text = await readTextIfPresent(path, FILE_MAX_BYTES);
  if (text === null) return [];
  try {
    return Ledger.parse(JSON.parse(text)).images;
  } catch (error) {
    throw new SpotrigError('ledger_damaged', `${path} cannot be read: mend it, or move it away`, { cause: error });
  }
}

export async function writeLedger(path: string, images: readonly Image[]): Promise<void> {
  await makeDir(dirname(path));
  await writeFileDurable(path, `${JSON.stringify({ v: 1, images }, null, 2)}\n`, 0o644);
}

/** The image was ordered now: its life begins anew. */
export function touched(images: readonly Image[], id: string, now_ms: number): Image[] {
  return images.map((image) => (image.id === id ? { ...image, last_order_at: new Date(now_ms).toISOString() } : image));
}

/** When CCR drops the image, unix ms, as far as the ledger knows. */
export function lapsesAtMs({ added_at, last_order_at }: Image): number {
  return Math.max(Date.parse(added_at), Date.parse(last_order_at ?? added_at)) + TTL_MS;
}

/** A sentence where the image lapses within `warn_ms`, or has lapsed; null where it is well. */
export function lapseWarning(image: Image, now_ms: number, warn_ms: number): string | null {
  const left_ms = lapsesAtMs(image) - now_ms;
  if (left_ms > warn_ms) return null;
  const at = new Date(lapsesAtMs(image)).toISOString();
  const { name, id } = image;
  return left_ms <= 0
    ? `CCR has dropped ${name} (${id}) since ${at}, unless something else ordered it: cache it again`
    : `CCR drops ${name} (${id}) at ${at}: place an order with it, or cache it again`;
}
