import { isInRanges, rangesOf } from '../../platform/ip-ranges.ts';

/** Tells addresses that no public name has. Throws for a range that is none. */
export function bogonTest(ranges: readonly string[]): (address: string) => boolean {
  const parsed = rangesOf(ranges);
  return (address) => isInRanges(parsed, address);
}
