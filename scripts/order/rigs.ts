// HiveOS's pairs of rig_id and rig_pass: made there for one rig, so that two machines never get the same one.
import * as z from 'zod';

const Pair = z.strictObject({
  rig_id: z.union([z.string().regex(/^[!-~]{1,100}$/), z.int().nonnegative()]).transform(String),
  rig_pass: z.string().regex(/^[!-~]{1,200}$/),
});
export type RigPair = z.infer<typeof Pair>;

const PAIRS_MAX = 100_000;
const Pairs = z.array(Pair).min(1).max(PAIRS_MAX);

/**
 * Reads a list: JSON (an array of {rig_id, rig_pass}), or lines `rig_id,rig_pass`. Complaints name the entry and never repeat a
 * password; a rig that is there twice is one.
 */
export function parseRigs(text: string): { rigs: RigPair[] } | { complaints: string[] } {
  const value = text.trimStart().startsWith('[') ? jsonOf(text) : linesOf(text);
  const read = Pairs.safeParse(value);
  if (!read.success) {
    const where = read.error.issues
      .slice(0, 10)
      .map(({ path }) => (path.length === 0 ? 'the list' : `entry ${Number(path[0]) + 1}`));
    return { complaints: [...new Set(where)].map((one) => `${one} is not a pair of rig_id and rig_pass`) };
  }
  const seen = new Set<string>();
  const complaints: string[] = [];
  for (const { rig_id } of read.data) {
    if (seen.has(rig_id)) complaints.push(`rig_id ${rig_id} is there twice`);
    seen.add(rig_id);
  }
  return complaints.length > 0 ? { complaints } : { rigs: read.data };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // JSON.parse quotes the text it fails on, and this text is secret.
    return null;
  }
}

function linesOf(text: string): unknown {
  const lines = text.split(/\r?\n/).map((line) => line.trim());
  const rows = lines.filter((line) => line !== '' && !line.startsWith('#') && line !== 'rig_id,rig_pass');
  return rows.map((line) => {
    const [rig_id = '', rig_pass = '', ...rest] = line.split(',').map((cell) => cell.trim());
    return rest.length > 0 ? null : { rig_id, rig_pass };
  });
}
