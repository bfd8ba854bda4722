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
    const reach = await page.locator('.panel-reach').innerText();
    for (const words of [
      'tls classic',
      'npx spotrig connect rig-2 ssh',
      'tun.example.org:20003',
      HOSTILE_LINE.slice(0, 10),
    ])
      expect(reach).toContain(words);
    expect(await page.locator('.panel-machine .facts').innerText()).toContain('AMD Ryzen 5 3600 · 12 cores');
    expect(await page.locator('table.gpus tbody tr').count()).toBe(4);
    await page.goto(`${server.url}/#/w/no-such-worker`);
    await page.getByText('The collector knows no worker of this name.').waitFor();
    // Chromium itself reports the two answers 404 in its console.
    expect(problems.filter((text) => !text.includes('404'))).toEqual([]);
  });

  it('shows a worker’s words as words', async () => {
    await checkTextStaysText(page, server.url, HOSTILE_WORKER, HOSTILE_LINE);
    await page.locator('.events summary').click();
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

  it('shows the matrix worst first, and the evidence of a cell by click and by keys', async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole('link', { name: 'Reachability' }).click();
    const row = (url: string) => page.locator(`tr[data-target="${url}"]`);
    await row('stratum+ssl://eu.pool.example:16060').waitFor();
    expect(await page.title()).toBe('(6) reachability · spotrig');
    expect(await page.locator('tr.role').allInnerTexts()).toEqual(['Pools', 'Collectors', 'Tunnel servers']);
    expect(await page.locator('tr.endpoints').first().locator('.endpoint .data').innerText()).toContain('de-frankfurt');
    const first = page.locator('tr.endpoints').first().locator('button.cell');
    expect((await first.first().innerText()).split('\n')[0]).toBe('blocked: TCP');
    expect(await first.last().innerText()).toMatch(/old\s*3 h ago/);
    expect(await row('stratum+tcp://asia.pool.example:6060').locator('td').last().innerText()).toBe('');
    expect(await page.locator('tr.endpoints button.cell[tabindex="0"]').count()).toBe(1);

    await page.getByTitle(/^eu\.pool\.example:16060 from AS12389 RU: blocked: TLS/).click();
    const evidence = page.getByRole('complementary', { name: 'Evidence for eu.pool.example:16060 in AS12389' });
    await evidence.locator('.sample').nth(2).waitFor();
    const told = await evidence.innerText();
    for (const words of [
      '95 %',
      'a reset',
      'this host',
      '2 of 3 say so',
      'The same address answered',
      'connection reset',
    ])
      expect(told).toContain(words);
    expect(await evidence.locator('.sample[open] .steps .mark-failed').count()).toBe(4);
    await page.reload();
    await evidence.locator('.sample').nth(2).waitFor();

    await page.locator('button.cell[aria-pressed="true"]').focus();
    await page.keyboard.press('ArrowDown');
    await page.getByRole('complementary', { name: 'Evidence for eu.pool.example:6060 in AS12389' }).waitFor();
    await page.keyboard.press('ArrowUp');
    await evidence.waitFor();
    await page.keyboard.press('Escape');
    await evidence.waitFor({ state: 'detached' });
    expect(new URL(page.url()).hash).toBe('#/reachability');
    expect(problems).toEqual([]);
  });

  it('filters the matrix, and shows a worker’s own list with markup as text', async () => {
    await page.goto(`${server.url}/#/reachability`);
    await page.locator('.chip[data-verdict="blocked:throttled"]').click();
    expect(await page.locator('tr.endpoints').count()).toBe(1);
    expect(await page.locator('.matrix thead th').count()).toBe(3);
    await page.getByRole('searchbox').fill('nothing like this');
    await page.getByRole('button', { name: /^Show all/ }).click();
    expect(await page.locator('tr.endpoints').count()).toBe(8);
    await page.getByTitle(/pool refuses[^]*<img src=x/).click();
    await page.locator('.evidence li').getByText(HOSTILE_LINE, { exact: true }).waitFor();
    await page.locator('.sample a').click();
    const sample = page.locator('.panel-reachability .sample');
    await sample.locator('summary').click();
    await sample.getByText(HOSTILE_LINE, { exact: true }).waitFor();
    expect(await sample.locator('summary').innerText()).toContain('pool refuses');
    expect(await page.locator('img, iframe, object, #app script, [onerror], [onload]').count()).toBe(0);
    expect(problems).toEqual([]);
  });

  it('lists the events of all and of nobody, a stranger’s words as text', async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole('link', { name: 'Events' }).click();
    const items = page.locator('.event-page .events li');
    await items.first().getByText(`no worker, calls itself “${HOSTILE_LINE}”`).waitFor();
    expect(await items.count()).toBe(9);
    expect(await page.locator('img, iframe, object, #app script, [onerror], [onload]').count()).toBe(0);
    expect(await page.getByRole('link', { name: 'CSV' }).getAttribute('href')).toMatch(/events\.csv/);
    await page.getByRole('searchbox').fill('frp refused');
    await expect.poll(() => items.count()).toBe(1);
    expect(page.url()).toContain('#/events?q=');
    await page.getByRole('searchbox').fill('rig-1');
    await items.first().getByRole('link', { name: 'rig-1' }).click();
    await page.getByRole('heading', { level: 1, name: 'rig-1', exact: true }).waitFor();
    expect(problems).toEqual([]);
  });

  it('shows what to do about machines and hosts, with the evidence, and keeps the filter in the address', async () => {
    await page.goto(`${server.url}/`);
    await page.getByRole('link', { name: 'Machines' }).click();
    const rows = page.locator('tr[data-machine]');
    await rows.first().waitFor();
    expect(await rows.count()).toBe(server.fleet.workers.length);
    expect(await rows.first().locator('.badge .word').innerText()).toBe('blacklist');
    expect(await rows.first().innerText()).toContain('its shares prove less than can be expected');
    await page.locator('.chip[data-advice="cancel"]').click();
    await expect.poll(() => rows.first().locator('.badge .word').innerText()).toBe('cancel');
    expect(new URL(page.url()).hash).toBe('#/machines?advice=cancel');
    await page.reload();
    await rows.first().waitFor();
    expect(new Set(await rows.locator('.badge .word').allInnerTexts())).toEqual(new Set(['cancel']));
    await rows.first().locator('a.id').click();
    await page.locator('[data-finding="slow_delivered"]').getByText('151 shares found').waitFor();
    await page.getByRole('button', { name: 'week', exact: true }).click();
    expect(new URL(page.url()).hash).toContain('span=week');
    await page.getByRole('link', { name: 'Hosts' }).click();
    const hosts = page.locator('tr[data-host]');
    await hosts.first().waitFor();
    expect(await hosts.first().locator('.badge .word').innerText()).toBe('blacklist');
    await hosts.first().getByRole('link').first().click();
    await rows.first().waitFor();
    expect(await rows.count()).toBeLessThan(server.fleet.workers.length);
    expect(problems).toEqual([]);
  });

  it('fits a phone: only the table’s own box scrolls sideways', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    for (const [hash, drawn] of [
      ['#/', 'tr.row'],
      ['#/w/rig-1', '.plot canvas'],
      ['#/reachability', 'tr.endpoints'],
      ['#/machines', 'tr[data-machine]'],
      ['#/hosts', 'tr[data-host]'],
      ['#/events', '.events li'],
    ] as const) {
      await page.goto(`${server.url}/${hash}`);
      await page.locator(drawn).first().waitFor();
      expect(await page.evaluate(`document.documentElement.scrollWidth`)).toBe(390);
    }
    expect(problems).toEqual([]);
  });
});
