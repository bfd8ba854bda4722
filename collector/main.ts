// The collector as a program. Exit codes: 0 stopped by a signal, 1 could not serve, 78 wrong settings.
import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { makeDir } from '../platform/durable-file.ts';
import { realClock } from '../platform/clock.ts';
import { messageOf } from '../platform/errors.ts';
import { type Logger, createLogger } from '../platform/logger.ts';
import { registerSecret } from '../platform/secrets.ts';
import { buildApp } from './app.ts';
import { makeControls, vantageName } from './control/make-controls.ts';
import { Counters } from './counters.ts';
import { buildFrpHook } from './frp/hook.ts';
import { FleetRows } from './fleet-rows.ts';
import { loadFrpSecrets } from './frp/secrets.ts';
import type { FrpConfig } from './frp/settings.ts';
import { keepJudging } from './judging.ts';
import { loadKeys } from './keys.ts';
import { loadOwnToken } from './own-token.ts';
import { MachineBoard } from './machines/board.ts';
import { keepJudgingMachines } from './machines/keep.ts';
import { readPage } from './page-files.ts';
import { pollPools } from './pool-api/poll.ts';
import { retain } from './retention.ts';
import { keepRolling } from './rolling.ts';
import { HELP, type Settings, readSettings } from './settings.ts';
import { lockFolder } from './store/sqlite-file.ts';
import { openSqliteStore } from './store/sqlite.ts';
import { deliverChanges } from './webhook/deliver.ts';

/** The database's name in the data folder. */
export const DATABASE_FILE = 'collector.sqlite';
const EXIT_CONFIG = 78;
/** Running requests get this long to end; their workers send again what was cut. */
const CLOSE_MS = 3000;

/** Serves until INT or TERM, or until `signal` ends it; resolves with the exit code. */
export async function runCollector(argv: readonly string[], signal?: AbortSignal): Promise<number> {
  const read = readSettings(argv, process.env);
  if (read.kind === 'help') {
    process.stdout.write(HELP);
    return 0;
  }
  if (read.kind === 'wrong') {
    process.stderr.write(`spotrig collector: wrong settings\n${read.complaints.map((c) => `  ${c}\n`).join('')}`);
    return EXIT_CONFIG;
  }
  try {
    if (read.settings.tls !== null) createSecureContext(read.settings.tls);
  } catch (error) {
    process.stderr.write(
      'spotrig collector: wrong settings\n  --tls-cert, --tls-key: not a PEM certificate (chain) with its PEM key: ' +
        `${messageOf(error)}\n`,
    );
    return EXIT_CONFIG;
  }
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    return await serve(read.settings, signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]));
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

async function serve(settings: Settings, signal: AbortSignal): Promise<number> {
  const logger = createLogger({ name: 'collector', level: settings.log_level });
  if (settings.admin_token !== null) registerSecret(settings.admin_token);
  if (settings.config.webhook !== null) registerSecret(settings.config.webhook.secret);
  let unlock = (): void => {};
  try {
    await makeDir(settings.data_dir);
    unlock = lockFolder(settings.data_dir);
    const keys = await loadKeys(settings.data_dir);
    const page = await readPage(settings.page_dir);
    const store = openSqliteStore(join(settings.data_dir, DATABASE_FILE));
    const { config } = settings;
    const frp = config.frp === null ? null : await loadFrpSecrets(settings.data_dir, realClock);
    const own_token = frp === null || settings.admin_token !== null ? null : await loadOwnToken(settings.data_dir);
    const name = await vantageName(config, settings.data_dir);
    const ended = new AbortController();
    const controls = makeControls({ config, name, clock: realClock, logger, store, signal: ended.signal });
    const counters = new Counters();
    const board = await MachineBoard.load(store.machines);
    const fleet = new FleetRows({ store, clock: realClock, settings });
    const common = { store, keys, clock: realClock, logger, counters };
    const app = buildApp({ ...common, controls, board, fleet, settings, frp, own_token, page });
    const hook =
      config.frp === null || frp === null ? null : buildFrpHook({ ...common, config: config.frp, secrets: frp });
    const pruning = retain({ store, clock: realClock, logger, keep_ms: settings.keep_ms, signal: ended.signal });
    const judging = keepJudging({ store, clock: realClock, logger, signal: ended.signal });
    const advising = keepJudgingMachines({
      ...{ store, board, clock: realClock, logger, own: config.expect, settings: config.judge },
      signal: ended.signal,
    });
    const { keep_rollups_ms: keep_ms } = settings;
    const rolling = keepRolling({ store, clock: realClock, logger, keep_ms, signal: ended.signal });
    const polling = pollPools({
      ...{ apis: config.pool_apis, store, clock: realClock, random: Math.random, logger, counters },
      signal: ended.signal,
    });
    const telling =
      config.webhook === null
        ? null
        : deliverChanges({
            ...{ webhook: config.webhook, machines: store.machines, clock: realClock, random: Math.random },
            ...{ logger, counters, signal: ended.signal },
          });
    try {
      if (hook !== null && config.frp !== null) await hook.listen({ ...config.frp.hook, listenTextResolver: () => '' });
      const url = await app.listen({ ...settings.listen, listenTextResolver: () => '' });
      // Printed at every log level: it is what a parent process waits for.
      process.stdout.write(`${JSON.stringify({ name: 'collector', url, msg: 'collector listens' })}\n`);
      logger.info({ data: settings.data_dir, release: settings.release_dir }, 'collector serves');
      await warnOfMissingAuthority(config.frp, logger);
      await warnOfMissingBuild(settings, page.length, logger);
      await aborted(signal);
    } finally {
      ended.abort();
      const cut = realClock.setTimer(CLOSE_MS, () => app.server.closeAllConnections());
      await Promise.all([app.close(), hook?.close()]);
      cut();
      await Promise.all([pruning, judging, advising, rolling, polling, telling]);
      await store.close();
    }
    logger.info({}, 'collector stopped');
    return 0;
  } catch (error) {
    logger.error({ error: messageOf(error) }, 'collector failed');
    return 1;
  } finally {
    unlock();
    await logger.flush();
  }
}

/** Found out at the first `spotrig connect` otherwise. */
async function warnOfMissingAuthority(frp: FrpConfig | null, logger: Logger): Promise<void> {
  if (frp === null) return;
  await access(frp.ca_file).catch(() =>
    logger.warn({ ca: frp.ca_file }, '[frp] ca of collector.toml names no file that can be read'),
  );
}

/** A collector without a build takes reports, but an order that names it as its entrypoint never starts. */
async function warnOfMissingBuild(settings: Settings, pageFiles: number, logger: Logger): Promise<void> {
  const missing = pageFiles === 0 ? [settings.page_dir] : [];
  await access(join(settings.release_dir, 'entrypoint.sh')).catch(() => missing.push(settings.release_dir));
  if (missing.length > 0)
    logger.warn({ missing }, 'no build is there: run `npm run build`, or see --release and --page');
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
