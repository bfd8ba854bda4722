import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { tar } from '../../test/fakes/archives.ts';
import { savedArchive } from '../../test/fakes/images.ts';
import { ImageReport } from '../image/report.ts';
import { run } from './image.ts';

let dir: string;
let archive: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'spotrig-image-command-'));
  archive = join(dir, 'x.tar');
  const layers = [
    await tar([{ name: 'a\u001b[31m', content: Buffer.alloc(300_000, 1) }]),
    await tar([{ name: '.wh.a\u001b[31m' }]),
  ];
  const history = [{ created_by: '/bin/sh -c #(nop) COPY   a /' }, { created_by: '/bin/sh -c rm a' }];
  await writeFile(archive, await savedArchive({ layers, tag: 'x:1', history }));
});

afterAll(() => rm(dir, { recursive: true }));
afterEach(() => void vi.restoreAllMocks());

async function call(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
  vi.spyOn(console, 'error').mockImplementation((text: unknown) => void (err += String(text)));
  const code = await run(argv);
  vi.restoreAllMocks();
  return { code, out, err };
}

describe('image check', () => {
  it('prints sizes, layers with their instructions, waste and what to cut; no control characters of the image', async () => {
    const { code, out } = await call('check', archive);
    expect(code).toBe(0);
    expect(out).toMatch(/classic +300,000 +bytes, .*: 599,700,000 left/);
    expect(out).toMatch(/0 +300,000 .* COPY a \//);
    expect(out).toContain('waste 300,000 bytes: 300,000 deleted');
    expect(out).toContain('300,000  layer 1 deletes files of layer 0');
    expect(out).not.toContain('\u001b');
  });

  it('prints reports as JSON', async () => {
    const { code, out } = await call('check', '--json', archive, archive);
    expect(code).toBe(0);
    const reports = (JSON.parse(out) as unknown[]).map((report) => ImageReport.parse(report));
    expect(reports.map(({ sizes }) => sizes?.classic_bytes)).toEqual([300_000, 300_000]);
  });

  it('has exit code 1 over the limit, and for what cannot be read; the others are checked all the same', async () => {
    expect((await call('check', '--limit', '299999', archive)).code).toBe(1);
    expect((await call('check', '--limit', '0.3MB', archive)).code).toBe(0);
    await writeFile(join(dir, 'cut.tar'), Buffer.alloc(700, 1));
    const { code, out, err } = await call('check', join(dir, 'none.tar'), join(dir, 'cut.tar'), archive);
    expect(code).toBe(1);
    expect(err).toContain('there is no');
    expect(out).toContain('UNREADABLE');
    expect(out).toContain('300,000');
  });

  it('takes its limits from a policy', async () => {
    const policy = join(dir, 'size.toml');
    await writeFile(policy, 'limit_bytes = 200_000\n');
    expect((await call('check', '--policy', policy, archive)).code).toBe(1);
    expect((await call('check', '--policy', policy, '--limit', '400000', archive)).code).toBe(0);
  });

  it.each([
    [[], 'image check'],
    [['size'], 'image check'],
    [['check'], 'name an image'],
    [['check', '-', '-'], 'once'],
    [['check', '--limit', '600MiB', 'x'], '--limit'],
    [['check', '--limit', '0', 'x'], '--limit'],
    [['check', '--platform', 'amd64', 'x'], '--platform'],
    [['check', '--policy', '/nowhere', 'x'], '--policy'],
    [['check', '--wrong', 'x'], '--wrong'],
  ])('%s is a wrong call', async (argv, named) => {
    const { code, err } = await call(...argv);
    expect(code).toBe(64);
    expect(err).toContain(named);
  });

  it('tells of itself', async () => {
    expect((await call('--help')).out).toContain('image check IMAGE...');
  });
});
