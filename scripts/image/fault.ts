import { SpotrigError } from '../../platform/errors.ts';

/** Something wrong with the image itself: it makes the report's verdict `unreadable`, with this code and text. */
export class ImageFault extends SpotrigError {}

const SHOWN_MAX_CHARS = 120;

/** Foreign text for a message: no control characters, and not much of it. */
export function shown(text: string): string {
  const clean = text.replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\uFFFD]/gu, '?');
  return clean.length > SHOWN_MAX_CHARS ? `${clean.slice(0, SHOWN_MAX_CHARS)}…` : clean;
}
