// What goes in comes out: sessions of every dialect, with strange lines among them, cut anywhere, through a link between a miner
// and a pool. Byte for byte in both directions, and the readers understand them on the way.
import type { Socket } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { realClock } from '../platform/clock.ts';
import type { Dialect } from '../wire/dialect-names.ts';
import { SESSIONS, type Session } from '../test/fakes/stratum-sessions.ts';
import { Link, LINK_TIMERS } from './link.ts';
import { parsePoolUrl } from './pool-url.ts';
import { ReadAlong } from './read-along.ts';
import { ShareMeter } from './share-meter.ts';

const CASES = 10_000;
/** Of them through sockets' own machinery too: pauses, drains, ends. */
const LINK_CASES = 500;
/** They take seconds of a quiet machine. */
const TIMEOUT_MS = 120_000;

const LINE_ENDS = ['\n', '\r\n', ' \n'] as const;
/** Between two lines of a session; all of it must pass, none of it may disturb the readers. */
const STRANGE = [
  '',
  '   ',
  'no json',
  '{"id":null,"method":"client.show_message","params":["héllo 漢 \\u0000"]}',
  '[]',
  '{"',
];

interface Talk {
  session: Session;
  miner: Buffer;
  pool: Buffer;
}

/** A session as bytes: any line endings, strange lines after the first, and an unfinished line at the end. */
const talk: fc.Arbitrary<Talk> = fc
  .record({
    session: fc.constantFrom(...SESSIONS),
    ends: fc.array(fc.constantFrom(...LINE_ENDS), { minLength: 1, maxLength: 4 }),
    strange: fc.array(fc.constantFrom(...STRANGE), { minLength: 1, maxLength: 4 }),
    rest: fc.constantFrom('', '{"id":77,"meth', '漢'),
  })
  .map(({ session, ends, strange, rest }) => {
    const said = { miner: '', pool: '' };
    for (const [at, { from, text }] of session.lines.entries()) {
      said[from] += text + (ends[at % ends.length] ?? '\n');
      if (at > 0 && at % 3 === 0) said[from] += `${strange[at % strange.length] ?? ''}\n`;
    }
    return { session, miner: Buffer.from(said.miner + rest), pool: Buffer.from(said.pool + rest) };
  });

/** Cut at these sizes, over and over. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 6, max: 900 })), {
  minLength: 1,
  maxLength: 6,
});

/** The bytes in pieces of these sizes; at most some 60 pieces, for speed. */
function pieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const least = Math.ceil(bytes.length / 60);
  const found: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += found.at(-1)?.length ?? 0) {
    found.push(bytes.subarray(at, at + Math.max(sizes[found.length % sizes.length] ?? 1, least)));
  }
  return found;
}

/** Through the reader alone, the two directions in turn as far as the dialect's first line allows. */
function readAlong(t: Talk, up: readonly number[], down: readonly number[]): Passed {
  const passed: Passed = { toPool: Buffer.alloc(0), toMiner: t.pool, dialect: null, submits: 0 };
  const out: Buffer[] = [];
  const reader = new ReadAlong({
    login: null,
    hint: { dialect: hintOf(t.session), difficultyOne: null },
    onDialect: (dialect) => void (passed.dialect = dialect),
    onEvent: ({ kind }) => void (passed.submits += Number(kind === 'submit')),
  });
  const [fromMiner, fromPool] = [pieces(t.miner, up), pieces(t.pool, down)];
  for (let i = 0; i < Math.max(fromMiner.length, fromPool.length); i += 1) {
    const [mine, its] = [fromMiner[i], fromPool[i]];
    if (mine !== undefined) expect(reader.fromMiner(mine, (bytes) => out.push(bytes))).toBe(true);
    if (its !== undefined) expect(reader.fromPool(its)).toBe(true);
  }
  reader.minerEnded((bytes) => out.push(bytes));
  passed.toPool = Buffer.concat(out);
  return passed;
}

/** Reads slowly or fast, to its end. */
async function collect(end: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of end) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Passed {
  toPool: Buffer;
  toMiner: Buffer;
  dialect: string | null;
  submits: number;
}

/** Through a link whose sockets are streams in memory with small buffers. */
async function throughLink(
  t: Talk,
  up: readonly number[],
  down: readonly number[],
  highWaterMark: number,
): Promise<Passed> {
  const [minerEnd, minerSide] = duplexPair({ highWaterMark });
  const [poolSide, poolEnd] = duplexPair({ highWaterMark });
  const parsed = parsePoolUrl(`tcp://pool.example:1?dialect=${hintOf(t.session)}`);
  if (!('pool' in parsed)) throw new Error(parsed.complaints.join());
  const { pool } = parsed;
  const socket = poolSide as Socket;
  const leg = { place: 0, pool, socket, raw: socket, connect_ms: 1 };
  const meter = new ShareMeter(realClock);
  let submits = 0;
  meter.onSubmit = () => void (submits += 1);
  const link = new Link({
    ...{ number: 1, miner: minerSide as Socket, password: null, clock: realClock, meter, timers: LINK_TIMERS },
    connect: () => Promise.resolve(leg),
    ...{ onServed: () => undefined, onLoginRefused: () => undefined },
    ...{ onEnded: () => undefined, onClosed: () => undefined },
  });
  await link.open();
  for (const piece of pieces(t.miner, up)) minerEnd.write(piece);
  for (const piece of pieces(t.pool, down)) poolEnd.write(piece);
  minerEnd.end();
  const toPool = await collect(poolEnd).finally(() => poolEnd.end());
  const toMiner = await collect(minerEnd);
  return { toPool, toMiner, dialect: link.dialect, submits };
}

/** What the owner would write for a pool of this dialect; the miner's first line goes before it where it says more. */
function hintOf({ dialect }: Session): Dialect {
  return dialect === 'unknown' ? 'bitcoin' : dialect;
}

function expectWhole(passed: Passed, { session, miner, pool }: Talk): void {
  expect(passed.toPool.equals(miner)).toBe(true);
  expect(passed.toMiner.equals(pool)).toBe(true);
  expect(passed).toMatchObject({ dialect: session.dialect, submits: session.submits });
}

describe('fidelity', () => {
  it(
    `reads ${String(CASES)} sessions of every dialect and changes no byte`,
    () => {
      const seen = new Set<string>();
      const property = fc.property(talk, cuts, cuts, (t, up, down) => {
        expectWhole(readAlong(t, up, down), t);
        seen.add(t.session.dialect);
      });
      fc.assert(property, { numRuns: CASES });
      expect(seen.size).toBe(new Set(SESSIONS.map(({ dialect }) => dialect)).size);
    },
    TIMEOUT_MS,
  );

  it(
    `passes ${String(LINK_CASES)} of them between two streams that are read at any pace`,
    async () => {
      const buffer = fc.constantFrom(16, 200, 65_536);
      const property = fc.asyncProperty(talk, cuts, cuts, buffer, async (t, up, down, highWaterMark) => {
        expectWhole(await throughLink(t, up, down, highWaterMark), t);
      });
      await fc.assert(property, { numRuns: LINK_CASES });
    },
    TIMEOUT_MS,
  );
});
