import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { realClock } from '../../platform/clock.ts';
import { createLogger } from '../../platform/logger.ts';
import { FakeClock } from '../../test/fakes/clock.ts';
import { Counters } from '../counters.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { type Delivery, deliverChanges, postDelivery } from './deliver.ts';
import { isSignedBy } from './signature.ts';

const T = 1_790_000_000_000;
const WEBHOOK = { url: 'http://127.0.0.1:9/', secret: 'a secret of the test' };
const logger = createLogger({ name: 'test', level: 'silent' });

interface Told {
  id: number;
  machine: string;
  n: number;
}

let dir: string;
let store: Store;
let clock: FakeClock;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'spotrig-webhook-'));
  store = openSqliteStore(join(dir, 'collector.sqlite'));
  clock = new FakeClock(T);
});
afterEach(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function change(machine: string, n: number): Promise<void> {
  const body = JSON.stringify({ machine, n });
  await store.machines.keepAdvice([{ machine, at_ms: clock.nowMs(), body }], [{ machine, at_ms: clock.nowMs(), body }]);
}

/** A collector's deliverer, and its end. */
function running(answer: (told: Told[]) => Delivery): () => Promise<void> {
  const ended = new AbortController();
  const delivering = deliverChanges({
    ...{ webhook: WEBHOOK, machines: store.machines, clock, random: () => 1, logger, counters: new Counters() },
    signal: ended.signal,
    post: async (_webhook, body) => answer((JSON.parse(body) as { changes: Told[] }).changes),
  });
  return async () => {
    ended.abort();
    await clock.advance(1);
    await delivering;
  };
}

const DOWN: Delivery = { told: false, refused: false, reason: 'http_failed', retry_after_ms: null };

describe('changes of advice', () => {
  it('all arrive in the order of each machine, through an hour of silence, two restarts and lost answers', async () => {
    const seen: Told[] = [];
    let answers = 0;
    const receiver = (told: Told[]): Delivery => {
      if (clock.nowMs() - T < 3_600_000) return DOWN;
      seen.push(...told);
      // What the receiver took, but its answer was lost.
      return answers++ % 2 === 0 ? DOWN : { told: true };
    };
    let stop = running(receiver);
    for (let n = 0; n < 120; n++) {
      await change(`rig-${n % 3}`, n);
      await clock.advance(60_000);
      if (n !== 30 && n !== 80) continue;
      await stop();
      await store.close();
      store = openSqliteStore(join(dir, 'collector.sqlite'));
      stop = running(receiver);
    }
    await clock.advance(3_600_000);
    await stop();
    expect(await store.machines.untold(1)).toEqual([]);
    const first = new Map(seen.map((told) => [told.id, told]));
    expect(first.size).toBe(120);
    expect(seen.length).toBeGreaterThan(120);
    for (const told of seen) expect(told).toEqual(first.get(told.id));
    const inOrder = [...first.keys()].toSorted((a, b) => a - b).map((id) => first.get(id)?.n);
    expect(inOrder).toEqual(Array.from({ length: 120 }, (_, n) => n));
    // Without what came again, each came after those before it.
    const order = seen.filter((told, i) => seen.findIndex(({ id }) => id === told.id) === i).map(({ id }) => id);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });

  it('never get an id again, also when all were told', async () => {
    await change('rig-1', 0);
    const [before] = await store.machines.untold(9);
    await store.machines.told(before?.id ?? 0);
    await change('rig-1', 1);
    expect((await store.machines.untold(9))[0]?.id).toBeGreaterThan(before?.id ?? Infinity);
  });

  it('are given up where the receiver refuses them for long, so that later ones get through', async () => {
    await change('rig-1', 0);
    const refused: Delivery = { told: false, refused: true, reason: 'status_400', retry_after_ms: null };
    const seen: number[] = [];
    const stop = running((told) => {
      if (told.some(({ n }) => n === 0)) return refused;
      seen.push(...told.map(({ n }) => n));
      return { told: true };
    });
    await clock.advance(13 * 3_600_000);
    await change('rig-1', 1);
    await clock.advance(600_000);
    await stop();
    expect(seen).toEqual([1]);
  });
});

describe('a delivery', () => {
  it('is signed over its moment and its bytes', async () => {
    const got: { headers: Record<string, unknown>; body: string }[] = [];
    let status = 204;
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8');
      request.on('data', (piece: string) => (body += piece));
      request.on('end', () => {
        got.push({ headers: request.headers, body });
        response.writeHead(status, { 'retry-after': '7' }).end();
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const webhook = { ...WEBHOOK, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
    const post = () => postDelivery(webhook, '{"v":1}', { clock: realClock, signal: new AbortController().signal });
    expect(await post()).toEqual({ told: true });
    const timestamp_s = Number(got[0]?.headers['spotrig-timestamp']);
    const signature = String(got[0]?.headers['spotrig-signature']);
    const signed = { secret: WEBHOOK.secret, timestamp_s, body: got[0]?.body ?? '', signature };
    expect(Math.abs(timestamp_s - Date.now() / 1000)).toBeLessThan(60);
    expect(isSignedBy(signed)).toBe(true);
    for (const wrong of [{ secret: 'x' }, { timestamp_s: timestamp_s + 1 }, { body: '{"v":2}' }, { signature: 'v1=' }])
      expect(isSignedBy({ ...signed, ...wrong })).toBe(false);
    for (const [code, refused] of [
      [503, false],
      [429, false],
      [400, true],
    ] as const) {
      status = code;
      expect(await post()).toEqual({ told: false, refused, reason: `status_${code}`, retry_after_ms: 7000 });
    }
    server.closeAllConnections();
    server.close();
    expect(await post()).toMatchObject({ told: false, refused: false, retry_after_ms: null });
  });
});
