// A world with a worker, the box, and an operator's servers: frps at two addresses, nginx in front of it at a third, sshd beside it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'smol-toml';
import { realClock } from '../../../platform/clock.ts';
import type { BoxRule } from '../box/box-rules.ts';
import { makeWorld, type World } from '../box/world.ts';
import { frpBinaries } from '../../frp/binaries.ts';
import { certificateFor, nginxArgv, sshdArgv } from '../../frp/fronts.ts';
import { frpsConfig } from '../../frp/processes.ts';

/** In the range for benchmarks, as the censorship lab's. */
export const A = '198.18.60.1';
export const B = '198.18.60.2';
export const WEB = '198.18.60.3';
export const FRPS_PORT = 7000;
export const WEB_PORT = 443;
export const SSH_PORT = 22;
export const OWN_NAME = 'frps.lab.test';
export const OTHER_NAME = 'allowed.ru.lab.test';

const WORKER = '198.18.1.2';
const GATEWAY = '198.18.1.1';
const TOKEN = 'lab-token-0123456789abcdef';
const DELAY_MS = 20;
const PREFIX = 'sf';

export interface FrpWorld {
  world: World;
  dir: string;
  frpc: string;
  caFile: string;
  sshKeyFile: string;
  /** `frp://…` of the address, with all rungs or these. */
  address(host: string, rungs: string): string;
  close(): Promise<void>;
}

export async function makeFrpWorld(rules: BoxRule[]): Promise<FrpWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'spotrig-frp-world-'));
  const { frps, frpc } = await frpBinaries();
  const certificate = await certificateFor(dir, 'frps', [OWN_NAME, OTHER_NAME, A, B, WEB]);
  const world = await makeWorld({
    ...{ prefix: PREFIX, worker: `${WORKER}/24`, gateway: GATEWAY, addresses: [A, B, WEB] },
    box: { rules, delay_ms: DELAY_MS, seed: 1 },
  });
  try {
    const env = { PATH: process.env['PATH'] ?? '' };
    await writeFile(
      join(dir, 'frps.toml'),
      stringify(frpsConfig({ host: '0.0.0.0', port: FRPS_PORT, token: TOKEN, certificate })),
    );
    const sshd = await sshdArgv({ dir, host: A, port: SSH_PORT, permitOpen: `127.0.0.1:${FRPS_PORT}` });
    const nginx = { dir, host: WEB, port: WEB_PORT, frps: `127.0.0.1:${FRPS_PORT}`, certificate };
    for (const argv of [[frps, '-c', join(dir, 'frps.toml')], sshd.argv, await nginxArgv(nginx)])
      void world.start('net', argv, env);
    await realClock.sleep(500);
    const [, hostKey = ''] = sshd.hostKey.split(' ');
    return {
      ...{ world, dir, frpc, caFile: certificate.certFile, sshKeyFile: sshd.keyFile },
      address: (host, rungs) =>
        `frp://:${TOKEN}@${host}:${FRPS_PORT}?sni=${OWN_NAME}&other=${OTHER_NAME}&wss=${WEB}:${WEB_PORT}` +
        `&ssh=root@${A}:${SSH_PORT}&hostkey=${hostKey}&rungs=${rungs}`,
      close: async () => {
        await world.close();
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await world.close();
    throw error;
  }
}
