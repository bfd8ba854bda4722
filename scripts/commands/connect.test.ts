import { beforeEach, expect, it } from 'vitest';
import { freeLoopbackPort } from '../../entrypoint/ports.ts';
import { type Printed, capturePrinted } from '../../test/fakes/printed.ts';
import { run } from './connect.ts';

const printed: Printed = { out: '', err: '' };
beforeEach(() => void capturePrinted(printed));

async function cli(...argv: string[]): Promise<[code: number, printed: string]> {
  Object.assign(printed, { out: '', err: '' });
  return [await run(argv), printed.out + printed.err];
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
