import fc from 'fast-check';
import { mkdtemp, open, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LifecycleRecord } from '../../wire/records.ts';
import { openSpool, type Spool } from './spool.ts';

const BOOT = 'a'.repeat(32);
const OTHER_BOOT = 'b'.repeat(32);
let dir = '';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spool-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

function event(detail: string): LifecycleRecord {
  return { kind: 'lifecycle', at_ms: 1, event: 'x', level: 'info', detail, exit_code: null, signal: null, log: [] };
}

const losses: string[] = [];
function start(o: { boot?: string; maxBytes?: number; segmentBytes?: number } = {}): Promise<Spool> {
  losses.length = 0;
  return openSpool({ dir, boot: BOOT, onLoss: (kind, n) => losses.push(`${kind} ${n}`), ...o });
}

async function segments(): Promise<string[]> {
  return (await readdir(dir)).filter((n) => n.endsWith('.seg')).toSorted();
}

describe('spool', () => {
  it('gives reports back oldest first until they are acknowledged', async () => {
    const spool = await start();
    expect(await spool.peek(1)).toEqual([]);
    expect(await spool.append([event('one')])).toBe(0);
    expect(await spool.append([event('two')])).toBe(1);
    expect(await spool.peek(1)).toEqual([{ boot: BOOT, seq: 0, records: [event('one')] }]);
    expect((await spool.peek(9)).map((e) => e.seq)).toEqual([0, 1]);
    await spool.ack(0);
    expect((await spool.peek(1))[0]?.seq).toBe(1);
    await spool.ack(1);
    expect(await spool.peek(1)).toEqual([]);
    await spool.close();
  });

  it('goes on with the seq after a restart, also when everything was acknowledged, and keeps the boot of each report', async () => {
    let spool = await start();
    await spool.append([event('one')]);
    await spool.append([event('two')]);
    await spool.ack(0);
    await spool.close();
    spool = await start({ boot: OTHER_BOOT });
    expect(await spool.append([event('three')])).toBe(2);
    expect(await spool.peek(1)).toMatchObject([{ boot: BOOT, seq: 1 }]);
    await spool.ack(1);
    expect(await spool.peek(1)).toMatchObject([{ boot: OTHER_BOOT, seq: 2 }]);
    await spool.ack(2);
    await spool.close();
    await rm(join(dir, 'acked'));
    spool = await start();
    expect(await spool.append([event('four')])).toBe(3);
    expect(losses).toEqual([]);
    await spool.close();
  });

  it('drops the oldest segment past its limit and says how many reports that were', async () => {
    const spool = await start({ maxBytes: 8000, segmentBytes: 2000 });
    for (let i = 0; i < 40; i++) await spool.append([event('x'.repeat(300))]);
    expect(spool.stats().bytes).toBeLessThanOrEqual(8000);
    const dropped = losses.reduce((sum, l) => sum + Number(l.replace('dropped ', '')), 0);
    expect(dropped).toBe(40 - spool.stats().reports);
    expect((await spool.peek(1))[0]?.seq).toBe(dropped);
    await spool.close();
  });

  it('removes segments that are acknowledged, but for the last', async () => {
    const spool = await start({ segmentBytes: 1000 });
    for (let i = 0; i < 10; i++) await spool.append([event('x'.repeat(300))]);
    await spool.ack(9);
    expect(await segments()).toHaveLength(1);
    await spool.close();
  });

  it('skips a segment that is all noise, counts what was in it, once', async () => {
    let spool = await start({ segmentBytes: 1000 });
    for (let i = 0; i < 6; i++) await spool.append([event('x'.repeat(300))]);
    await spool.close();
    const [first = '', second = ''] = await segments();
    await writeFile(join(dir, first), Buffer.alloc(700, 7));
    spool = await start();
    const inFirst = Number(second.replace('.seg', ''));
    expect(losses).toEqual([`damaged ${inFirst}`]);
    expect((await spool.peek(1))[0]?.seq).toBe(inFirst);
    await spool.close();
    await (await start()).close();
    expect(losses).toEqual([]);
  });

  it('counts a report that the disk gives back damaged while it runs, and goes on', async () => {
    const spool = await start();
    await spool.append([event('one')]);
    await spool.append([event('two')]);
    const [name = ''] = await segments();
    await flip(join(dir, name), 30, 3);
    expect((await spool.peek(1))[0]?.seq).toBe(1);
    expect(losses).toEqual(['damaged 1']);
    await spool.close();
  });

  it('is not misled by a damaged mark: it sends again rather than lose', async () => {
    let spool = await start();
    await spool.append([event('one')]);
    await spool.append([event('two')]);
    await spool.ack(0);
    await spool.close();
    await flip(join(dir, 'acked'), 0, 1);
    spool = await start();
    expect((await spool.peek(1))[0]?.seq).toBe(0);
    await spool.close();
  });
});

