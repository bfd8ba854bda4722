// The cases that every store must hold. SQLite is the only one yet; another engine joins the list at the end.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import { type FrpClaim, type NewReport, OWN_EVENTS_MAX, type Store } from '../../collector/store/store.ts';
import { judge } from '../../wire/judge.ts';
import type { ControlSample } from '../../wire/reachability.ts';
import type { WireRecord } from '../../wire/records.ts';
import { poolTarget, reachabilityOf, wellTrial } from '../fakes/reachability.ts';
import {
  frpRecord,
  gpuRecord,
  hashrateRecord,
  hostRecord,
  lifecycleRecord,
  logRecord,
  sharesRecord,
} from '../fakes/reports.ts';

const T = 1_790_000_000_000;
const BOOT_A = 'a'.repeat(32);
const BOOT_B = 'b'.repeat(32);

function report(over: Partial<NewReport> & { records?: never; at?: number; of?: WireRecord[] } = {}): NewReport {
  const at = over.at ?? T;
  const of = over.of ?? [hashrateRecord(at)];
  return {
    worker: over.worker ?? 'rig-1',
    boot: over.boot ?? BOOT_A,
    seq: over.seq ?? 0,
    sent_at_ms: at,
    received_at_ms: over.received_at_ms ?? at,
    skew_ms: 0,
    records: of.map((record) => ({ at_ms: record.at_ms, record })),
  };
}

/** A worker's sample, stamped with the network it came from. */
function sampleAt(at_ms: number, host = 'pool.example', key = 'AS1'): WireRecord {
  const egress = { address: '5.8.1.2', asn: null, country: null, key };
  return reachabilityOf({ at_ms, target: poolTarget(host, 3333), egress });
}

function controlSample(at_ms: number): ControlSample {
  const entry = poolTarget('pool.example', 3333).url;
  return {
    ...{ entry, by: 'collector-a', at_ms, operation: null, failure: null, dns_failure: null },
    ...{ addresses: ['203.0.113.10'], trials: [wellTrial('203.0.113.10')] },
  };
}

interface Engine {
  name: string;
  /** Opens the store of a folder; a second one on the same folder stands for another process, or a later start. */
  open(dir: string): Store;
}

