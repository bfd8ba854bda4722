// The payload's last lines. Before them the build puts the worker's parts: one that is needed for the miner's start is a
// function; one that is not is text, which costs V8 nothing until it is wanted (`await import` in the source).
import { compileFunction } from 'node:vm';

interface Part {
  exports: object;
}
type PartBody = (part: Part, require: (name: string) => unknown) => void;

/** Filled in by the build. */
declare const PARTS: Record<string, PartBody | string>;

const ready = new Map<string, Part>();

/** What a part exports, or Node's own module of that name. */
function partOf(name: string): unknown {
  const known = ready.get(name);
  if (known !== undefined) return known.exports;
  const body = PARTS[name];
  if (body === undefined) return require(name);
  const part: Part = { exports: {} };
  ready.set(name, part);
  const run =
    typeof body === 'string' ? (compileFunction(body, ['module', 'require'], { filename: name }) as PartBody) : body;
  run(part, partOf);
  return part.exports;
}

partOf('./main.js');
