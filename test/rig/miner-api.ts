// The practice miner's HTTP API: `/summary` in t-rex's shape and units, and `/practice/truth` with what it really did.
import { createServer, type Server } from 'node:http';
import type { ApiMode, MinerFlags } from './miner-flags.ts';

/** What the miner knows of itself; rates and hashes are the real ones. */
export interface MinerState {
  startedMs: number;
  nowMs: number;
  hashes: number;
  /** Since hashing began; 0 before. */
  hashing_s: number;
  rate_hs: number;
  rateMinute_hs: number;
  accepted: number;
  rejected: number;
  shareHashes: number;
  lastShareHashes: number;
  ping_ms: number;
  retries: number;
  lastSubmit_s: number;
}

/** A number with an SI suffix as t-rex writes difficulties: 4295032833 -> "4.30 G". */
export function siText(value: number): string {
  const steps: [number, string][] = [
    [1e12, ' T'],
    [1e9, ' G'],
    [1e6, ' M'],
    [1e3, ' K'],
  ];
  const [unit, suffix] = steps.find(([size]) => value >= size) ?? [1, ''];
  return `${(value / unit).toFixed(2)}${suffix}`;
}

function share(total: number, parts: number, index: number): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0);
}

/** The answer to `GET /summary`. Rates are multiplied by `inflate`: that is the lie a test wants to see found. */
export function summaryOf(flags: MinerFlags, state: MinerState): object {
  const claimed_hs = Math.round(state.rate_hs * flags.inflate);
  const uptime_s = Math.floor((state.nowMs - state.startedMs) / 1000);
  const perMinute = uptime_s > 0 ? (state.accepted / uptime_s) * 60 : 0;
  const gpus = Array.from({ length: flags.gpus }, (_, index) => ({
    device_id: index,
    gpu_id: index,
    pci_bus: index + 1,
    name: 'practice GPU (CPU)',
    vendor: 'practice',
    uuid: `practice-${index}`,
    hashrate: share(claimed_hs, flags.gpus, index),
    hashrate_instant: share(claimed_hs, flags.gpus, index),
    power: 0,
    power_avr: 0,
    temperature: 0,
    memory_temperature: 0,
    fan_speed: 0,
    cclock: 0,
    mclock: 0,
    efficiency: '0H/W',
    paused: false,
    shares: {
      accepted_count: share(state.accepted, flags.gpus, index),
      rejected_count: share(state.rejected, flags.gpus, index),
      invalid_count: 0,
      solved_count: 0,
      last_share_diff: siText(state.lastShareHashes),
      last_share_submit_ts: state.lastSubmit_s,
    },
  }));
  return {
    name: 'practice-miner',
    version: '1.0.0',
    api: '4.1',
    algorithm: flags.algo,
    uptime: uptime_s,
    driver: 'none',
    gpu_total: flags.gpus,
    accepted_count: state.accepted,
    rejected_count: state.rejected,
    invalid_count: 0,
    solved_count: 0,
    hashrate: claimed_hs,
    hashrate_minute: Math.round(state.rateMinute_hs * flags.inflate),
    sharerate: Number(perMinute.toFixed(3)),
    sharerate_average: Number(perMinute.toFixed(3)),
    paused: false,
    success: 1,
    active_pool: {
      url: flags.poolUrl,
      user: flags.user,
      worker: flags.worker,
      difficulty: siText(state.shareHashes),
      ping: Math.round(state.ping_ms),
      retries: state.retries,
      last_submit_ts: state.lastSubmit_s,
    },
    gpus,
    watchdog_stat: {
      built_in: false,
      startup_ts: Math.floor(state.startedMs / 1000),
      total_restarts: 0,
      uptime: uptime_s,
    },
  };
}

/** What really happened: `true_hs` is the mean since hashing began. */
export function truthOf(state: MinerState): { hashes: number; seconds: number; true_hs: number } {
  const { hashes, hashing_s } = state;
  return { hashes, seconds: hashing_s, true_hs: hashing_s > 0 ? hashes / hashing_s : 0 };
}

/** Listens, or says through `onError` that it cannot (and the miner goes on without an API, as t-rex does). */
export function serveMinerApi(
  bind: { host: string; port: number },
  mode: ApiMode,
  answer: { summary(): object; truth(): object },
  onError: (error: Error) => void,
): Server {
  const server = createServer((request, response) => {
    const path = request.url?.split('?')[0];
    const send = (status: number, type: string, body: string): void => {
      response.writeHead(status, {
        'content-type': type,
        'content-length': Buffer.byteLength(body),
        connection: 'close',
      });
      response.end(body);
    };
    if (path === '/practice/truth') send(200, 'application/json', JSON.stringify(answer.truth()));
    else if (mode === 'hang') return;
    else if (mode === 'html') send(200, 'text/html', '<!doctype html><title>practice-miner</title><p>not JSON</p>');
    else if (path !== '/summary') send(404, 'application/json', '{"error":"no such call"}');
    else {
      const text = JSON.stringify(answer.summary());
      send(200, 'application/json', mode === 'truncate' ? text.slice(0, text.length / 2) : text);
    }
  });
  server.on('error', onError);
  server.listen(bind.port, bind.host);
  return server;
}
