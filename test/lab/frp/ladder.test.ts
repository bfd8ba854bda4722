// The ladder behind the box: each thing that a censor does leaves another rung, and that one is found. A rung that connects and then
// freezes is not kept. The time that it took is printed.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BoxRule } from '../box/box-rules.ts';
import { removeStaleWorlds } from '../box/world.ts';
import { frpBinaries, frpMissing } from '../../frp/binaries.ts';
import { lacking } from '../../frp/fronts.ts';
import { A, B, FRPS_PORT, makeFrpWorld, OWN_NAME, WEB, WEB_PORT } from './frp-world.ts';
import type { Attempt, Found, LadderSpec } from './ladder-process.ts';

const LADDER = join(import.meta.dirname, 'ladder-process.ts');
/** Above what frozen lines let through, below what a login and 64 KB need. */
const FREEZE_BYTES = 16_384;

interface Case {
  what: string;
  rules: BoxRule[];
  addresses: (readonly [host: string, rungs: string])[];
  /** `rung at host`. */
  stands: string;
  /** Rungs that were tried before it. */
  before: string[];
}

const CASES: Case[] = [
  {
    what: 'a clean line',
    rules: [],
    addresses: [[A, 'tls,wss']],
    ...{ stands: `tls at frp://${A}:${FRPS_PORT}`, before: [] },
  },
  {
    what: 'one address dropped',
    rules: [{ when: { hosts: [A] }, do: { drop: true } }],
    addresses: [
      [A, 'tls,tls_classic'],
      [B, 'tls,tls_classic'],
    ],
    ...{ stands: `tls at frp://${B}:${FRPS_PORT}`, before: ['tls'] },
  },
  {
    what: 'the name in the hello dropped',
    rules: [{ when: { hello: { sni: [OWN_NAME] } }, do: { kill: 'drop' } }],
    addresses: [[A, 'tls,tls_other_name']],
    ...{ stands: `tls_other_name at frp://${A}:${FRPS_PORT}`, before: ['tls'] },
  },
  {
    what: 'a hello of two packets lost',
    rules: [{ when: { proto: 'tcp', way: 'up', longer_than: 1300, early: 1600 }, do: { drop: true } }],
    addresses: [[A, 'tls,tls_classic']],
    ...{ stands: `tls_classic at frp://${A}:${FRPS_PORT}`, before: ['tls'] },
  },
  {
    what: 'frozen after 16 KB, SSH not',
    rules: [
      { when: { proto: 'tcp', ports: [FRPS_PORT, WEB_PORT] }, do: { freeze: { bytes: FREEZE_BYTES, way: 'down' } } },
    ],
    addresses: [[A, 'tls,tls_classic,tls_other_name,wss,ssh']],
    // The ladder goes on to another name, and then to what is no TLS.
    ...{ stands: `ssh at frp://${A}:${FRPS_PORT}`, before: ['tls', 'tls_other_name'] },
  },
  {
    what: 'refused, and a web server that accepts in silence',
    rules: [
      { when: { hosts: [A], ports: [FRPS_PORT] }, do: { kill: 'rst' } },
      { when: { hosts: [WEB], way: 'up', longer_than: 80 }, do: { drop: true } },
    ],
    addresses: [[A, 'tls,wss,ssh']],
    ...{ stands: `ssh at frp://${A}:${FRPS_PORT}`, before: ['tls', 'wss'] },
  },
];

const missing = await frpMissing();
const lack = await lacking('nginx', 'sshd', 'ssh');
const why = missing ?? (lack.length > 0 ? `no ${lack.join(', ')}` : null);

describe.skipIf(process.getuid?.() !== 0 || (why !== null && process.env['CI'] !== 'true'))(
  `the ladder behind the box (${why ?? 'root makes its worlds'})`,
  () => {
    beforeAll(async () => {
      await removeStaleWorlds('sf');
      await frpBinaries();
    });
    afterAll(() => removeStaleWorlds('sf'));

    it.concurrent.each(CASES)('$what', async ({ what, rules, addresses, stands, before }) => {
      const lab = await makeFrpWorld(rules);
      try {
        const { frpc, caFile, sshKeyFile } = lab;
        const frps = addresses.map(([host, rungs]) => lab.address(host, rungs));
        const spec: LadderSpec = { frpc, frps, caFile, sshKeyFile };
        const env = { PATH: process.env['PATH'] ?? '' };
        const { stdout, all } = await lab.world.start('worker', [process.execPath, LADDER, JSON.stringify(spec)], env);
        const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
        const found = JSON.parse(lines.pop() ?? '{}') as Partial<Found>;
        const attempts = lines.map((line) => JSON.parse(line) as Attempt);
        const rungOf = ({ url }: Attempt): string => /^frp\+([a-z_]+):/.exec(url)?.[1] ?? url;
        console.log(
          `lab: ${what}: ${found.stands ?? 'nothing'} after ${((found.found_ms ?? 0) / 1000).toFixed(1)} s (` +
            `${attempts.map((a) => `${rungOf(a)} ${a.failed ?? 'stands'} ${(a.ms / 1000).toFixed(1)} s`).join(', ')})`,
        );
        expect(found.stands, all).toBe(stands);
        const failed = attempts.filter((a) => a.failed !== null);
        expect(failed.map(rungOf)).toEqual(before);
        if (rules.length > 0) expect(lab.world.strikes.length).toBeGreaterThan(0);
      } finally {
        await lab.close();
      }
    });
  },
);
