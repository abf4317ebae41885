// The start page and the chat in a real browser, with real servers behind them.
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { silent } from '../../src/core/log.ts';
import { serve } from '../../src/index.ts';
import { type Lab, startLab } from '../../src/lab/lab.ts';
import { browserThere, openBrowser } from '../support/browser.ts';
import { killCell } from '../support/lab-client.ts';

/** Four servers start at once, each with its threads. */
const ready = { timeout: 60_000 };

/** The race is against the clock: a machine that stalls for 100 ms may have it again. */
const real = { retry: 2 };

describe.skipIf(!browserThere)('in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  describe('the start page', () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await startLab({ bind: '127.0.0.1:0', log: silent });
    });
    afterAll(() => lab.close());

    test(
      'shows four servers, sends to each, races two of them, and breaks no rule of its policy',
      real,
      async () => {
        await using visit = await open(browser, lab.url, 'light');
        const { page, complaints } = visit;
        await page.waitForSelector('#matrix[data-ready="4"]', ready);
        expect(await page.locator('.cell h3').allTextContents()).toEqual([
          'sync threads',
          'sync threads ← async',
          'async ← sync threads',
          'async',
        ]);

        const lanes: Record<string, RegExp> = {
          'sync-on-sync': /^thread \d$/,
          'async-on-sync': /^loop thread$/,
          'sync-on-async': /^thread \d$/,
          'async-on-async': /^loop$/,
        };
        await page.fill('#path', '/over/there');
        for (const [id, lane] of Object.entries(lanes)) {
          const cell = page.locator(`#${id}`);
          await cell.getByRole('button', { name: 'Send' }).click();
          await cell.locator('.status', { hasText: '200 OK' }).waitFor();
          expect(await cell.locator('.lane').textContent()).toMatch(lane);
          expect(await cell.locator('.body').textContent()).toMatch(
            /^Hello from .SGI! You requested: \/over\/there$/,
          );
        }

        await page.getByRole('button', { name: 'Fire 8 × 200 ms' }).click();
        await page.waitForSelector('#race[data-done="yes"]');
        const marks = await marksOf(page);
        const last = (id: string): number =>
          Math.max(...marks.filter(({ cell }) => cell === id).map(({ at }) => Number(at)));
        expect(marks).toHaveLength(16);
        expect(last('async-on-async')).toBeLessThan(last('sync-on-sync'));
        expect(await page.locator('#verdict').textContent()).toMatch(/two rounds.*one round/);
        expect(await page.locator('#rows tr').count()).toBe(16);

        expect(await page.locator('.pane .line:not(.gap)').count()).toBeGreaterThan(30);
        expect(complaints).toEqual([]);
      },
    );

    test('can be used by keyboard alone, in the dark, at 400 pixels', async () => {
      await using visit = await open(browser, lab.url, 'dark', 400);
      const { page, complaints } = visit;
      await page.waitForSelector('#matrix[data-ready="4"]', ready);
      expect(await brightness(page)).toBeLessThan(60);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(400);

      await tabTo(page, '#sync-on-async .send');
      expect(await page.evaluate('getComputedStyle(document.activeElement).outlineStyle')).toBe('solid');
      await page.keyboard.press('Enter');
      await page.locator('#sync-on-async .status', { hasText: '200 OK' }).waitFor();

      await tabTo(page, '#racers input[value="sync-on-async"]');
      await page.keyboard.press('Space');
      await tabTo(page, '#fire');
      await page.keyboard.press('Enter');
      await page.waitForSelector('#race[data-done="yes"]');
      expect(await page.locator('circle.mark:not(.failed)').count()).toBe(24);

      await page.getByRole('button', { name: 'Theme: auto' }).press('Enter');
      expect(await brightness(page)).toBeGreaterThan(200);
      expect(complaints).toEqual([]);
    });

    test('says so when a server dies, and shows it again when it is back', async () => {
      await using visit = await open(browser, lab.url, 'light');
      const { page } = visit;
      await page.waitForSelector('#matrix[data-ready="4"]', ready);
      const cell = page.locator('#async-on-async');
      const before = await cell.locator('.address').textContent();
      const down = page.waitForSelector('#async-on-async[data-state="down"] .why');
      await killCell(lab.url, 'async-on-async');
      expect(await (await down).textContent()).toContain('was ended by SIGKILL');
      await page.waitForSelector('#matrix[data-ready="4"]', ready);
      expect(await cell.locator('.address').textContent()).not.toBe(before);
    });
  });

  test('the chat: two pages see each other come, talk and go', async () => {
    await using served = await serve('examples/chat/app.ts:app', {
      bind: '127.0.0.1:0',
      accessLog: false,
      log: silent,
    });
    await using ana = await open(browser, served.url, 'light');
    await join(ana.page, 'ana');
    const bo = await open(browser, served.url, 'dark');
    await join(bo.page, 'bo');
    await said(ana.page, 'bo joined');

    const attack = '<img src=x onerror="alert(1)">';
    await say(ana.page, attack);
    await said(bo.page, attack);
    await say(bo.page, 'hello ana');
    await said(ana.page, 'hello ana');
    expect(await bo.page.locator('#log img').count()).toBe(0);
    expect(await ana.page.locator('#here').textContent()).toBe('2 here: ana, bo');
    expect([...ana.complaints, ...bo.complaints]).toEqual([]);

    await bo[Symbol.asyncDispose]();
    await said(ana.page, 'bo left');
  });
});

interface Visit extends AsyncDisposable {
  readonly page: Page;
  /** What the console said that it should not. */
  readonly complaints: readonly string[];
}

async function open(
  browser: Browser,
  url: string,
  colorScheme: 'light' | 'dark',
  width = 1280,
): Promise<Visit> {
  const context = await browser.newContext({
    colorScheme,
    viewport: { width, height: 900 },
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.location().url.endsWith('/favicon.ico')) {
      complaints.push(message.text());
    }
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

async function marksOf(page: Page): Promise<Array<Record<string, string>>> {
  const marks =
    "[...document.querySelectorAll('circle.mark:not(.failed)')].map(({ dataset }) => ({ ...dataset }))";
  // A dataset is a record of strings.
  return (await page.evaluate(marks)) as Array<Record<string, string>>;
}

async function tabTo(page: Page, selector: string): Promise<void> {
  for (let n = 0; n < 60; n += 1) {
    if (await page.evaluate(`document.activeElement?.matches(${JSON.stringify(selector)})`)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`The Tab key does not lead to ${selector}`);
}

/** Of the page's background: 0 is black, 255 white. */
async function brightness(page: Page): Promise<number> {
  const colour = await page.evaluate('getComputedStyle(document.body).backgroundColor');
  const [red = 0, green = 0, blue = 0] = String(colour).match(/\d+/g)?.map(Number) ?? [];
  return (red + green + blue) / 3;
}

async function join(page: Page, nick: string): Promise<void> {
  await page.getByLabel('Your name').fill(nick);
  await page.keyboard.press('Enter');
  await page.locator('#state[data-state="live"]').waitFor();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Message', { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

async function said(page: Page, text: string): Promise<void> {
  await page.locator('#log li', { hasText: text }).waitFor();
}
