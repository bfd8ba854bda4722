import { describe, expect, it } from 'vitest';
import { GroupCommit } from './group-commit.ts';

function run(write: () => void): void {
  write();
}

describe('group commit', () => {
  it('puts what comes during a sync into one next transaction, and tells nobody before its sync', async () => {
    const syncs: PromiseWithResolvers<void>[] = [];
    const log: string[] = [];
    const commits = new GroupCommit(
      (write) => {
        log.push('begin');
        write();
        log.push('commit');
      },
      () => {
        const sync = Promise.withResolvers<void>();
        syncs.push(sync);
        return sync.promise;
      },
    );
    const submit = (name: string): Promise<unknown> =>
      commits.submit(() => log.push(name)).then(() => log.push(`${name} told`));
    const first = submit('a');
    await expect.poll(() => syncs.length).toBe(1);
    const rest = [submit('b'), submit('c')];
    expect(log).toEqual(['begin', 'a', 'commit']);
    syncs[0]?.resolve();
    await first;
    await expect.poll(() => syncs.length).toBe(2);
    expect(log.filter((word) => word !== 'a told')).toEqual(['begin', 'a', 'commit', 'begin', 'b', 'c', 'commit']);
    syncs[1]?.resolve();
    await Promise.all(rest);
    await commits.idle();
    expect(log.slice(-2)).toEqual(['b told', 'c told']);
  });

  it('answers each write its own result, also undefined', async () => {
    const commits = new GroupCommit(run, () => Promise.resolve());
    expect(await Promise.all([commits.submit(() => 1), commits.submit(() => undefined)])).toEqual([1, undefined]);
  });

  it('fails a batch as a whole and goes on with the next', async () => {
    const commits = new GroupCommit(run, () => Promise.resolve());
    const failed = await Promise.allSettled([
      commits.submit(() => 1),
      commits.submit(() => {
        throw new Error('full');
      }),
    ]);
    expect(failed.map((outcome) => outcome.status)).toEqual(['rejected', 'rejected']);
    expect(await commits.submit(() => 2)).toBe(2);
  });

  it('fails what could not be synced', async () => {
    const commits = new GroupCommit(run, () => Promise.reject(new Error('EIO')));
    await expect(commits.submit(() => 1)).rejects.toThrow('EIO');
  });
});
