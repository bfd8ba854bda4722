import { execa } from 'execa';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makingArguments, publicAddress, readMaking } from './labels.ts';

let repository: string;
let bare: string;

beforeAll(async () => {
  bare = await mkdtemp(join(tmpdir(), 'spotrig-labels-'));
  repository = join(bare, 'repository');
  const git = (...args: string[]): Promise<unknown> => execa('git', ['-C', repository, ...args], { env: WHO });
  await execa('git', ['init', '-q', repository]);
  await writeFile(join(repository, 'file'), 'one');
  await git('add', '.');
  await git('commit', '-qm', 'one');
  await git('remote', 'add', 'origin', 'https://user:secret@example.org/spotrig.git');
});

afterAll(async () => {
  await rm(bare, { recursive: true, force: true });
});

const WHO = {
  ...{ GIT_AUTHOR_NAME: 'a', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_COMMITTER_NAME: 'a' },
  ...{ GIT_COMMITTER_EMAIL: 'a@example.org', GIT_COMMITTER_DATE: '2026-11-26T12:00:00Z' },
};

describe('what an image says of its making', () => {
  it('is the commit, its time and its address without a login', async () => {
    const making = await readMaking({ root: repository, env: {}, version: '1.2.3' });
    expect(making).toMatchObject({
      source: 'https://example.org/spotrig.git',
      version: '1.2.3',
      epoch_s: 1_795_694_400,
    });
    expect(making.revision).toMatch(/^[0-9a-f]{40}$/);
    expect(makingArguments(making)).toMatchObject({ CREATED: '2026-11-26T12:00:00Z', SOURCE_DATE_EPOCH: '1795694400' });
  });

  it('says so where files differ from the commit', async () => {
    await writeFile(join(repository, 'file'), 'two');
    const making = await readMaking({ root: repository, env: { SOURCE_DATE_EPOCH: '1700000000' }, version: '1' });
    expect(making.revision).toMatch(/^[0-9a-f]{40}-dirty$/);
    expect(making.epoch_s).toBe(1_700_000_000);
  });

  it('needs a time from somewhere, and a whole one', async () => {
    const code = 'image_epoch';
    await expect(readMaking({ root: bare, env: {}, version: '1' })).rejects.toMatchObject({ code });
    const env = { SOURCE_DATE_EPOCH: 'yesterday' };
    await expect(readMaking({ root: repository, env, version: '1' })).rejects.toMatchObject({ code });
  });

  it.each(['', '/srv/git/spotrig', 'git@example.org:spotrig.git', 'http://10.0.0.1/spotrig'])(
    'never holds an address like %j',
    (remote) => {
      expect(publicAddress(remote)).toBe('');
    },
  );
});
