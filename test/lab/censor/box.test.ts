// The censorship lab's box is what it says: every technique is seen by plain sockets, and by the same ones not seen in a clean world.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { World } from '../box/world.ts';
import { makeCertificates, type Certificates } from './certificates.ts';
import { makeLabWorld } from './lab-world.ts';
import type { PlainResult } from './plain-client.ts';
import { PROOF_SCALE, TECHNIQUES, varied, type Proof } from './techniques.ts';

const CLIENT = join(import.meta.dirname, 'plain-client.ts');
const env = { PATH: process.env['PATH'] ?? '' };
let dir: string;
let certificates: Certificates;

async function see(world: World, proof: Proof): Promise<PlainResult[]> {
  const client = await world.start('worker', [process.execPath, CLIENT, JSON.stringify(proof.ops)], env);
  return JSON.parse(client.all) as PlainResult[];
}

describe.skipIf(process.getuid?.() !== 0)('every technique, by plain sockets (root makes its world)', () => {
  let clean: World;

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'spotrig-box-'));
    certificates = await makeCertificates(dir);
    clean = await makeLabWorld({ rules: [], delay_ms: 20, seed: 1, scale: 1 }, certificates, env);
  });
  afterAll(async () => {
    await clean.close();
    await rm(dir, { recursive: true, force: true });
  });

  for (const technique of TECHNIQUES) {
    const { proof } = technique;
    if (proof === null) continue;
    it.concurrent(technique.name, async () => {
      const before = clean.strikes.length;
      const well = await see(clean, proof);
      expect(proof.struck(well), `in a clean world: ${JSON.stringify(well)}`).toBe(false);
      expect(clean.strikes.length).toBe(before);
      const set = technique.setup(varied(0, PROOF_SCALE));
      const world = await makeLabWorld({ ...set, seed: 1, scale: 1 }, certificates, env);
      try {
        const results = await see(world, proof);
        expect(proof.struck(results), JSON.stringify(results)).toBe(true);
        if (set.rules.length > 0) expect(world.strikes.length).toBeGreaterThan(0);
      } finally {
        await world.close();
      }
    });
  }
});
