// One arm of the ingest bench, as a process of its own: `bare` is a Fastify route that unzips, parses and validates the same
// body; `collector` is the collector on SQLite. Prints a JSON line with its URL, and ends with its standard input.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import fastify from 'fastify';
import { buildApp } from '../../collector/app.ts';
import { makeControls } from '../../collector/control/make-controls.ts';
import { Counters } from '../../collector/counters.ts';
import { loadKeys } from '../../collector/keys.ts';
import { FleetRows } from '../../collector/fleet-rows.ts';
import { MachineBoard } from '../../collector/machines/board.ts';
import { readSettings } from '../../collector/settings.ts';
import { openSqliteStore } from '../../collector/store/sqlite.ts';
import { mintToken } from '../../collector/tokens.ts';
import { realClock, type Clock } from '../../platform/clock.ts';
import { silentLogger } from '../../platform/logger.ts';
import { Envelope } from '../../wire/envelope.ts';
import { REPORT_BODY_MAX_BYTES } from '../../wire/limits.ts';

function bareApp() {
  const app = fastify({ logger: false });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post<{ Body: Buffer }>('/v1/reports', async (request) => {
    const text = gunzipSync(request.body, { maxOutputLength: REPORT_BODY_MAX_BYTES }).toString('utf8');
    return { acked: Envelope.parse(JSON.parse(text)).seq };
  });
  return app;
}

/** Time runs a thousand times faster for the quotas, so that they do not bound the bench; the wall clock is the real one. */
const generousClock: Clock = { ...realClock, monoMs: () => realClock.monoMs() * 1000 };

const dir = await mkdtemp(join(tmpdir(), 'spotrig-ingest-'));
const keys = await loadKeys(dir);
const store = openSqliteStore(join(dir, 'bench.sqlite'));
const read = readSettings(['--data', dir], {});
if (read.kind !== 'settings') throw new Error('the bench has wrong settings');
const { settings } = read;
const common = { store, clock: generousClock, logger: silentLogger };
const { signal } = new AbortController();
const controls = makeControls({ ...common, config: settings.config, name: 'bench', signal });
const board = await MachineBoard.load(store.machines);
const fleet = new FleetRows({ store, clock: realClock, settings });
const rest = { counters: new Counters(), controls, board, fleet, settings, frp: null, own_token: null, page: [] };
const deps = { ...common, keys, ...rest };
const app = process.argv[2] === 'bare' ? bareApp() : buildApp(deps);
const url = await app.listen({ host: '127.0.0.1', port: 0 });
const tokens = Array.from({ length: 100 }, (_, i) =>
  mintToken(keys, { worker: `rig-${i}`, expires_s: Math.floor(Date.now() / 1000) + 3600 }),
);
console.log(JSON.stringify({ url, tokens }));

process.stdin.resume().on('end', () => {
  void (async () => {
    await app.close();
    await store.close();
    await rm(dir, { recursive: true, force: true });
  })();
});
