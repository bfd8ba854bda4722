// What the fleet's page must do wherever it is served from: each check takes a page of a browser and a base address.
import { accessSync, constants } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { expect } from 'vitest';

const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Path of a Chromium: what CHROMIUM names, or Debian's; null when there is none. */
export function findChromium(env: NodeJS.ProcessEnv): string | null {
  const path = env['CHROMIUM'] ?? '/usr/bin/chromium';
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch {
    return null;
  }
}

/** Starts Chromium without a window, with a profile of its own that goes when it closes. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ARGS });
}

/** Collects all that a good page never has: errors in the console, exceptions, dialogs, breaches of the content policy. */
export async function watchProblems(page: Page): Promise<string[]> {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  page.on('pageerror', (error) => problems.push(`exception: ${error.message}`));
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.addInitScript(
    `addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective))`,
  );
  return problems;
}

/** Makes the page ask at once, as it does when its tab is looked at again. */
export async function refresh(page: Page): Promise<void> {
  await page.evaluate(`document.dispatchEvent(new Event('visibilitychange'))`);
}

/** Ids of the rows in the order shown. */
export function shownIds(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`[...document.querySelectorAll('tr.row')].map((row) => row.dataset.worker)`);
}

/** Every one of `ids` has a row; its state is a word beside an icon. */
export async function checkRows(page: Page, base: string, ids: readonly string[]): Promise<void> {
  await page.goto(`${base}/`);
  for (const id of ids) {
    const row = page.locator(`tr[data-worker="${id}"]`);
    await row.waitFor();
    expect(await row.locator('.badge .word').innerText()).not.toBe('');
    expect(await row.locator('.badge svg').count()).toBe(1);
  }
}

/** Order and filters work, stand in the address, and are back after a reload. */
export async function checkSortAndFilter(page: Page, base: string, id: string): Promise<void> {
  await page.goto(`${base}/`);
  await page.locator('tr.row').first().waitFor();
  const head = page.getByRole('columnheader', { name: 'Worker' });
  await head.getByRole('button').click();
  expect(page.url()).toContain('sort=worker');
  const upwards = await shownIds(page);
  expect(upwards).toEqual(upwards.toSorted(new Intl.Collator('en', { numeric: true }).compare));
  await head.getByRole('button').click();
  expect(await head.getAttribute('aria-sort')).toBe('descending');
  expect(await shownIds(page)).toEqual(upwards.toReversed());

  await page.getByRole('searchbox').fill(id.toUpperCase());
  await expect.poll(() => shownIds(page)).toContain(id);
  const found = await shownIds(page);
  expect(new URL(page.url()).hash).toContain('q=');
  await page.reload();
  await page.locator('tr.row').first().waitFor();
  expect(await shownIds(page)).toEqual(found);

  await page.getByRole('searchbox').fill('no such worker anywhere');
  await page.getByRole('button', { name: /^Show all/ }).click();
  await expect.poll(() => shownIds(page)).toHaveLength(upwards.length);
}

/** The detail opens by key and by link, with two drawn plots, and leads back to the fleet. */
export async function checkDetail(page: Page, base: string, id: string): Promise<void> {
  await page.goto(`${base}/`);
  await page.getByRole('link', { name: id, exact: true }).press('Enter');
  await page.getByRole('heading', { level: 1, name: id, exact: true }).waitFor();
  expect(new URL(page.url()).hash).toBe(`#/w/${id}`);
  await page.reload();
  await page.locator('.plot canvas').nth(1).waitFor();
  const drawn = `[...document.querySelectorAll('.plot canvas')].map((canvas) =>
    canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value !== 0))`;
  await expect.poll(() => page.evaluate(drawn)).toEqual([true, true]);
  await page.locator('.log .line').first().waitFor();
  await page.getByRole('link', { name: '← Fleet' }).click();
  await page.locator(`tr[data-worker="${id}"]`).waitFor();
}

/** A log line full of markup is shown letter by letter, and no element comes of it, in the fleet or in the detail. */
export async function checkTextStaysText(page: Page, base: string, id: string, line: string): Promise<void> {
  for (const hash of ['#/', `#/w/${id}`]) {
    await page.goto(`${base}/${hash}`);
    await page
      .locator(hash === '#/' ? 'tr.row' : '.log .line')
      .first()
      .waitFor();
    expect(await page.locator('img, iframe, object, #app script, [onerror], [onload]').count()).toBe(0);
  }
  await expect.poll(() => page.locator('.log .data').allTextContents()).toContain(line);
}
