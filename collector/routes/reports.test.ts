import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SpotrigError } from '../../platform/errors.ts';
import { type FakeCollector, fakeCollector } from '../../test/fakes/collector.ts';
import { envelope, gzipped, hashrateRecord, lifecycleRecord, typicalEnvelope } from '../../test/fakes/reports.ts';
import { ErrorBody } from '../../wire/envelope.ts';
import { REPORT_BODY_MAX_BYTES, REPORT_WIRE_MAX_BYTES } from '../../wire/limits.ts';
import { loadKeys } from '../keys.ts';
import { mintToken } from '../tokens.ts';

const BOOT_B = 'b'.repeat(32);

let collector: FakeCollector;
let now: number;
beforeEach(async () => {
  collector = await fakeCollector();
  now = collector.clock.nowMs();
});
afterEach(() => collector[Symbol.asyncDispose]());

/** Everything a reader can see. */
async function visible(): Promise<unknown> {
  const urls = ['/api/v1/workers', '/api/v1/events', '/api/v1/reachability'];
  const answers = await Promise.all(urls.map((url) => collector.get(url)));
  return answers.map((answer) => answer.json<unknown>());
}

/** Sends a raw body with the token of rig-1. */
function send(payload: Buffer | string, headers: Record<string, string> = {}) {
  return collector.app.inject({
    method: 'POST',
    url: '/v1/reports',
    headers: { authorization: `Bearer ${collector.token()}`, 'content-type': 'application/json', ...headers },
    payload,
  });
}

describe('a good report', () => {
  it('is acknowledged and seen in the fleet, gzipped or not', async () => {
    const answer = await collector.report(typicalEnvelope({ seq: 7, sentAt: now }));
    expect([answer.statusCode, answer.json()]).toEqual([200, { acked: 7 }]);
    const plain = await send(JSON.stringify(typicalEnvelope({ seq: 8, sentAt: now })));
    expect([plain.statusCode, plain.json()]).toEqual([200, { acked: 8 }]);
    const row = (await collector.get('/api/v1/workers')).json<{ workers: unknown[] }>().workers[0];
    expect(row).toMatchObject({ id: 'rig-1', state: 'hashing', claimed_hs: 1_000_000, accepted: 3, power_w: 358.5 });
  });

  it('is acknowledged again and stored once', async () => {
    const body = envelope({ sentAt: now, records: [lifecycleRecord(now)] });
    const answers = await Promise.all([1, 2, 3].map(() => collector.report(body)));
    expect(answers.map((answer) => answer.json<unknown>())).toEqual([{ acked: 0 }, { acked: 0 }, { acked: 0 }]);
    expect((await collector.get('/api/v1/events')).json<{ events: unknown[] }>().events).toHaveLength(1);
  });

  it('holds its moments by the collector, when the worker has a wrong clock', async () => {
    const theirs = now - 3_600_000;
    await collector.report(envelope({ sentAt: theirs, records: [lifecycleRecord(theirs - 10_000)] }));
    const { events } = (await collector.get('/api/v1/events')).json<{ events: { at: string }[] }>();
    expect(events[0]?.at).toBe(new Date(now - 10_000).toISOString());
  });

  it('is acknowledged and dropped when all it tells is older than what is kept', async () => {
    const old = now - 8 * 86_400_000;
    const answer = await collector.report(envelope({ sentAt: now, records: [lifecycleRecord(old)] }));
    expect(answer.json()).toEqual({ acked: 0 });
    expect((await collector.get('/api/v1/workers')).json()).toEqual({ workers: [] });
  });

  it('of a newer worker keeps what this collector knows', async () => {
    const body = { ...envelope({ sentAt: now }), news: 1, records: [{ ...hashrateRecord(now), news: { a: 1 } }] };
    expect((await collector.report(body)).statusCode).toBe(200);
  });

  it('of a second living boot makes one event', async () => {
    const from = (boot: string, seq: number, at: number) =>
      collector.report(envelope({ boot, seq, sentAt: now, records: [hashrateRecord(at)] }));
    await from(envelope({ sentAt: now }).boot, 0, now - 50_000);
    await from(BOOT_B, 0, now - 40_000);
    await from(envelope({ sentAt: now }).boot, 1, now - 30_000);
    await from(BOOT_B, 1, now - 20_000);
    await from(envelope({ sentAt: now }).boot, 2, now - 10_000);
    const { events } = (await collector.get('/api/v1/events')).json<{ events: { event: string; level: string }[] }>();
    expect(events.map((event) => [event.event, event.level])).toEqual([['duplicate_boot', 'error']]);
  });

  it('is stored once under any repetition and concurrency', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(6), { minLength: 1, maxLength: 20 }), fc.uuid(), async (seqs, uuid) => {
        const worker = `rig-${uuid}`;
        const answers = await Promise.all(
          seqs.map((seq) =>
            collector.report(
              envelope({ worker, seq, sentAt: now, records: [lifecycleRecord(now, { event: `e${seq}` })] }),
            ),
          ),
        );
        expect(answers.map((answer) => answer.json<unknown>())).toEqual(seqs.map((acked) => ({ acked })));
        const { events } = (await collector.get(`/api/v1/events?worker=${worker}`)).json<{
          events: { event: string }[];
        }>();
        expect(events.map((event) => event.event).toSorted()).toEqual(
          [...new Set(seqs)].map((seq) => `e${seq}`).toSorted(),
        );
      }),
      { numRuns: 20 },
    );
  });
});

