// The practice miner: mines sha256d for real on one CPU core, looks like t-rex from outside (command line, log, API).
// Its flags throttle the real rate and inflate the claimed one, so that a report can be compared with the truth.
import { Hasher } from './hasher.ts';
import { serveMinerApi, siText, summaryOf, truthOf, type MinerState } from './miner-api.ts';
import { MinerClient } from './miner-client.ts';
import { FlagError, MINER_HELP, parseMinerFlags, type MinerFlags } from './miner-flags.ts';
import { bitcoinDialect, cryptonoteDialect, type Work } from './miner-work.ts';
import { RateWindow } from './rate-window.ts';

const SAMPLE_MS = 1000;

function say(line: string): void {
  const time = new Date().toISOString().slice(0, 19).replaceAll('-', '').replace('T', ' ');
  process.stdout.write(`${time} ${line}\n`);
}

function mine(flags: MinerFlags): void {
  const startedMs = Date.now();
  const rates = new RateWindow();
  const shares = { accepted: 0, rejected: 0, pingMs: 0, lastSubmit_s: 0, lastHashes: 0 };
  let work: Work | null = null;
  let phase: 'waiting' | 'dag' | 'hashing' | 'stalled' = 'waiting';
  let hashingFromMs: number | null = null;

  const hasher = new Hasher(flags, (found, nonce, digest) => {
    shares.lastSubmit_s = Math.floor(Date.now() / 1000);
    shares.lastHashes = found.shareHashes;
    client.submit(found, nonce, digest);
  });
  const state = (): MinerState => ({
    startedMs,
    nowMs: Date.now(),
    hashes: hasher.hashes,
    hashing_s: hashingFromMs === null ? 0 : (performance.now() - hashingFromMs) / 1000,
    rate_hs: rates.rate_hs(flags.averageWindow_s),
    rateMinute_hs: rates.rate_hs(60),
    accepted: shares.accepted,
    rejected: shares.rejected,
    shareHashes: work?.shareHashes ?? 0,
    lastShareHashes: shares.lastHashes,
    ping_ms: shares.pingMs,
    retries: client.retries,
    lastSubmit_s: shares.lastSubmit_s,
  });

  function beginHashing(): void {
    if (phase !== 'dag') return;
    say(`GPU #0: DAG generated [crc: 00000000, time: ${flags.dagMs} ms]`);
    if (flags.say !== '') say(flags.say);
    phase = 'hashing';
    hashingFromMs = performance.now();
    hasher.setWork(work);
    hasher.start();
  }

  const client = new MinerClient({
    host: flags.host,
    port: flags.port,
    reconnectMs: flags.reconnectMs,
    makeDialect: () => (flags.dialect === 'bitcoin' ? bitcoinDialect : cryptonoteDialect)(flags.login, flags.pass),
    onWork(next) {
      work = next;
      if (phase === 'hashing') hasher.setWork(next);
      if (phase !== 'waiting') return;
      phase = 'dag';
      say('GPU #0: generating DAG 0.00 GB for epoch 1 ...');
      setTimeout(beginHashing, flags.dagMs);
    },
    onAuthorized: () => say('Authorized successfully.'),
    onAnswer(ok, rttMs, reason) {
      if (ok) shares.accepted += 1;
      else shares.rejected += 1;
      shares.pingMs = rttMs;
      const rate = siText(rates.rate_hs(flags.averageWindow_s) * flags.inflate).replace('K', 'k');
      const counts = `${shares.accepted}/${shares.accepted + shares.rejected}`;
      say(`[${ok ? ' OK ' : 'FAIL'}] ${counts} - ${rate}H/s, ${Math.round(rttMs)}ms${ok ? '' : ` Reason: ${reason}`}`);
    },
    onDown(reason) {
      work = null;
      hasher.setWork(null);
      say(`ERROR: pool ${flags.host}:${flags.port}: ${reason}; again in ${flags.reconnectMs} ms`);
    },
  });

  const end = (code: number, why: string): void => {
    say(`practice-miner ends: ${why}`);
    process.exit(code);
  };
  process.on('SIGINT', () => (flags.ignoreInt ? say('SIGINT ignored') : end(0, 'SIGINT')));
  process.on('SIGTERM', () => (flags.ignoreTerm ? say('SIGTERM ignored') : end(143, 'SIGTERM')));
  if (flags.exitAfterMs !== null) setTimeout(() => end(flags.exitCode, 'told to by its flags'), flags.exitAfterMs);
  if (flags.stallAfterMs !== null) {
    setTimeout(() => {
      phase = 'stalled';
      hasher.stop();
    }, flags.stallAfterMs);
  }
  if (flags.api !== null) {
    const answers = { summary: () => summaryOf(flags, state()), truth: () => truthOf(state()) };
    serveMinerApi(flags.api, flags.apiMode, answers, (error) => say(`WARN: API: ${error.message}`));
  }
  setInterval(() => rates.sample(performance.now(), hasher.hashes), SAMPLE_MS);
  say(`practice-miner 1.0.0, ${flags.algo} at ${flags.poolUrl}, throttle ${flags.throttle_hs} H/s`);
  client.start();
}

const argv = process.argv.slice(2);
if (argv.includes('--help') || argv.includes('-h')) process.stdout.write(MINER_HELP);
else if (argv.includes('--version')) process.stdout.write('practice-miner 1.0.0\n');
else {
  try {
    mine(parseMinerFlags(argv, process.env));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`practice-miner: ${error.message}\n`);
    process.exitCode = 2;
  }
}
