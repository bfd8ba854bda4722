// The built page in a real browser, under the collector's content policy.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildPage } from '../../scripts/release/page.ts';
import { fleetAnswer, HOSTILE_LINE, HOSTILE_WORKER } from '../fakes/fleet.ts';
import { startPageServer } from '../fakes/page-server.ts';
import type { PageServer } from '../fakes/page-server.ts';
import {
  checkDetail,
  checkRows,
  checkSortAndFilter,
  checkTextStaysText,
  findChromium,
  launchChromium,
  refresh,
  shownIds,
  watchProblems,
} from './page-checks.ts';

const chromiumPath = findChromium(process.env);
if (chromiumPath === null)
  console.log('skipped: the page in a browser (no /usr/bin/chromium, and CHROMIUM names none)');

describe.skipIf(chromiumPath === null)('the page in Chromium', () => {
  let folder: string;
  let browser: Browser;
  let server: PageServer;
  let page: Page;
  let problems: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spotrig-page-'));
    await buildPage({ out: join(folder, 'page') });
    browser = await launchChromium(chromiumPath ?? '');
  });
  afterAll(async () => {
    await browser?.close();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    server = await startPageServer(join(folder, 'page'), fleetAnswer(Date.now(), 12));
    page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(8_000);
    problems = await watchProblems(page);
  });
  afterEach(async () => {
    await page.close();
    await server.close();
  });

  it('shows every worker, the troubled ones first', async () => {
    await checkRows(
      page,
      server.url,
      server.fleet.workers.map(({ id }) => id),
    );
    expect((await shownIds(page)).slice(0, 3)).toEqual(['rig-stuck', 'rig-offline', 'rig-stalled']);
    const first = page.locator('tr[data-worker="rig-1"]');
    expect(await first.locator('.col-delivered').innerText()).toBe('118 MH/s (107–130)');
    expect(await page.locator('tr[data-worker="rig-dag"] .col-claimed').innerText()).toBe('–');
    expect(await page.locator('tr[data-worker="rig-liar"] .col-event').innerText()).toContain('claims more');
    expect(await page.title()).toBe('(6) spotrig');
    expect(problems).toEqual([]);
  });

  it('sorts and filters, and keeps both in the address', async () => {
    await checkSortAndFilter(page, server.url, 'rig-liar');
    await page.locator('.chip[data-state="offline"]').click();
    expect(page.url()).toContain('state=offline');
    expect(await shownIds(page)).toEqual(['rig-offline']);
    expect(problems).toEqual([]);
  });

  it('opens a worker by key, by link and by a click on its row', async () => {
    await checkDetail(page, server.url, 'rig-1');
    await page.locator('tr[data-worker="rig-2"] .col-power').click();
    await page.getByRole('heading', { level: 1, name: 'rig-2' }).waitFor();
    expect(await page.locator('.facts').innerText()).toContain('AMD Ryzen 5 3600 · 12 cores');
    expect(await page.locator('table.gpus tbody tr').count()).toBe(4);
    await page.goto(`${server.url}/#/w/no-such-worker`);
    await page.getByText('The collector knows no worker of this name.').waitFor();
    // Chromium itself reports the two answers 404 in its console.
    expect(problems.filter((text) => !text.includes('404'))).toEqual([]);
  });

  it('shows a worker’s words as words', async () => {
    await checkTextStaysText(page, server.url, HOSTILE_WORKER, HOSTILE_LINE);
    await page.locator('details summary').click();
    expect(await page.locator('details pre').innerText()).toContain(HOSTILE_LINE);
    expect(problems).toEqual([]);
  });

  it('keeps the last answer and says since when the collector is not reachable', async () => {
    await checkRows(page, server.url, ['rig-1']);
    server.health = 'gone';
    await refresh(page);
    await page
      .getByRole('alert')
      .getByText(/^Collector not reachable since \d\d:\d\d:\d\d\. You see what it said at/)
      .waitFor();
    expect(await shownIds(page)).toHaveLength(server.fleet.workers.length);
    server.health = 'broken';
    await refresh(page);
    await page.getByText('Collector answers with status 503').waitFor();
    server.health = 'up';
    server.fleet = { workers: [] };
    await refresh(page);
    await page.getByRole('heading', { name: 'No worker has reported yet' }).waitFor();
    expect(await page.getByRole('alert').count()).toBe(0);
    expect(await page.locator('.connect pre').innerText()).toContain(
      `DELEGATED_ENTRYPOINT=${server.url}/entrypoint.sh`,
    );
  });

  it('asks every five seconds, and not while nobody looks', async () => {
    await page.clock.install();
    await checkRows(page, server.url, ['rig-1']);
    const asked = server.asked;
    await page.clock.runFor(5_000);
    await expect.poll(() => server.asked).toBe(asked + 1);
    await page.evaluate(`Object.defineProperty(document, 'hidden', { value: true, configurable: true })`);
    await refresh(page);
    await page.clock.runFor(60_000);
    expect(server.asked).toBe(asked + 1);
    await page.evaluate(`delete document.hidden`);
    await refresh(page);
    await expect.poll(() => server.asked).toBe(asked + 2);
    expect(problems).toEqual([]);
  });

  it('keeps the reader’s place in the log, and takes along who stands at its end', async () => {
    await page.goto(`${server.url}/#/w/rig-1`);
    const log = page.locator('.log');
    const newest = () => log.locator('.line').last().innerText();
    const box = `document.querySelector('.log')`;
    const below = () => page.evaluate<number>(`${box}.scrollHeight - ${box}.scrollTop - ${box}.clientHeight`);
    async function afterNewLines() {
      const before = await newest();
      await expect
        .poll(
          async () => {
            await refresh(page);
            return newest();
          },
          { timeout: 10_000 },
        )
        .not.toBe(before);
    }
    await log.waitFor();
    await afterNewLines();
    expect(await below()).toBeLessThan(8);
    await page.evaluate(`${box}.scrollTop = 0`);
    await page.evaluate(`new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))`);
    await afterNewLines();
    expect(await page.evaluate(`${box}.scrollTop`)).toBeLessThan(40);
    expect(problems).toEqual([]);
  });

  it('fits a phone: only the table’s own box scrolls sideways', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const hash of ['#/', '#/w/rig-1']) {
      await page.goto(`${server.url}/${hash}`);
      await page
        .locator(hash === '#/' ? 'tr.row' : '.plot canvas')
        .first()
        .waitFor();
      expect(await page.evaluate(`document.documentElement.scrollWidth`)).toBe(390);
    }
    expect(problems).toEqual([]);
  });
});