async function flip(path: string, at: number, bit: number): Promise<void> {
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at % size);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await file.write(byte, 0, 1, at % size);
  await file.close();
}

type Action =
  | { do: 'append'; chars: number }
  | { do: 'ack' }
  | { do: 'reopen' }
  | { do: 'cut'; at: number }
  | { do: 'flip'; segment: number; at: number; bit: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('append' as const), chars: fc.nat(400) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('ack' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cut' as const), at: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('flip' as const), segment: fc.nat(), at: fc.nat(), bit: fc.nat(7) }),
  },
);

describe('spool against a model', () => {
  it('never invents, repeats or reorders a report, and loses only what was damaged, with a count', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
        await rm(dir, { recursive: true, force: true });
        const waiting = new Map<number, string>(); // the model: details by seq
        let harmed = 0;
        let spool = await start({ segmentBytes: 1000 });
        for (const [serial, a] of actions.entries()) {
          if (a.do === 'append') {
            const detail = `${serial} ${'x'.repeat(a.chars)}`;
            const seq = await spool.append([event(detail)]);
            expect([...waiting.keys()].every((s) => s < seq)).toBe(true);
            waiting.set(seq, detail);
          } else if (a.do === 'ack') {
            const [entry] = await spool.peek(1);
            expect(entry?.seq).toBe([...waiting.keys()][0]);
            if (entry === undefined) continue;
            await spool.ack(entry.seq);
            waiting.delete(entry.seq);
          } else {
            await spool.close();
            if (a.do !== 'reopen') await harm(a);
            spool = await start({ segmentBytes: 1000 });
            const held = await spool.peek(1000);
            const seqs = held.map((e) => e.seq);
            expect(seqs).toEqual(seqs.toSorted((x, y) => x - y));
            for (const e of held) expect(e.records).toEqual([event(waiting.get(e.seq) ?? 'not of the model')]);
            const missing = [...waiting.keys()].filter((seq) => !seqs.includes(seq));
            const newest = Math.max(-1, ...seqs);
            if (a.do === 'reopen') expect(missing).toEqual([]);
            if (a.do === 'cut') expect(missing.every((seq) => seq > newest)).toBe(true);
            if (a.do === 'flip') {
              expect(missing.length).toBeLessThanOrEqual(1);
              // Damage beside older damage may count that again.
              if (harmed === 0) expect(losses).toEqual(missing.map(() => 'damaged 1'));
              else expect(losses.length).toBeGreaterThanOrEqual(missing.length);
            }
            if (a.do !== 'reopen') harmed++;
            for (const seq of missing) waiting.delete(seq);
          }
        }
        await spool.close();
      }),
      { numRuns: 60 },
    );
  });
});

/** Cuts the last segment anywhere, or flips one bit of any. */
async function harm(a: Extract<Action, { at: number }>): Promise<void> {
  const names = await segments();
  const name = a.do === 'cut' ? names.at(-1) : names[a.segment % Math.max(1, names.length)];
  if (name === undefined) return;
  const { size } = await stat(join(dir, name));
  if (a.do === 'cut') await truncate(join(dir, name), a.at % (size + 1));
  else if (size > 0) await flip(join(dir, name), a.at, a.bit);
}
