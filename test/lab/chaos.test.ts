// Forty trials of the chaos bench in containers: `npm run chaos` runs as many as one likes.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, it } from 'vitest';
import { KINDS } from '../chaos/plan.ts';

const TRIALS = 40;
const LIMIT_MS = 900_000;

interface Found {
  results: { plan: { kind: string }; seconds: number | null; skipped: string | null }[];
  violations: unknown[];
}

it(
  `${TRIALS} trials: every one converges without help, and no invariant breaks`,
  async () => {
    const dir = await mkdtemp(join(tmpdir(), 'spotrig-chaos-test-'));
    try {
      const json = join(dir, 'found.json');
      const argv = ['scripts/chaos.ts', '--docker', '--trials', String(TRIALS), '--seed', '1', '--json', json];
      const { exitCode } = await execa(process.execPath, argv, { stdout: 'inherit', stderr: 'inherit', reject: false });
      const found = JSON.parse(await readFile(json, 'utf8')) as Found;
      expect(found.violations).toEqual([]);
      expect(exitCode).toBe(0);
      expect(found.results).toHaveLength(TRIALS);
      expect(new Set(found.results.map((r) => r.plan.kind))).toEqual(new Set(KINDS));
      for (const { seconds, skipped } of found.results) expect(seconds === null).toBe(skipped !== null);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  },
  LIMIT_MS,
);
