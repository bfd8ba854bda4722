// A collector to inject requests into: real store in a temporary folder, fake clock, no port.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { buildApp } from '../../collector/app.ts';
import { makeControls } from '../../collector/control/make-controls.ts';
import { Counters } from '../../collector/counters.ts';
import type { CollectorDeps } from '../../collector/deps.ts';
import { loadFrpSecrets } from '../../collector/frp/secrets.ts';
import { loadKeys } from '../../collector/keys.ts';
import { loadOwnToken } from '../../collector/own-token.ts';
import type { PageFile } from '../../collector/page-files.ts';
import { type Settings, readSettings } from '../../collector/settings.ts';
import { FleetRows } from '../../collector/fleet-rows.ts';
import { MachineBoard } from '../../collector/machines/board.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import type { Store } from '../../collector/store/store.ts';
import { mintToken } from '../../collector/tokens.ts';
import type { Clock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { FakeClock } from './clock.ts';
import { gzipped } from './reports.ts';

export interface FakeCollector extends AsyncDisposable {
  app: FastifyInstance;
  clock: FakeClock;
  deps: CollectorDeps;
  dir: string;
  /** A token of this worker that lives for a day. */
  token(worker?: string): string;
  /** Sends a report, gzipped, with the worker's own token unless another is given, from 127.0.0.1 or another address. */
  report(envelope: { worker: string }, token?: string, from?: string): Promise<LightMyRequestResponse>;
  /** A request of a reader, with the Host that loopback wants. */
  get(url: string, headers?: Record<string, string>): Promise<LightMyRequestResponse>;
}

/** Settings as from flags. */
export function settingsOf(flags: readonly string[], env: Record<string, string> = {}): Settings {
  const read = readSettings(flags, env);
  if (read.kind !== 'settings') throw new Error(JSON.stringify(read));
  return read.settings;
}

/** Builds one. `store` wraps the real store, to make it fail. */
export async function fakeCollector(
  o: {
    settings?: Partial<Settings>;
    page?: PageFile[];
    store?: (store: Store) => Store;
    /** Where control measurements are made for real, they need the real time. */
    controlClock?: Clock;
  } = {},
): Promise<FakeCollector> {
  const dir = mkdtempSync(join(tmpdir(), 'spotrig-collector-'));
  const clock = new FakeClock();
  const keys = await loadKeys(dir, clock);
  const store = openSqliteStore(join(dir, 'collector.sqlite'));
  const ended = new AbortController();
  const settings = { ...settingsOf(['--data', dir]), ...o.settings };
  const usedStore = o.store?.(store) ?? store;
  const { config } = settings;
  const deps: CollectorDeps = {
    store: usedStore,
    keys,
    clock,
    logger: silentLogger,
    counters: new Counters(),
    controls: makeControls({
      ...{ config, name: 'collector-a', logger: silentLogger, store: usedStore, signal: ended.signal },
      clock: o.controlClock ?? clock,
    }),
    board: await MachineBoard.load(usedStore.machines),
    fleet: new FleetRows({ store: usedStore, clock, settings }),
    settings,
    frp: settings.config.frp === null ? null : await loadFrpSecrets(dir, clock),
    own_token: settings.config.frp === null || settings.admin_token !== null ? null : await loadOwnToken(dir),
    page: o.page ?? [],
  };
  const app = buildApp(deps);
  const token = (worker = 'rig-1'): string =>
    mintToken(keys, { worker, expires_s: Math.floor(clock.nowMs() / 1000) + 86_400 });
  return {
    app,
    clock,
    deps,
    dir,
    token,
    report: (envelope, by, from = '127.0.0.1') =>
      app.inject({
        method: 'POST',
        remoteAddress: from,
        url: '/v1/reports',
        headers: {
          authorization: `Bearer ${by ?? token(envelope.worker)}`,
          'content-type': 'application/json',
          'content-encoding': 'gzip',
        },
        payload: gzipped(envelope),
      }),
    get: (url, headers = {}) => app.inject({ url, headers: { host: '127.0.0.1:8480', ...headers } }),
    async [Symbol.asyncDispose]() {
      ended.abort();
      await app.close();
      await store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
