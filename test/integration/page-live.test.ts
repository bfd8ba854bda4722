// The page that the real collector serves, in a real browser, with a real worker behind it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Browser } from 'playwright-core';
import { WorkerDetail } from '../../wire/api.ts';
import { getJson, startFleet, until, type Fleet } from '../rig/fleet.ts';
import {
  checkDetail,
  checkRows,
  checkTextStaysText,
  findChromium,
  launchChromium,
  watchProblems,
} from './page-checks.ts';

const chromiumPath = findChromium(process.env);
/** A host can make a miner print anything. */
const HOSTILE = '<img src=x onerror=alert(1)><script>alert(2)</script>';

describe.skipIf(chromiumPath === null)('the collector’s page with a worker', () => {
  let browser: Browser;
  let fleet: Fleet;
  let tools: string;
  let hostileLine: string;

  beforeAll(async () => {
    // Two cards, by a fake nvidia-smi.
    tools = await mkdtemp(join(tmpdir(), 'spotrig-tools-'));
    const fake = resolve('test/fakes/fake-nvidia-smi.sh');
    await writeFile(join(tools, 'nvidia-smi'), `#!/bin/bash\nFAKE_SMI_DIR=${tools} exec bash ${fake} "$@"\n`, {
      mode: 0o755,
    });
    const minerFlags = ['--practice-throttle-hs', '30000', '--practice-say', HOSTILE];
    const env = { PATH: `${tools}:/usr/local/bin:/usr/bin:/bin` };
    fleet = await startFleet({ releaseDir: inject('releaseDir'), minerFlags, env, warm: true });
    browser = await launchChromium(chromiumPath ?? '');
    await until('a hashing worker', 60_000, async () => {
      const row = await fleet.row();
      return row?.state === 'hashing' && row.accepted > 0 && row.gpus.length === 2 ? true : null;
    });
    hostileLine = await until('the miner’s line in its log', 40_000, async () => {
      const detail = WorkerDetail.parse(await getJson(`${fleet.collector.url}/api/v1/workers/${fleet.worker}`));
      return detail.log.find(({ line }) => line.endsWith(HOSTILE))?.line ?? null;
    });
  });
  afterAll(async () => {
    await browser?.close();
    await fleet?.close();
    await rm(tools, { recursive: true, force: true });
  });

  it('shows it, its last hour and its log, with markup as text and without a complaint of the browser', async () => {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(15_000);
    expect(await fleet.row()).toMatchObject({ power_w: 2 * 118.42, gpus: [{ throttle: ['sw_power_cap'] }, {}] });
    const problems = await watchProblems(page);
    const base = fleet.collector.url;
    await checkRows(page, base, [fleet.worker]);
    await checkDetail(page, base, fleet.worker);
    await checkTextStaysText(page, base, fleet.worker, hostileLine);
    expect(problems).toEqual([]);
    const shot = process.env['SPOTRIG_SHOT'];
    if (shot !== undefined) await page.screenshot({ path: shot, fullPage: true });
    await page.close();
  });
});
