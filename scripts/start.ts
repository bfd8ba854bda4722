// npm start: the main job on this machine, for real: builds the release, starts the collector and a practice pool, and boots one
// worker through the DELEGATED_ENTRYPOINT contract. Ctrl+C stops everything; a second start goes on with the same data.
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { which } from 'zx';
import { loadKeys } from '../collector/keys.ts';
import { mintToken } from '../collector/tokens.ts';
import { messageOf } from '../platform/errors.ts';
import { startCollectorProcess } from '../test/rig/collector-process.ts';
import { startContractWorker } from '../test/rig/contract-worker.ts';
import { writePracticeMinerLauncher } from '../test/rig/bundle.ts';
import { startSha256dPool } from '../test/rig/sha256d-pool.ts';
import { formatHashrate } from '../collector/page/format.ts';
import { WorkersAnswer } from '../wire/api.ts';
import { buildPage } from './release/page.ts';
import { buildRelease } from './release/release.ts';
import { EX_USAGE } from './usage.ts';

const HELP = `npm start [-- options]: builds spotrig and runs the whole of it on this machine

  --no-worker       the collector alone
  --port N          port of the collector on 127.0.0.1 (default 8480)
  --data DIR        where everything is kept (default ./var)
  --throttle-hs N   real rate of the practice miner (default 150000)
  --inflate F       the practice miner claims F times its rate (default 1)
  --help            this text
`;

const OPTIONS = {
  'no-worker': { type: 'boolean', default: false },
  port: { type: 'string', default: '8480' },
  data: { type: 'string', default: 'var' },
  'throttle-hs': { type: 'string', default: '150000' },
  inflate: { type: 'string', default: '1' },
  help: { type: 'boolean', default: false },
} as const;
type Flags = ReturnType<typeof readFlags>;

/** What has been started, newest last; stopped in the reverse order. */
const started: { name: string; stop(): Promise<void> }[] = [];
/** Aborted by a signal, or when the collector ends by itself. Nothing more is started then. */
const over = new AbortController();

function say(text: string): void {
  console.log(text);
}

/** Throws a sentence that names the flag. */
function readFlags() {
  const { values } = parseArgs({ options: OPTIONS });
  if (!/^[0-9]{1,5}$/.test(values.port) || Number(values.port) > 65_535) {
    throw new Error(`--port: a whole number from 0 to 65535, not ${JSON.stringify(values.port)}`);
  }
  for (const name of ['throttle-hs', 'inflate'] as const) {
    const value = Number(values[name]);
    if (!Number.isFinite(value) || value <= 0) {
      throw new Error(`--${name}: a number above 0, not ${JSON.stringify(values[name])}`);
    }
  }
  return values;
}

async function stopAll(): Promise<void> {
  for (const part of started.toReversed()) {
    say(`stopping ${part.name}`);
    await part.stop().catch((error: unknown) => say(`  ${messageOf(error)}`));
  }
}

/** Starts it all, and ends early, between two parts, once `over`. */
async function start(values: Flags): Promise<void> {
  // CLORE's image has it, and the contract's script calls it by name.
  if (!values['no-worker'] && (await which('wget', { nothrow: true })) === null) {
    throw new Error('the worker is booted by the contract, which fetches with wget: install wget, or use --no-worker');
  }
  const data = resolve(values.data);
  say('building the release and the page into dist/ …');
  await buildRelease({ out: 'dist', xz: 'cached', log: (line) => say(`  ${line}`) });
  await buildPage({ out: 'dist/page' });
  if (over.signal.aborted) return;

  const collector = await startCollectorProcess({
    port: Number(values.port),
    dataDir: join(data, 'collector'),
    releaseDir: 'dist',
    pageDir: 'dist/page',
    args: ['--log-level', 'warn'],
    onLine: (line) => {
      if (!line.includes('"url"')) say(`collector: ${line}`);
    },
  });
  started.push({ name: 'the collector', stop: () => collector.stop() });
  void collector.ended.then(() => {
    if (over.signal.aborted) return;
    say('the collector has ended');
    process.exitCode = 1;
    over.abort();
  });
  if (over.signal.aborted) return;
  if (values['no-worker']) {
    say(`\nThe page: ${collector.url}/  (Ctrl+C stops)`);
    return;
  }

  const pool = await startSha256dPool({});
  started.push({ name: 'the practice pool', stop: () => pool.close() });
  say(`practice pool at ${pool.url}`);
  if (over.signal.aborted) return;

  const worker = 'practice-1';
  const keys = await loadKeys(join(data, 'collector'));
  const token = mintToken(keys, { worker, expires_s: Math.floor(Date.now() / 1000) + 21 * 86_400 });
  const flags = ['--practice-throttle-hs', values['throttle-hs'], '--practice-inflate', values.inflate];
  const miner = await writePracticeMinerLauncher(join(data, 'practice-miner'), flags);
  const dir = join(data, 'worker');
  // A new order, not a restart of the old container: it fetches the script that was just built.
  await rm(join(dir, 'onstart.sh'), { force: true });
  const tree = await startContractWorker({
    dir,
    entrypointUrl: `${collector.url}/entrypoint.sh`,
    env: {
      WORKER_NAME: worker,
      SPOTRIG_COLLECTOR: collector.url,
      SPOTRIG_TOKEN: token,
      SPOTRIG_MINER: `t-rex@${miner}`,
      SPOTRIG_ALGO: 'sha256d',
      SPOTRIG_POOLS: pool.url,
      SPOTRIG_WALLET: 'practice-wallet',
    },
  });
  started.push({ name: 'the worker', stop: () => tree.stop() });
  say(`worker ${worker} boots; what its container prints is in ${tree.outputPath}`);
  say(`\nThe page: ${collector.url}/  (Ctrl+C stops)\n`);
  await tellFirstShares(collector.url, worker);
}

/** Says it once when the fleet's API shows the worker hashing with accepted shares. */
async function tellFirstShares(url: string, worker: string): Promise<void> {
  for (let i = 0; i < 120 && !over.signal.aborted; i++) {
    await new Promise((r) => setTimeout(r, 1000));
    const answer = await fetch(`${url}/api/v1/workers`).catch(() => null);
    if (answer?.ok !== true) continue;
    const row = WorkersAnswer.parse(await answer.json()).workers.find((w) => w.id === worker);
    if (row === undefined || row.state !== 'hashing' || row.accepted === 0 || row.delivered_hs === null) continue;
    say(
      `${worker} hashes: claims ${formatHashrate(row.claimed_hs)}, proves ${formatHashrate(row.delivered_hs)} ` +
        `(${formatHashrate(row.delivered_low_hs)} to ${formatHashrate(row.delivered_high_hs)}) by ${row.accepted} shares`,
    );
    return;
  }
}

async function run(values: Flags): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => over.abort());
  // Children do not keep Node alive, and neither does an abort signal that is waited for.
  const alive = setInterval(() => {}, 60_000);
  try {
    await start(values);
    if (!over.signal.aborted) await once(over.signal, 'abort');
  } catch (error) {
    // Ctrl+C reaches the bundler too, perhaps before us: what it breaks on its way out is no news.
    await new Promise((r) => setTimeout(r, 100));
    if (!over.signal.aborted) {
      console.error(`npm start: ${messageOf(error)}`);
      process.exitCode = 1;
      over.abort();
    }
  } finally {
    await stopAll();
    clearInterval(alive);
  }
}

try {
  const values = readFlags();
  if (values.help) say(HELP);
  else await run(values);
} catch (error) {
  console.error(`npm start: ${messageOf(error)}\n\n${HELP}`);
  process.exitCode = EX_USAGE;
}