describe('a bad report', () => {
  const deep = { ...envelope({ sentAt: 1 }), records: Array.from({ length: 201 }, () => hashrateRecord(1)) };
  const wrongs: [
    name: string,
    status: number,
    error: string,
    field: string | undefined,
    payload: () => Buffer | string,
  ][] = [
    ['that is not JSON', 400, 'bad_json', undefined, () => gzipSync('{"v":1,')],
    ['that is not UTF-8', 400, 'bad_json', undefined, () => gzipSync(Buffer.from([0x22, 0xff, 0xfe, 0x22]))],
    ['that is not gzip', 400, 'bad_request', undefined, () => Buffer.from('not gzip')],
    ['with a cut gzip', 400, 'bad_request', undefined, () => gzipped(envelope({ sentAt: 1 })).subarray(0, 60)],
    ['without a body', 400, 'bad_request', undefined, () => ''],
    ['of a future version', 422, 'unsupported_version', 'v', () => gzipped({ ...envelope({ sentAt: 1 }), v: 2 })],
    ['without a version', 422, 'invalid_field', 'v', () => gzipped({ ...envelope({ sentAt: 1 }), v: undefined })],
    ['that is a list', 422, 'invalid_field', '', () => gzipped([])],
    ['without records', 422, 'invalid_field', 'records', () => gzipped(envelope({ sentAt: 1, records: [] }))],
    ['with too many records', 422, 'invalid_field', 'records', () => gzipped(deep)],
    ['with a wrong boot', 422, 'invalid_field', 'boot', () => gzipped(envelope({ sentAt: 1, boot: 'x' }))],
    [
      'with an unknown kind',
      422,
      'invalid_field',
      'records.0.kind',
      () => gzipped({ ...envelope({ sentAt: 1 }), records: [{ kind: 'x' }] }),
    ],
    [
      'with a negative hashrate',
      422,
      'invalid_field',
      'records.3.claimed_hs',
      () => {
        const good = [1, 2, 3].map((at) => hashrateRecord(at));
        return gzipped(envelope({ sentAt: 1, records: [...good, hashrateRecord(4, { claimed_hs: -1 })] }));
      },
    ],
    [
      'with an over-long text',
      422,
      'invalid_field',
      'records.0.detail',
      () => gzipped(envelope({ sentAt: 1, records: [lifecycleRecord(1, { detail: 'x'.repeat(601) })] })),
    ],
    ['of another worker', 403, 'worker_mismatch', 'worker', () => gzipped(envelope({ sentAt: 1, worker: 'rig-2' }))],
    ['that unzips beyond the limit', 413, 'too_large', undefined, () => gzipSync(Buffer.alloc(50_000_000, 0x20))],
    [
      'that unzips one byte beyond the limit',
      413,
      'too_large',
      undefined,
      () => gzipSync(Buffer.alloc(REPORT_BODY_MAX_BYTES + 1, 0x20)),
    ],
    ['that is too large as sent', 413, 'too_large', undefined, () => Buffer.alloc(REPORT_WIRE_MAX_BYTES + 1)],
  ];

  it.each(wrongs)('%s gets %i %s and changes nothing', async (_name, status, error, field, payload) => {
    await collector.report(typicalEnvelope({ sentAt: now }));
    const before = await visible();
    const answer = await send(payload(), { 'content-encoding': 'gzip' });
    const body = ErrorBody.parse(answer.json());
    expect([answer.statusCode, body.error, body.field]).toEqual([status, error, field]);
    expect(body.message).not.toBe('');
    expect(await visible()).toEqual(before);
  });

  it('of another type or encoding gets 415', async () => {
    const type = await send('x', { 'content-type': 'text/plain' });
    const encoding = await send('x', { 'content-encoding': 'br' });
    expect([type.statusCode, encoding.statusCode]).toEqual([415, 415]);
    expect(ErrorBody.parse(type.json()).error).toBe('unsupported_media_type');
  });

  it('fills neither the rate nor the bytes of another worker', async () => {
    let refused: string | undefined;
    for (let i = 0; refused === undefined; i++) {
      expect(i).toBeLessThan(1000);
      const answer = await collector.report(envelope({ seq: i, sentAt: now }));
      if (answer.statusCode === 429) refused = answer.headers['retry-after']?.toString();
    }
    expect(Number(refused)).toBeGreaterThan(0);
    expect((await collector.report(envelope({ worker: 'rig-2', sentAt: now }))).statusCode).toBe(200);
    await collector.clock.advance(Number(refused) * 1000);
    expect((await collector.report(envelope({ seq: 9999, sentAt: now }))).statusCode).toBe(200);
  });

  it('reads the body only after the token is good', async () => {
    const answer = await collector.app.inject({
      method: 'POST',
      url: '/v1/reports',
      headers: { 'content-type': 'application/json', 'content-length': '99999999', authorization: 'Bearer x' },
      payload: 'not JSON',
    });
    expect([answer.statusCode, ErrorBody.parse(answer.json()).error]).toEqual([401, 'token_invalid']);
  });
});

