// The long form of the kills of `npm test`.
import { join } from 'node:path';
import { it } from 'vitest';
import { buildPage } from '../../scripts/release/page.ts';
import { buildRelease } from '../../scripts/release/release.ts';
import { killNodeOften } from '../rig/node-kills.ts';

const RELEASE = '.cache/lab/release';

it(
  'Node killed 20 times while mining: the same miner, and totals that are the pool’s',
  { timeout: 600_000 },
  async () => {
    await buildRelease({ out: RELEASE, xz: 'make', log: (line) => console.log(`build: ${line}`) });
    await buildPage({ out: join(RELEASE, 'page') });
    await killNodeOften(RELEASE, 20);
  },
);
