import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it } from 'vitest';
import { tRex } from '../../miners/t-rex.ts';
import type { MinerSample } from '../../miners/miner.ts';
import { SpotrigError } from '../../platform/errors.ts';
import { httpRequest, type HttpAnswer } from '../../platform/http.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { HashrateRecord } from '../../wire/records.ts';
import type { EventInput, MinerView } from '../run-view.ts';
import { HashrateSampler } from './hashrate.ts';

const SUMMARY = JSON.stringify({
  name: 't-rex',
  version: '0.26.8',
  algorithm: 'kawpow',
  uptime: 60,
  hashrate: 31_300_000,
  accepted_count: 91,
  rejected_count: 1,
  gpus: [{ device_id: 0, pci_bus: 1, hashrate: 31_300_000 }],
});
const view: MinerView = {
  state: 'hashing',
  adapter: tRex,
  apiPort: 4067,
  release: '0.26.8',
  algo: 'kawpow',
  pool: 'stratum+tcp://pool.test:5030',
};

let clock: FakeClock;
let answer: () => Promise<HttpAnswer>;
let samples: (MinerSample | null)[];
let events: EventInput[];
let sampler: HashrateSampler;

beforeEach(() => {
  clock = new FakeClock();
  samples = [];
  events = [];
  answer = page(SUMMARY);
  sampler = new HashrateSampler({
    clock,
    http: () => answer(),
    onSample: (s) => samples.push(s),
    onEvent: (e) => events.push(e),
  });
});

function page(text: string, status = 200): () => Promise<HttpAnswer> {
  return () => Promise.resolve({ status, headers: {}, body: Buffer.from(text) });
}

function failure(code: string, errno?: string): () => Promise<HttpAnswer> {
  const cause = Object.assign(new Error('connect'), { code: errno });
  return () => Promise.reject(new SpotrigError(code, 'request failed', { cause }));
}

async function poll(times: number, as: Partial<MinerView> = {}): Promise<void> {
  for (let i = 0; i < times; i++) {
    await clock.advance(5000);
    await sampler.poll({ ...view, ...as });
  }
}

describe('HashrateSampler', () => {
  it('claims nothing for a miner that has just ended', async () => {
    await poll(1);
    for (const state of ['backing_off', 'stopped', 'preparing'] as const) {
      expect(sampler.record({ ...view, state }, null)).toMatchObject({ state, claimed_hs: null, claimed_gpus: [] });
    }
    expect(sampler.record(view, null).claimed_hs).toBe(31_300_000);
  });

  it('reports what the miner claims and what its shares prove', async () => {
    await poll(1);
    const meter = {
      takeWindow: () => expect.unreachable(),
      delivered: (w: number) => ({ rate_hs: 3e7, low_hs: 2e7, high_hs: 4e7, window_ms: w }),
    };
    expect(HashrateRecord.parse(sampler.record(view, meter))).toMatchObject({
      state: 'hashing',
      miner: 't-rex',
      miner_version: '0.26.8',
      algo: 'kawpow',
      miner_uptime_s: 60,
      claimed_hs: 31_300_000,
      claimed_accepted: 91,
      claimed_rejected: 1,
      delivered_hs: 3e7,
      delivered_low_hs: 2e7,
      delivered_high_hs: 4e7,
      delivered_window_ms: 600_000,
    });
    expect(samples).toHaveLength(1);
  });

  it('forgets a sample that is old: unknown is null', async () => {
    await poll(1);
    await clock.advance(16_000);
    expect(HashrateRecord.parse(sampler.record(view, null))).toMatchObject({
      claimed_hs: null,
      delivered_hs: null,
      claimed_gpus: [],
    });
  });

  it.each([
    ['cut short', page(SUMMARY.slice(0, 100)), 'bytes that begin with'],
    ['HTML', page('<html><b>hello</b></html>'), 'bytes that begin with'],
    ['an error status', page('{}', 500), 'status 500'],
    ['too long', failure('http_too_large'), 'request failed'],
    ['none in time', failure('http_timeout'), 'request failed'],
    ['refused', failure('http_failed', 'ECONNREFUSED'), 'request failed'],
  ])('makes a null sample and one event of an answer that is %s', async (_, bad, detail) => {
    await poll(1);
    answer = bad;
    await poll(2);
    expect(sampler.record(view, null).claimed_hs).toBeNull();
    expect(samples.slice(1)).toEqual([null, null]);
    expect(events).toEqual([]);
    await poll(50);
    expect(events).toMatchObject([{ event: 'miner_api_bad_answer', level: 'warn' }]);
    expect(events[0]?.detail).toContain(detail);
  });

  it('tells of another kind of bad answer, but not every minute of a change', async () => {
    answer = page('<html>');
    await poll(3);
    answer = failure('http_timeout');
    await poll(5);
    expect(events).toHaveLength(1);
    await poll(10);
    expect(events).toHaveLength(2);
  });

  it('lets a miner start: a refused connection is no event then, a wrong page is', async () => {
    answer = failure('http_failed', 'ECONNREFUSED');
    await poll(20, { state: 'starting' });
    expect(events).toEqual([]);
    answer = page('<html>');
    await poll(3, { state: 'starting' });
    expect(events).toHaveLength(1);
  });

  it('asks nobody while there is no miner', async () => {
    answer = () => expect.unreachable();
    await poll(1, { apiPort: null });
    await poll(1, { state: 'backing_off' });
    expect(samples).toEqual([]);
  });

  it('gives up on a real server that hangs, cuts off or floods', async () => {
    const listeners: RequestListener[] = [
      (_, response) => response.writeHead(200, { 'content-length': '5000' }).end(SUMMARY.slice(0, 50)),
      (_, response) => response.writeHead(200).end(Buffer.alloc(300_000, 32)),
      (request) => request.socket.destroy(),
    ];
    let turn = 0;
    const server = createServer((request, response) => {
      listeners[turn++]?.(request, response);
      if (turn === 1) setImmediate(() => response.destroy());
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const { port } = server.address() as AddressInfo;
    const real = new HashrateSampler({
      clock,
      http: httpRequest,
      onSample: (s) => samples.push(s),
      onEvent: () => undefined,
    });
    for (let i = 0; i < 3; i++) await real.poll({ ...view, apiPort: port });
    expect(samples).toEqual([null, null, null]);
    server.closeAllConnections();
    server.close();
  });
});
