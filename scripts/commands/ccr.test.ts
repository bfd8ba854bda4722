import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { lapseWarning, readLedger, touched, writeLedger } from '../order/ccr-ledger.ts';
import { run } from './ccr.ts';

const ID = '6771db990479c1fac87da6cc';
const DAY_MS = 86_400_000;
const START_MS = Date.parse('2026-11-01T12:00:00Z');

let dir: string;
let ledger: string;
let said: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-ccr-'));
  ledger = join(dir, 'new', 'ccr.json');
  for (const method of ['log', 'error'] as const) {
    vi.spyOn(console, method).mockImplementation((text) => {
      said += `${String(text)}\n`;
    });
  }
  at(0);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true, force: true });
});

function at(days: number): void {
  vi.spyOn(realClock, 'nowMs').mockReturnValue(START_MS + days * DAY_MS);
}

async function ccr(...argv: string[]): Promise<[code: number, said: string]> {
  said = '';
  const code = await run([...argv, '--ledger', ledger]);
  return [code, said];
}

it('enters, lists and forgets images', async () => {
  expect(await ccr('list')).toEqual([0, expect.stringContaining('No image')]);
  expect(await ccr('add', 'worker', ID)).toEqual([0, `worker is ${ID}, until 2026-12-01T12:00:00.000Z\n`]);
  expect(await ccr('list')).toEqual([0, expect.stringMatching(/^worker +6771\w+ +never +2026-12-01$/m)]);
  expect(await ccr('add', 'other', ID)).toEqual([1, expect.stringContaining('is worker already')]);
  expect(await ccr('remove', 'none')).toEqual([1, expect.stringContaining('has no "none"')]);
  expect(await ccr('remove', 'worker')).toEqual([0, expect.stringContaining('is forgotten here')]);
  expect(await readLedger(ledger)).toEqual([]);
});

it('warns from five days before CCR drops an image, with exit code 1, and an order begins its days anew', async () => {
  await ccr('add', 'worker', ID);
  at(24.9);
  expect(await ccr('list')).toEqual([0, expect.not.stringContaining('drops')]);
  at(25);
  expect(await ccr('list')).toEqual([
    1,
    expect.stringContaining(`CCR drops worker (${ID}) at 2026-12-01T12:00:00.000Z`),
  ]);
  expect(await ccr('list', '--warn-days', '4')).toEqual([0, expect.anything()]);
  const [code, json] = await ccr('list', '--json');
  expect(code).toBe(1);
  expect(JSON.parse(json)).toMatchObject({
    images: [{ name: 'worker', warning: expect.stringContaining('drops') as string }],
  });
  at(31);
  expect(await ccr('list')).toEqual([1, expect.stringContaining('has dropped worker')]);
  await writeLedger(ledger, touched(await readLedger(ledger), ID, START_MS + 29 * DAY_MS));
  expect(await ccr('list')).toEqual([0, expect.stringContaining('2026-12-30')]);
});

it('never takes a damaged list for an empty one', async () => {
  await ccr('add', 'worker', ID);
  const text = await readFile(ledger, 'utf8');
  await writeFile(ledger, text.slice(0, -20));
  expect(await ccr('list')).toEqual([1, expect.stringContaining('cannot be read')]);
  expect(await ccr('add', 'other', '0'.repeat(24))).toEqual([1, expect.stringContaining('cannot be read')]);
});

describe('a wrong call', () => {
  it.each([
    [['add', 'worker'], 'give add NAME ID'],
    [['add', 'worker', 'xyz'], 'ID: an image id of CCR'],
    [['add', ID, ID], 'NAME: must not look like a CCR id'],
    [['list', '--warn-days', 'x'], '--warn-days'],
    [[], 'see --help'],
  ])('%j is told', async (argv, says) => {
    expect(await ccr(...argv)).toEqual([64, expect.stringContaining(says)]);
  });
});

it('an image without a warning is well', () => {
  const image = { name: 'w', id: ID, added_at: '2026-11-01T12:00:00Z', last_order_at: null };
  expect(lapseWarning(image, START_MS, 0)).toBeNull();
});
