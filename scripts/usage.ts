// What every command does with a call that it does not understand.
import { type ParseArgsOptionsConfig, parseArgs } from 'node:util';
import { messageOf } from '../platform/errors.ts';

/** Exit code of a call that was not understood (EX_USAGE of sysexits.h). */
export const EX_USAGE = 64;

/** A call that was not understood; its message says what would be. */
export class UsageError extends Error {}

/** The words after a command's name, by its options. Throws UsageError, which names the word that is wrong. */
export function readArgs<T extends ParseArgsOptionsConfig>(argv: readonly string[], options: T) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(messageOf(error));
  }
}
