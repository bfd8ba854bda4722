// What a kill, a bad disk or a stranger may have left of the script: from one offset on, or at it.

/** `cut`: the rest is missing. `zeros`: it is there, and empty. `flip`: one bit differs. `poison`: commands in place of the rest. */
export const FORMS = ['cut', 'zeros', 'flip', 'poison'] as const;
export type Form = (typeof FORMS)[number];

export interface Case {
  form: Form;
  /** Byte of the file at which the damage begins. */
  offset: number;
}

/** Where the parts of the file end, in bytes. */
export interface Layout {
  /** Behind the brace that closes part one: a cut below it runs nothing. */
  partOneCode: number;
  partOne: number;
  head: number;
  whole: number;
}

/** The file with the damage of a case. `marker` is the file that poison would make, if a byte of it were ever run. */
export function damage(whole: Buffer, { form, offset }: Case, marker: string): Buffer {
  if (form === 'cut') return whole.subarray(0, offset);
  const bytes = Buffer.from(whole);
  if (form === 'zeros') return bytes.fill(0, offset);
  if (form === 'poison') return bytes.fill(`\n: >${marker}\n}\n`, offset);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << (offset % 8)), offset);
  return bytes;
}

/**
 * The cases of a sweep, in one order for one seed. Of the head every `step`-th offset, beginning at a random one, and all the
 * edges; `payload` random offsets of the payload. Inside part one there are cuts only: other damage there is not ours to mend.
 */
export function casesOf(
  layout: Layout,
  o: { forms: readonly Form[]; step: number; payload: number; random: () => number },
): Case[] {
  const edges = [layout.partOneCode, layout.partOne, layout.head].flatMap((edge) => [edge - 1, edge, edge + 1]);
  const first = Math.floor(o.random() * o.step);
  const steps = Array.from({ length: Math.ceil((layout.head - first) / o.step) }, (_, i) => first + i * o.step);
  const inPayload = Array.from({ length: o.payload }, () =>
    Math.floor(layout.head + o.random() * (layout.whole - layout.head)),
  );
  const offsets = [...new Set([...edges, ...steps, ...inPayload])].filter((offset) => offset > 0);
  return offsets.flatMap((offset) =>
    o.forms.filter((form) => form === 'cut' || offset >= layout.partOne).map((form) => ({ form, offset })),
  );
}
