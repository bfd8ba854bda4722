// One worker's search for a way to frps, as a process in the world: rung by rung with the product's own ladder, transports and canary
// and the real frpc, until 64 KB came back. One JSON line for each rung that was tried; the last line says which one stands.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEcho, runCanary } from '../../../entrypoint/frp/canary.ts';
import { Ladder, type Outcome } from '../../../entrypoint/frp/ladder.ts';
import { transportOf } from '../../../entrypoint/frp/transport.ts';
import { freeLoopbackPort } from '../../../entrypoint/ports.ts';
import { realClock } from '../../../platform/clock.ts';
import { parseFrpUrl, type FrpAddress } from '../../../stratum/frp-url.ts';
import { FRP_CANARY, type FrpRung } from '../../../wire/frp-names.ts';
import { startSshForward } from '../../frp/fronts.ts';
import { frpcConfig, startFrp } from '../../frp/processes.ts';

export interface LadderSpec {
  frpc: string;
  /** As SPOTRIG_FRP. */
  frps: readonly string[];
  caFile: string;
  sshKeyFile: string;
}

/** What one attempt came to. */
export interface Attempt {
  host: string;
  rung: FrpRung;
  ms: number;
  /** `refused`: nobody took the connection. `login`: frpc never said that it is logged in. Else what the canary found. */
  found: 'refused' | 'login' | 'ok' | 'frozen' | 'slow' | 'closed';
  bytes: number;
}

/** As facts/frp.md section 5 has them. */
const LOGIN_LIMIT_MS: Partial<Record<FrpRung, number>> = { wss: 15_000, ssh: 20_000, tls_no_mux: 15_000 };
const LOGIN_LIMIT_DEFAULT_MS = 25_000;
const OUTCOMES: Record<Attempt['found'], Outcome> = {
  ...{ refused: 'no_tcp', login: 'hello', ok: 'up', frozen: 'frozen', slow: 'slow', closed: 'canary_failed' },
};
const NO_TCP = /connect to server error: dial tcp .*(refused|timeout|no route)/;
const CANARY_BYTES = 65_536;
const CANARY_LIMIT_MS = 10_000;
const KEY = 'lab-canary-key-0123456789';
/** Of frps in the net, as its sshd sees it. */
const FRPS_AT_HOME = '127.0.0.1:7000';

async function tryRung(spec: LadderSpec, address: FrpAddress, rung: FrpRung, dir: string): Promise<Attempt> {
  const begun = performance.now();
  const [sshPort, bindPort] = [await freeLoopbackPort(), await freeLoopbackPort()];
  const way = transportOf(address, rung, spec.caFile, { sshPort });
  if (way === null) throw new Error(`${rung} cannot be tried`);
  const echo = await startEcho();
  const ends: (() => Promise<void>)[] = [];
  const attempt = (found: Attempt['found'], bytes: number): Attempt => {
    return { host: address.host, rung, ms: Math.round(performance.now() - begun), found, bytes };
  };
  try {
    if (rung === 'ssh' && address.ssh !== null) {
      const { login, host, port, hostKey } = address.ssh;
      const server = { keyFile: spec.sshKeyFile, hostKey: `ssh-ed25519 ${hostKey}` };
      const forward = await startSshForward({ dir, login, host, port, server, localPort: sshPort, to: FRPS_AT_HOME });
      ends.push(() => forward.close());
    }
    const canary = { name: FRP_CANARY, type: 'stcp', secretKey: KEY };
    const more = {
      ...{ serverAddr: way.serverAddr, transport: way.transport, loginFailExit: true },
      proxies: [{ ...canary, localIP: '127.0.0.1', localPort: echo.port }],
      visitors: [{ ...canary, serverName: FRP_CANARY, bindAddr: '127.0.0.1', bindPort }],
    };
    // A user for each attempt: frps holds the names of a session that froze until it is found dead.
    const config = frpcConfig({ port: way.serverPort, token: address.token ?? '', user: `lab-${bindPort}`, more });
    const frpc = await startFrp({ program: spec.frpc, dir, name: `${rung}-${bindPort}`, config, env: way.env });
    ends.push(() => frpc.kill());
    try {
      await frpc.said(/login to server success/, LOGIN_LIMIT_MS[rung] ?? LOGIN_LIMIT_DEFAULT_MS);
      await frpc.said(/start proxy success/, 5_000);
    } catch {
      return attempt(frpc.lines().some((line) => NO_TCP.test(line)) ? 'refused' : 'login', 0);
    }
    const end = performance.now() + CANARY_LIMIT_MS;
    for (;;) {
      const limitMs = Math.max(1, end - performance.now());
      const { kind, bytes } = await runCanary({ port: bindPort, bytes: CANARY_BYTES, limitMs, clock: realClock });
      if (kind !== 'closed' || performance.now() >= end - 1000) return attempt(kind, bytes);
      // The visitor's listener comes a moment after the login.
      await realClock.sleep(200);
    }
  } finally {
    for (const stop of ends.toReversed()) await stop();
    echo.close();
  }
}

async function climb(spec: LadderSpec): Promise<Attempt | null> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-ladder-'));
  const addresses = spec.frps.flatMap((text) => {
    const parsed = parseFrpUrl(text);
    if ('complaints' in parsed) throw new Error(parsed.complaints.join('; '));
    return [parsed.frps];
  });
  const ladder = new Ladder({ addresses, country: null, winner: null, random: () => 0.5 });
  try {
    for (;;) {
      const next = ladder.next(realClock.monoMs());
      const address = 'way' in next ? addresses[next.way.place] : undefined;
      // A pause: the whole round was in vain.
      if (!('way' in next) || address === undefined) return null;
      const attempt = await tryRung(spec, address, next.way.rung, dir);
      console.log(JSON.stringify(attempt));
      ladder.record(OUTCOMES[attempt.found], realClock.monoMs());
      if (attempt.found === 'ok') return attempt;
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  const found = await climb(JSON.parse(process.argv[2] ?? '{}') as LadderSpec);
  console.log(JSON.stringify({ stands: found === null ? null : `${found.rung} at ${found.host}` }));
}