function contract(engine: Engine): void {
  describe(`store on ${engine.name}`, () => {
    let dir: string;
    let store: Store;
    beforeEach(() => {
      dir = mkdtempSync(join(tmpdir(), 'spotrig-store-'));
      store = engine.open(dir);
    });
    afterEach(async () => {
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    });

    it('stores a report once, whatever comes again', async () => {
      expect(await store.addReport(report())).toEqual({ stored: true, boot_change: 'first' });
      expect(await store.addReport(report({ of: [hashrateRecord(T, { claimed_hs: 7 })] }))).toEqual({ stored: false });
      expect(await store.addReport(report({ seq: 1, at: T + 1 }))).toEqual({ stored: true, boot_change: 'current' });
      const kept = await store.series('rig-1', 'hashrate', 0, 100);
      expect(kept.map((timed) => [timed.at_ms, timed.record.claimed_hs])).toEqual([
        [T, 1_000_000],
        [T + 1, 1_000_000],
      ]);
    });

    it('takes the same sequence number of another boot and of another worker', async () => {
      const added = await Promise.all([
        store.addReport(report()),
        store.addReport(report({ boot: BOOT_B, at: T + 1 })),
        store.addReport(report({ worker: 'rig-2' })),
      ]);
      expect(added.map((outcome) => outcome.stored)).toEqual([true, true, true]);
    });

    it('keeps everything for the next start, and what was acknowledged without a clean end', async () => {
      await store.addReport(report({ of: [hashrateRecord(T), hostRecord(T), logRecord(T, ['line'])] }));
      // A second opening while the first is still there: nothing was finished for it.
      const other = engine.open(dir);
      expect(await other.addReport(report())).toEqual({ stored: false });
      expect((await other.worker('rig-1', 0))?.hashrate?.record.claimed_hs).toBe(1_000_000);
      await other.close();
    });

    it('answers the newest facts of the current boot only', async () => {
      await store.addReport(
        report({ of: [hashrateRecord(T), sharesRecord(T, 5), gpuRecord(T, [100]), hostRecord(T)] }),
      );
      const unread = { dialect: 'unknown', unmeasured: 2 } as const;
      await store.addReport(
        report({
          boot: BOOT_B,
          at: T + 1000,
          of: [sharesRecord(T + 1000, 2, unread), sharesRecord(T + 2000, 3, { accepted_total: 5 })],
        }),
      );
      const facts = await store.worker('rig-1', T);
      expect(facts).toMatchObject({ id: 'rig-1', boot: BOOT_B, last_report_ms: T + 1000, hashrate: null, gpu: null });
      expect(facts?.shares?.record.accepted_total).toBe(5);
      expect(facts?.shares_window).toEqual({
        records: 2,
        window_ms: 30_000,
        work_hashes: 5e6,
        work_sq_hashes2: 5e12,
        work_max_hashes: 1e6,
        unmeasured: 3,
      });
      expect((await store.worker('rig-1', T + 1500))?.shares_window.records).toBe(1);
      expect(await store.host('rig-1')).toBeNull();
      expect(await store.worker('rig-2', 0)).toBeNull();
    });

    it('knows the current boot by the newest record, not by what arrives last', async () => {
      await store.addReport(report({ seq: 0, at: T }));
      expect(await store.addReport(report({ boot: BOOT_B, at: T + 60_000 }))).toMatchObject({
        boot_change: 'switched',
      });
      // The old boot's spool, sent by the new one.
      const late = report({ seq: 1, at: T + 30_000, received_at_ms: T + 90_000 });
      expect(await store.addReport(late)).toMatchObject({ boot_change: 'late' });
      expect((await store.worker('rig-1', 0))?.boot).toBe(BOOT_B);
      // The old boot speaks of now: it is alive too.
      expect(await store.addReport(report({ seq: 2, at: T + 120_000 }))).toMatchObject({ boot_change: 'returned' });
      expect((await store.worker('rig-1', 0))?.boot).toBe(BOOT_A);
    });

    it('keeps the newest state of a tunnel for each boot, with the token it came by', async () => {
      const token = { kid: 'k1', expires_s: 7 };
      await store.addReport({ ...report({ of: [frpRecord(T + 5, { state: 'up' }), frpRecord(T)] }), token });
      await store.addReport({ ...report({ seq: 1, of: [frpRecord(T + 1)] }), token: { kid: 'k2', expires_s: 8 } });
      expect(await store.frp('rig-1')).toEqual({ at_ms: T + 5, record: frpRecord(T + 5, { state: 'up' }), token });
      await store.addReport(report({ seq: 2, of: [frpRecord(T + 9)] }));
      expect(await store.frp('rig-1')).toMatchObject({ at_ms: T + 9, token: null });
      await store.addReport(report({ boot: BOOT_B, at: T + 60_000 }));
      expect(await store.frp('rig-1')).toBeNull();
      expect(await store.frp('rig-2')).toBeNull();
    });

    it('gives each service a port of its own, and the same again', async () => {
      const ask = { worker: 'rig-1', service: 'ssh', port: null, first: 20_000, last: 20_002, max: 2, now_ms: T };
      expect(await store.takeFrpPort(ask)).toBe(20_000);
      expect(await store.takeFrpPort({ ...ask, worker: 'rig-2' })).toBe(20_001);
      expect(await store.takeFrpPort({ ...ask, port: 20_001 })).toBeNull();
      expect(await store.takeFrpPort({ ...ask, now_ms: T + 1 })).toBe(20_000);
      // Another that it asks for replaces the one it had.
      expect(await store.takeFrpPort({ ...ask, port: 20_002, now_ms: T + 2 })).toBe(20_002);
      expect(await store.takeFrpPort({ ...ask, service: 'web', now_ms: T + 3 })).toBe(20_000);
      expect(await store.takeFrpPort({ ...ask, worker: 'rig-3' })).toBeNull();
      // A worker has so many at most: its oldest goes.
      expect(await store.takeFrpPort({ ...ask, service: 'api', port: null, now_ms: T + 4 })).toBeNull();
      expect(await store.takeFrpPort({ ...ask, service: 'api', port: null, last: 20_003, now_ms: T + 4 })).toBe(20_003);
      expect(await store.takeFrpPort({ ...ask, worker: 'rig-3' })).toBe(20_002);
      // Out of the range that is now.
      const moved = { ...ask, service: 'web', first: 30_000, last: 30_001, now_ms: T + 5 };
      expect(await store.takeFrpPort(moved)).toBe(30_000);
    });

    it('keeps the ports of a worker that is known, and gives those of a forgotten one away', async () => {
      const ask = { service: 'ssh', port: null, first: 20_000, last: 20_001, max: 2, now_ms: T };
      await store.addReport(report({ at: T + 1000 }));
      await store.takeFrpPort({ ...ask, worker: 'rig-1' });
      await store.takeFrpPort({ ...ask, worker: 'rig-2' });
      await store.prune(T + 500, 100);
      expect(await store.takeFrpPort({ ...ask, worker: 'rig-1', service: 'web' })).toBe(20_001);
    });

    it('lists workers by name, also one that only said hello', async () => {
      await store.addReport(report({ worker: 'rig-2' }));
      await store.addHello({ worker: 'rig-1', stage: 'runtime', code: 3, received_at_ms: T + 5 });
      const [first, second] = await store.workers(0);
      expect(first).toMatchObject({
        id: 'rig-1',
        boot: null,
        last_report_ms: null,
        hello: { stage: 'runtime', code: 3, at_ms: T + 5 },
        last_event: { boot: null, record: { event: 'hello', level: 'error', exit_code: 3 } },
      });
      expect(second).toMatchObject({ id: 'rig-2', boot: BOOT_A, hello: null, last_event: null });
    });

    it('answers events newest first, of one worker or of all, with a limit', async () => {
      await store.addReport(
        report({ of: [lifecycleRecord(T, { event: 'one' }), lifecycleRecord(T + 2, { event: 'three' })] }),
      );
      await store.addReport(report({ worker: 'rig-2', of: [lifecycleRecord(T + 1, { event: 'two' })] }));
      await store.addEvent({
        worker: 'rig-1',
        boot: BOOT_A,
        at_ms: T + 3,
        record: lifecycleRecord(T + 3, { event: 'four' }),
      });
      const names = async (query: Parameters<Store['events']>[0]): Promise<string[]> =>
        (await store.events(query)).map((event) => event.record.event);
      expect(await names({ limit: 10 })).toEqual(['four', 'three', 'two', 'one']);
      expect(await names({ limit: 2 })).toEqual(['four', 'three']);
      expect(await names({ worker: 'rig-2', limit: 10 })).toEqual(['two']);
      expect((await store.events({ limit: 1 }))[0]).toMatchObject({ worker: 'rig-1', boot: BOOT_A, at_ms: T + 3 });
    });

    it('keeps events of no worker’s apart, few of them, and drops them with age', async () => {
      const own = (at_ms: number, event: string, claimed: FrpClaim | null = null): Promise<void> =>
        store.addEvent({ worker: null, boot: null, at_ms, claimed, record: lifecycleRecord(at_ms, { event }) });
      const claimed = { user: `'); DROP TABLE own_events; --\ud800`, proxy: null };
      await store.addReport(report({ of: [lifecycleRecord(T + 1, { event: 'worker’s' })] }));
      await own(T, 'old');
      await own(T + 2, 'new', claimed);
      const names = async (query: Parameters<Store['events']>[0]): Promise<string[]> =>
        (await store.events(query)).map((event) => event.record.event);
      expect(await names({ limit: 10 })).toEqual(['new', 'worker’s', 'old']);
      expect(await names({ limit: 2 })).toEqual(['new', 'worker’s']);
      expect(await names({ worker: null, limit: 10 })).toEqual(['new', 'old']);
      expect(await names({ worker: 'rig-1', limit: 10 })).toEqual(['worker’s']);
      expect((await store.events({ limit: 1 }))[0]).toMatchObject({ worker: null, boot: null, at_ms: T + 2, claimed });
      expect((await store.workers(0)).map(({ id }) => id)).toEqual(['rig-1']);

      await store.prune(T + 1, 10);
      expect(await names({ worker: null, limit: 10 })).toEqual(['new']);
      await Promise.all(Array.from({ length: OWN_EVENTS_MAX }, (_, i) => own(T + 3 + i, 'many')));
      const kept = await names({ worker: null, limit: OWN_EVENTS_MAX + 10 });
      expect([kept.length, kept.includes('new')]).toEqual([OWN_EVENTS_MAX, false]);
    });

    it('answers a series oldest first; of too many, the newest', async () => {
      await store.addReport(report({ of: [3, 1, 2].map((i) => sharesRecord(T + i, i)) }));
      const moments = async (since: number, limit: number): Promise<number[]> =>
        (await store.series('rig-1', 'shares', since, limit)).map((timed) => timed.at_ms - T);
      expect(await moments(0, 10)).toEqual([1, 2, 3]);
      expect(await moments(T + 2, 10)).toEqual([2, 3]);
      expect(await moments(0, 2)).toEqual([2, 3]);
      expect(await store.series('rig-2', 'shares', 0, 10)).toEqual([]);
    });

    it('puts the corrected moment into the record', async () => {
      const record = hashrateRecord(T - 3_600_000);
      await store.addReport({ ...report(), records: [{ at_ms: T, record }] });
      expect(await store.series('rig-1', 'hashrate', T, 1)).toMatchObject([{ at_ms: T, record: { at_ms: T } }]);
    });

    it('gives back hostile text as it came', async () => {
      const text = `'); DROP TABLE records; --<script>\u0000\u001b[2J\u202e\ud800 ' " \\ %s ${'é'.repeat(20)}`;
      await store.addReport(
        report({
          of: [lifecycleRecord(T, { detail: text }), logRecord(T, [text]), hashrateRecord(T, { miner: text })],
        }),
      );
      // A lone surrogate has no UTF-8; JSON carries it as an escape.
      expect((await store.events({ limit: 1 }))[0]?.record.detail).toBe(text);
      expect((await store.series('rig-1', 'log', 0, 1))[0]?.record.lines).toEqual([text]);
      expect((await store.worker('rig-1', 0))?.hashrate?.record.miner).toBe(text);
    });

    it('refuses revoked tokens, at once also from another process', async () => {
      const token = { worker: 'rig-1', digest: 'd1', expires_s: 1000 };
      const other = engine.open(dir);
      expect(await store.isRevoked(token)).toBe(false);
      await other.revoke({ by: 'token', digest: 'd1', reason: 'leaked', created_ms: T });
      expect(await store.isRevoked(token)).toBe(true);
      expect(await store.isRevoked({ ...token, digest: 'd2' })).toBe(false);

      await other.revoke({ by: 'worker', worker: 'rig-1', expires_up_to_s: 2000, reason: '', created_ms: T });
      await other.revoke({ by: 'worker', worker: 'rig-1', expires_up_to_s: 1500, reason: '', created_ms: T });
      expect(await store.isRevoked({ ...token, digest: 'd2', expires_s: 2000 })).toBe(true);
      expect(await store.isRevoked({ ...token, digest: 'd2', expires_s: 2001 })).toBe(false);
      expect(await store.isRevoked({ worker: 'rig-2', digest: 'd2', expires_s: 1 })).toBe(false);
      expect(await store.revokedUpTo('rig-1')).toBe(2000);
      expect(await store.revokedUpTo('rig-2')).toBeNull();
      await other.close();
    });

    it('keeps samples with the network they came from, and tells the newest of each worker and target', async () => {
      await store.addReport(report({ of: [sampleAt(T), sampleAt(T + 1000, 'pool-b.example')] }));
      await store.addReport(report({ seq: 1, of: [sampleAt(T + 5000), hostRecord(T, { server: '42' })] }));
      // An older boot's spool comes late and is no news.
      await store.addReport(report({ boot: BOOT_B, of: [sampleAt(T - 1000)] }));
      await store.addReport(report({ worker: 'rig-2', of: [sampleAt(T + 2000, 'pool.example', 'AS2')] }));
      const found = await store.samples.newest({ since_ms: 0, limit: 10 });
      expect(
        found.map((one) => [one.worker, one.record.target.host, one.at_ms - T, one.network.key, one.server]),
      ).toEqual([
        ['rig-1', 'pool.example', 5000, 'AS1', '42'],
        ['rig-2', 'pool.example', 2000, 'AS2', null],
        ['rig-1', 'pool-b.example', 1000, 'AS1', '42'],
      ]);
      expect(found.map((one) => one.judged)).toEqual([null, null, null]);
      expect(await store.samples.newest({ since_ms: T + 2000, limit: 10 })).toEqual(found.slice(0, 2));
      expect(await store.samples.newest({ since_ms: 0, limit: 1 })).toEqual(found.slice(0, 1));
      for (const { worker, record } of found) {
        const { url } = record.target;
        const of = (which: { worker: string } | { target: string }) =>
          store.samples.newest({ since_ms: 0, limit: 10, of: which });
        expect(await of({ worker })).toEqual(found.filter((one) => one.worker === worker));
        expect(await of({ target: url })).toEqual(found.filter((one) => one.record.target.url === url));
      }
      expect(await store.samples.newest({ since_ms: 0, limit: 10, of: { worker: 'nobody' } })).toEqual([]);
      expect(await store.samples.serverOf('rig-1')).toBe('42');
      expect(await store.samples.serverOf('rig-9')).toBeNull();
    });

    it('tells what the same worker saw of the same target before', async () => {
      await store.addReport(report({ of: [0, 2, 1, 1].map((i) => sampleAt(T + i)) }));
      await store.addReport(report({ worker: 'rig-2', of: [sampleAt(T)] }));
      await store.addReport(report({ seq: 1, of: [sampleAt(T, 'pool-b.example')] }));
      const [newest] = await store.samples.newest({ since_ms: T + 2, limit: 1 });
      if (newest === undefined) throw new Error('no sample');
      const moments = async (limit: number): Promise<number[]> =>
        (await store.samples.earlier(newest, limit)).map((one) => one.at_ms - T);
      expect(await moments(10)).toEqual([1, 1, 0]);
      expect(await moments(2)).toEqual([1, 1]);
      // Two samples of one moment: each has the other before it or behind it, never both.
      const [second] = await store.samples.earlier(newest, 1);
      if (second === undefined) throw new Error('no sample');
      expect(await store.samples.earlier(second, 10)).toHaveLength(2);
    });

    it('tells the newest sample of other networks in a span', async () => {
      const of = (worker: string, at: number, key: string): Promise<unknown> =>
        store.addReport(report({ worker, seq: at, of: [sampleAt(T + at, 'pool.example', key)] }));
      await of('rig-1', 10, 'AS1');
      await of('rig-2', 20, 'AS2');
      await of('rig-3', 30, 'AS2');
      await of('rig-4', 40, 'AS3');
      await of('rig-5', 50, 'AS4');
      await store.addReport(report({ worker: 'rig-6', of: [sampleAt(T + 30, 'pool-b.example', 'AS9')] }));
      const query = { target: 'stratum+tcp://pool.example:3333', network_key: 'AS1', since_ms: T + 10, limit: 9 };
      const found = await store.samples.ofOtherNetworks({ ...query, until_ms: T + 40 });
      expect(found.map((one) => [one.worker, one.network.key])).toEqual([
        ['rig-4', 'AS3'],
        ['rig-3', 'AS2'],
      ]);
      expect(await store.samples.ofOtherNetworks({ ...query, until_ms: T + 40, limit: 1 })).toHaveLength(1);
      expect(await store.samples.ofOtherNetworks({ ...query, until_ms: T + 19 })).toEqual([]);
    });

    it('keeps control samples by their entry', async () => {
      for (const at of [0, 10, 20]) await store.samples.addControl(controlSample(T + at));
      await store.samples.addControl({ ...controlSample(T + 10), entry: 'stratum+tcp://other.example:1' });
      const entry = controlSample(T).entry;
      const moments = async (since: number, until: number): Promise<number[]> =>
        (await store.samples.controls({ entry, since_ms: T + since, until_ms: T + until })).map((one) => one.at_ms - T);
      expect(await moments(0, 20)).toEqual([20, 10, 0]);
      expect(await moments(1, 10)).toEqual([10]);
      expect((await store.samples.controls({ entry, since_ms: T, until_ms: T }))[0]).toEqual(controlSample(T));
    });

    it('gives out each sample to be judged when it is due, and keeps what was found', async () => {
      await store.addReport(report({ of: [sampleAt(T + 1), sampleAt(T)], received_at_ms: T + 100 }));
      expect(await store.samples.toJudge(T + 99, 10)).toEqual([]);
      const due = await store.samples.toJudge(T + 100, 10);
      expect(due.map((one) => one.at_ms - T)).toEqual([0, 1]);
      expect(await store.samples.toJudge(T + 100, 1)).toEqual(due.slice(0, 1));
      const [first, second] = due;
      if (first === undefined || second === undefined) throw new Error('no samples');
      const verdict = judge({ sample: first.record, history: [], controls: [], inside: [] });
      await store.samples.keepVerdicts([
        { id: first.id, verdict, since_ms: T - 50, judge_at_ms: null },
        { id: second.id, verdict, since_ms: T, judge_at_ms: T + 500 },
      ]);
      expect(await store.samples.toJudge(T + 499, 10)).toEqual([]);
      expect((await store.samples.toJudge(T + 500, 10)).map((one) => one.id)).toEqual([second.id]);
      const [newest] = await store.samples.newest({ since_ms: 0, limit: 1 });
      expect(newest).toMatchObject({ id: second.id, judged: { verdict, since_ms: T } });
    });

    it('prunes samples and controls with the rest', async () => {
      for (let seq = 0; seq < 6; seq++) {
        await store.addReport(report({ seq, at: T + seq, of: [sampleAt(T + seq, `pool-${seq}.example`)] }));
        await store.samples.addControl(controlSample(T + seq));
      }
      while ((await store.prune(T + 4, 2)) > 0);
      const found = await store.samples.newest({ since_ms: 0, limit: 10 });
      expect(found.map((one) => one.at_ms - T)).toEqual([5, 4]);
      expect(await store.samples.toJudge(T + 100, 10)).toHaveLength(2);
      const { entry } = controlSample(T);
      expect(await store.samples.controls({ entry, since_ms: 0, until_ms: T + 100 })).toHaveLength(2);
    });

    it('prunes in steps what was received before, and forgets silent workers', async () => {
      for (let seq = 0; seq < 10; seq++) await store.addReport(report({ seq, at: T + seq }));
      await store.addReport(report({ worker: 'rig-2', at: T + 100 }));
      await store.addHello({ worker: 'rig-3', stage: 'start', code: 0, received_at_ms: T });
      expect(await store.prune(T + 5, 2)).toBeGreaterThan(0);
      expect(await store.series('rig-1', 'hashrate', 0, 100)).toHaveLength(8);
      while ((await store.prune(T + 5, 2)) > 0);
      expect((await store.series('rig-1', 'hashrate', 0, 100)).map((timed) => timed.at_ms - T)).toEqual([
        5, 6, 7, 8, 9,
      ]);
      expect((await store.workers(0)).map((worker) => worker.id)).toEqual(['rig-1', 'rig-2']);
      while ((await store.prune(T + 50, 100)) > 0);
      expect((await store.workers(0)).map((worker) => worker.id)).toEqual(['rig-2']);
      expect(await store.addReport(report({ worker: 'rig-2', at: T + 100 }))).toEqual({ stored: false });
    });

    it('holds once-only under any repetition, order, concurrency and restart', async () => {
      const sends = fc.array(
        fc.record({ worker: fc.constantFrom('rig-1', 'rig-2'), boot: fc.constantFrom(BOOT_A, BOOT_B), seq: fc.nat(4) }),
        { minLength: 1, maxLength: 40 },
      );
      let round = 0;
      await fc.assert(
        fc.asyncProperty(sends, fc.nat(40), async (list, restartAt) => {
          // Every case has workers of its own in the same store.
          const suffix = `-${round++}`;
          const named = list.map((send) => ({ ...send, worker: `${send.worker}${suffix}` }));
          const [before, after] = [named.slice(0, restartAt), named.slice(restartAt)];
          const add = (send: (typeof named)[number]): Promise<boolean> =>
            store.addReport(report({ ...send, at: T + send.seq })).then((outcome) => outcome.stored);
          const stored = await Promise.all(before.map(add));
          await store.close();
          store = engine.open(dir);
          stored.push(...(await Promise.all(after.map(add))));
          const different = new Set(named.map((send) => `${send.worker} ${send.boot} ${send.seq}`));
          expect(stored.filter(Boolean)).toHaveLength(different.size);
          const counts = await Promise.all(
            ['rig-1', 'rig-2'].map(
              async (worker) => (await store.series(`${worker}${suffix}`, 'hashrate', 0, 1000)).length,
            ),
          );
          expect(counts.reduce((sum, count) => sum + count, 0)).toBe(different.size);
        }),
        { numRuns: 25 },
      );
    });
  });
}

contract({ name: 'SQLite', open: (dir) => openSqliteStore(join(dir, 'store.sqlite')) });
