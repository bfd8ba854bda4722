import { afterEach, describe, expect, it } from 'vitest';
import { startCryptonotePool } from './cryptonote-pool.ts';
import type { Message } from './json-line.ts';
import { bitcoinDialect, cryptonoteDialect, type Dialect, type Work } from './miner-work.ts';
import { connectPool, findHash, type PoolClient } from './pool-client.ts';
import type { PracticePool } from './practice-pool.ts';
import { startSha256dPool } from './sha256d-pool.ts';

let pool: PracticePool;
afterEach(() => pool.close());

const byId = (id: number) => (message: Message) => message.id === id;
const byMethod = (method: string) => (message: Message) => message.method === method;

/** Says hello in a dialect and returns the first work. */
async function logIn(client: PoolClient, dialect: Dialect, answers: readonly number[]): Promise<Work> {
  for (const message of dialect.hello()) client.send(message);
  let work: Work | undefined;
  const take = (message: Message): void => {
    const event = dialect.read(message);
    work = event !== null && 'work' in event ? (event.work ?? work) : work;
  };
  for (const id of answers) take(await client.next(byId(id)));
  if (work === undefined) {
    take(await client.next(byMethod('mining.set_difficulty')));
    take(await client.next(byMethod('mining.notify')));
  }
  if (work === undefined) throw new Error('the pool gave no work');
  return work;
}

describe('sha256d pool', () => {
  it('judges every kind of share, by code and in its books', async () => {
    pool = await startSha256dPool({ startDifficulty: 1e-6, vardiff: false });
    const client = await connectPool(pool.port);
    const submit = async (id: number, message: object): Promise<unknown> => {
      client.send({ id, ...message });
      const { result, error } = await client.next(byId(id));
      return result ?? (error as unknown[])[0];
    };
    const stranger = { method: 'mining.submit', params: ['W.r1', '1', '00000000', '00000000', '00000000'] };
    expect(await submit(100, stranger)).toBe(25);
    const work = await logIn(client, bitcoinDialect('W.r1', 'x'), [1, 2]);
    const good = findHash(work, true);
    const share = work.submit(good.nonce, good.digest) as { params: string[] };
    const poor = findHash(work, false);

    expect(await submit(101, share)).toBe(true);
    expect(await submit(102, share)).toBe(22);
    expect(await submit(103, work.submit(poor.nonce, poor.digest))).toBe(23);
    expect(await submit(104, { ...share, params: ['other', ...share.params.slice(1)] })).toBe(24);
    expect(await submit(105, { ...share, params: ['W.r1', 'no-job', ...share.params.slice(2)] })).toBe(21);
    expect(await submit(106, { ...share, params: [...share.params.slice(0, 4), 'xyz'] })).toBe(20);
    pool.newJob(true);
    expect(await submit(107, share)).toBe(21);

    const { workers } = pool.stats();
    expect(workers['W.r1']).toMatchObject({
      accepted: 1,
      rejected: { duplicate: 1, low_difficulty: 1, stale: 2, invalid: 1 },
      unanswered: 0,
    });
    expect(workers['W.r1']?.work_hashes).toBeCloseTo(4295.03, 1);
    expect(workers['']).toMatchObject({ accepted: 0, rejected: { not_subscribed: 1, unauthorised: 1 } });
    client.end();
  });

  it('books a share whose answer it holds back', async () => {
    pool = await startSha256dPool({ startDifficulty: 1e-6, vardiff: false });
    const client = await connectPool(pool.port);
    const work = await logIn(client, bitcoinDialect('W.r1', 'x'), [1, 2]);
    const { nonce, digest } = findHash(work, true);
    pool.setAnswering(false);
    client.send({ id: 50, ...work.submit(nonce, digest) });
    client.send({ id: 51, method: 'mining.other', params: [] });
    await client.next(byId(51));
    expect(pool.stats().workers['W.r1']).toMatchObject({ accepted: 1, unanswered: 1 });
    pool.dropConnections();
    await client.closed;
  });

  it('ends a connection whose line is no JSON object, or too long', async () => {
    pool = await startSha256dPool();
    for (const line of ['GET / HTTP/1.1', 'null', `{"id":1,"method":"${'x'.repeat(5000)}"}`]) {
      const client = await connectPool(pool.port);
      client.send(line);
      await client.closed;
    }
    expect(pool.stats().connections_total).toBe(3);
  });

  it('refuses a difficulty that is none', async () => {
    pool = await startSha256dPool();
    await expect(startSha256dPool({ startDifficulty: 0 })).rejects.toThrow(RangeError);
  });
});

describe('cryptonote pool', () => {
  it('judges every kind of share, and recomputes the hash where it can', async () => {
    pool = await startCryptonotePool({ algo: 'practice-sha256d', startHashes: 50, vardiff: false });
    const client = await connectPool(pool.port);
    const submit = async (id: number, message: object): Promise<unknown> => {
      client.send({ id, ...message });
      const { result, error } = await client.next(byId(id));
      return (result as { status: string } | undefined)?.status ?? (error as { message: string }).message;
    };
    const work = await logIn(client, cryptonoteDialect('W.r1', 'x'), [2]);
    expect(work.bytes.length).toBe(76);
    const good = findHash(work, true);
    const poor = findHash(work, false);
    const share = work.submit(good.nonce, good.digest);

    expect(await submit(100, { method: 'keepalived', params: {} })).toBe('KEEPALIVED');
    expect(await submit(101, work.submit(good.nonce, Buffer.alloc(32)))).toBe('Malformed share');
    expect(await submit(102, share)).toBe('OK');
    expect(await submit(103, share)).toBe('Duplicate share');
    expect(await submit(104, work.submit(poor.nonce, poor.digest))).toBe('Low difficulty share');
    expect(await submit(105, { method: 'submit', params: { id: 'other' } })).toBe('Unauthenticated');
    pool.newJob(true);
    expect(await submit(106, share)).toBe('Block expired');

    const book = pool.stats().workers['W.r1'];
    expect(book).toMatchObject({
      accepted: 1,
      rejected: { invalid: 1, duplicate: 1, low_difficulty: 1, unauthorised: 1, stale: 1 },
    });
    expect(book?.work_hashes).toBeCloseTo(50, 0);
    client.end();
  });
});
