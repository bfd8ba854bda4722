import { beforeEach, expect, it, vi } from 'vitest';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { run } from './connect.ts';

let printed = '';

beforeEach(() => {
  printed = '';
  for (const name of ['log', 'error'] as const)
    vi.spyOn(console, name).mockImplementation((text) => {
      printed += `${String(text)}\n`;
    });
});

async function cli(...argv: string[]): Promise<[code: number, printed: string]> {
  return [await run(argv), printed];
}

it.each([
  [[], 'give a worker'],
  [['rig-7'], 'give a worker'],
  [['rig-7', 'SSH'], 'give a worker'],
  [['rig-7', 'web', '--', '-v'], 'no ssh runs here'],
  [['rig-7', 'ssh', '--port', '70000'], '--port'],
  [['rig-7', 'ssh', '--collector', 'http://collector.example.org'], 'https, since secrets go there and back'],
])('refuses %j', async (argv, words) => {
  expect(await cli(...argv)).toEqual([64, expect.stringContaining(words)]);
});

it('says so when no collector answers', async () => {
  const url = `http://127.0.0.1:${await freeLoopbackPort()}`;
  expect(await cli('rig-7', 'ssh', '--collector', url)).toEqual([1, expect.stringContaining('does not answer')]);
});
