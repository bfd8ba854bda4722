// The short form of `npm run lab:censor`: one run of what covers every layer, and of all that is no censor.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeLabKit, type LabKit } from './lab-kit.ts';
import { TECHNIQUES } from './techniques.ts';
import { runTrial } from './trial.ts';

const SCALE = 0.1;
const COVERING = [
  ...['dns_wrong_address', 'dns_race', 'ip_drop', 'port_drop', 'sni_drop', 'tls_alert', 'stratum_silence'],
  ...['block_page', 'freeze_packets', 'clean'],
];

describe.skipIf(process.getuid?.() !== 0)('what the judge calls it (root makes its world)', () => {
  let kit: LabKit;
  beforeAll(async () => {
    kit = await makeLabKit();
  });
  afterAll(() => kit.remove());

  const chosen = TECHNIQUES.filter(({ name, innocent }) => innocent === true || COVERING.includes(name));
  it.concurrent.each(chosen)('$name', async (technique) => {
    const { verdict, is_allowed } = await runTrial(technique, 0, SCALE, kit);
    expect(is_allowed, JSON.stringify(verdict, null, 2)).toBe(true);
  });
});