describe('a worker token', () => {
  async function outcome(token: string): Promise<[number, string]> {
    const answer = await collector.report(envelope({ sentAt: now }), token);
    return [answer.statusCode, ErrorBody.parse(answer.json()).error];
  }
  const expires_s = (): number => Math.floor(now / 1000) + 60;

  it('that is wrong gets 401', async () => {
    const good = collector.token();
    const last = good.at(-1) === 'A' ? 'B' : 'A';
    for (const wrong of [
      '',
      'x',
      good.slice(0, -1) + last,
      good.replace('rig-1', 'rig-2'),
      good.replace('.k1', '.zz'),
    ]) {
      expect(await outcome(wrong)).toEqual([401, 'token_invalid']);
    }
  });

  it('that has expired gets 401, to the second', async () => {
    const token = mintToken(collector.deps.keys, { worker: 'rig-1', expires_s: expires_s() });
    expect((await collector.report(envelope({ sentAt: now }), token)).statusCode).toBe(200);
    await collector.clock.advance(60_000);
    expect(await outcome(token)).toEqual([401, 'token_expired']);
  });

  it('that was revoked gets 401 at the next request', async () => {
    const token = collector.token();
    expect((await collector.report(envelope({ sentAt: now }), token)).statusCode).toBe(200);
    await collector.deps.store.revoke({
      by: 'worker',
      worker: 'rig-1',
      expires_up_to_s: expires_s() + 86_400,
      reason: '',
      created_ms: now,
    });
    expect(await outcome(token)).toEqual([401, 'token_revoked']);
  });

  it('of a key that another process added is good at once', async () => {
    const others = await loadKeys(collector.dir);
    await others.add(now);
    const token = mintToken(others, { worker: 'rig-1', expires_s: expires_s() });
    expect((await collector.report(envelope({ sentAt: now }), token)).statusCode).toBe(200);
  });
});

describe('a failing store', () => {
  it('gets 503 with Retry-After, and the report can come again', async () => {
    let failing = true;
    await using failed = await fakeCollector({
      store: (store) =>
        new Proxy(store, {
          get: (target, name) => {
            if (name === 'addReport' && failing)
              return () => Promise.reject(new SpotrigError('store_failed', 'disk full'));
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function'
              ? (...args: unknown[]): unknown => Reflect.apply(value, target, args)
              : value;
          },
        }),
    });
    const body = envelope({ sentAt: failed.clock.nowMs() });
    const answer = await failed.report(body);
    expect([answer.statusCode, ErrorBody.parse(answer.json()).error]).toEqual([503, 'store_unavailable']);
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    failing = false;
    expect((await failed.report(body)).json()).toEqual({ acked: 0 });
  });
});

describe('hello', () => {
  function hello(body: unknown, headers: Record<string, string> = {}) {
    return collector.app.inject({
      method: 'POST',
      url: '/v1/hello',
      headers: {
        authorization: `Bearer ${collector.token()}`,
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
      payload: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }
  async function state(): Promise<string | undefined> {
    return (await collector.get('/api/v1/workers')).json<{ workers: { state: string }[] }>().workers[0]?.state;
  }

  it('shows a worker as stuck until it reports', async () => {
    expect((await hello({ worker: 'rig-1', stage: 'start', code: 0 })).statusCode).toBe(200);
    expect(await state()).toBe('preparing');
    expect((await hello({ worker: 'rig-1', stage: 'runtime', code: 4 })).statusCode).toBe(200);
    expect(await state()).toBe('stuck');
    await collector.clock.advance(1000);
    await collector.report(envelope({ sentAt: collector.clock.nowMs() }));
    expect(await state()).toBe('hashing');
  });

  it('that is wrong is refused', async () => {
    const status = async (answer: ReturnType<typeof hello>): Promise<number> => (await answer).statusCode;
    expect(await status(hello('x'))).toBe(400);
    expect(await status(hello({ worker: 'rig-1', stage: '<b>', code: 0 }))).toBe(422);
    expect(await status(hello({ worker: 'rig-2', stage: 'start', code: 0 }))).toBe(403);
    expect(await status(hello({ worker: 'rig-1', stage: 'start', code: 0, pad: 'x'.repeat(300) }))).toBe(413);
    expect(await status(hello({}, { authorization: 'Bearer x' }))).toBe(401);
    expect(await visible()).toEqual([{ workers: [] }, { events: [] }, { reachability: [] }]);
  });
});
