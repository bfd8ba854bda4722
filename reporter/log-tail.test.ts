import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogTail } from './log-tail.ts';

let dir = '';
let path = '';
let heard: string[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'tail-'));
  path = join(dir, 'miner.log');
  heard = [];
});
afterEach(() => rm(dir, { recursive: true }));

function tailOf(fromStart = false): LogTail {
  return new LogTail({ path, source: 'miner', fromStart, onLine: (_, line) => heard.push(line) });
}

/** As the supervisor caps a log: in place, its end kept. */
async function capTo(bytes: number): Promise<void> {
  await writeFile(path, (await readFile(path)).subarray(-bytes));
}

describe('LogTail', () => {
  it('gives whole new lines once, also when they come in pieces', async () => {
    const tail = tailOf();
    await tail.poll();
    await writeFile(path, 'one\ntwo\nthr');
    await tail.poll();
    expect(heard).toEqual(['one', 'two']);
    await appendFile(path, 'ee\n');
    await tail.poll();
    expect(tail.takeRecord(5)).toEqual({
      kind: 'log',
      at_ms: 5,
      source: 'miner',
      lines: ['one', 'two', 'three'],
      skipped: 0,
    });
    expect(tail.takeRecord(6)).toBeNull();
  });

  it('keeps lines of an earlier run as evidence only', async () => {
    await writeFile(path, 'GPU is lost\n');
    const tail = tailOf();
    await tail.poll();
    expect(heard).toEqual([]);
    expect(tail.takeRecord(1)).toBeNull();
    expect(tail.lastLines(5)).toEqual(['GPU is lost']);
    const fromStart = tailOf(true);
    await fromStart.poll();
    expect(fromStart.takeRecord(1)?.lines).toEqual(['GPU is lost']);
  });

  it('reports what was written between its making and its first look', async () => {
    await writeFile(path, 'of an earlier run\n');
    const tail = tailOf();
    await appendFile(path, 'first words of this one\n');
    await tail.poll();
    expect(heard).toEqual(['first words of this one']);
    expect(tail.takeRecord(1)?.lines).toEqual(['first words of this one']);
    expect(tail.lastLines(5)).toEqual(['of an earlier run', 'first words of this one']);
  });

  it('goes on where it was when the log is capped in place', async () => {
    const tail = tailOf(true);
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} of a longer run`);
    await writeFile(path, lines.slice(0, 4900).join('\n') + '\n');
    await tail.poll();
    await appendFile(path, lines.slice(4900).join('\n') + '\n');
    await capTo(80_000);
    await tail.poll();
    expect(heard).toEqual(lines);
    await capTo(200);
    await appendFile(path, 'next\n');
    await tail.poll();
    expect(heard.at(-1)).toBe('next');
  });

  it('notices a cap that left more than it had read, and a log that began anew', async () => {
    const tail = tailOf(true);
    await writeFile(path, 'a\nb\n');
    await tail.poll();
    await writeFile(path, 'x0\nx1\nx2\n');
    await tail.poll();
    expect(heard).toEqual(['a', 'b', 'x0', 'x1', 'x2']);
    await rm(path);
    await tail.poll();
    await writeFile(path, 'y\n');
    await tail.poll();
    expect(heard.at(-1)).toBe('y');
  });

  it('keeps the newest forty for a report and counts the rest', async () => {
    const tail = tailOf(true);
    await writeFile(path, Array.from({ length: 90 }, (_, i) => `n${i}\n`).join(''));
    await tail.poll();
    const record = tail.takeRecord(1);
    expect(record?.lines).toEqual(Array.from({ length: 40 }, (_, i) => `n${i + 50}`));
    expect(record?.skipped).toBe(50);
    expect(tail.lastLines(100)).toHaveLength(60);
  });

  it('cuts a line without end, and skips blank ones', async () => {
    const tail = tailOf(true);
    await writeFile(path, `${'x'.repeat(300_000)}\n\n  \nshort\n`);
    await tail.poll();
    expect(heard).toEqual(['x'.repeat(400), 'short']);
  });
});
