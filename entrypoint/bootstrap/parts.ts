// The payload's last lines. Before them the build puts the worker's parts. One that is needed for the miner's start is a function.
// One that is not is a line of comment in a function that does nothing, since a comment is what costs V8 least. That function's
// own text gives it back when it is wanted (`await import` in the source): from memory, since the file may have changed by then.
import { compileFunction } from 'node:vm';

interface Part {
  exports: object;
}
type PartBody = (part: Part, require: (name: string) => unknown) => void;

/** Filled in by the build. In LATE each part is a line `//"name" "text"`, both as JSON. */
declare const PARTS: Record<string, PartBody>;
declare function LATE(): void;

const ready = new Map<string, Part>();

/** What a part exports, or Node's own module of that name. */
function partOf(name: string): unknown {
  const known = ready.get(name);
  if (known !== undefined) return known.exports;
  const run = PARTS[name] ?? latePart(name);
  if (run === null) return require(name);
  const part: Part = { exports: {} };
  ready.set(name, part);
  run(part, partOf);
  return part.exports;
}

/** Compiles a part that came as text; null when there is none of this name. */
function latePart(name: string): PartBody | null {
  const lines = String(LATE);
  const mark = `\n//${JSON.stringify(name)} `;
  const at = lines.indexOf(mark);
  if (at < 0) return null;
  const begin = at + mark.length;
  const text = JSON.parse(lines.slice(begin, lines.indexOf('\n', begin))) as string;
  return compileFunction(text, ['module', 'require'], { filename: name }) as PartBody;
}

partOf('./main.js');
