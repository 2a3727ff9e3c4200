// Chromium with nothing of its own on the network, and the few gestures the tests make.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';

const made = process.env.POSTHOUSE_BROWSER;
const { chromium } = createRequire(`${made}/node/`)('playwright-core');

export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 360, height: 640 };
/** What is left of 1280 by 800 at 200 % zoom. */
export const ZOOMED = { width: 640, height: 400 };

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A browser of one person: own storage, own cookies. Page errors are collected in `errors`. */
export async function person(browser, language, viewport, options = {}) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    locale: language === 'zh' ? 'zh-CN' : 'en-GB',
    viewport,
    acceptDownloads: true,
    ...options,
  });
  context.errors = [];
  context.on('weberror', (error) => context.errors.push(String(error.error())));
  // The widget's shadow root is closed to the page; the test looks inside.
  await context.addInitScript(() => {
    const attach = Element.prototype.attachShadow;
    Element.prototype.attachShadow = function open(options) {
      return attach.call(this, { ...options, mode: 'open' });
    };
  });
  context.setDefaultTimeout(15_000);
  return context;
}

/** Keeps a screenshot at the page's own width and at the others asked for. */
export async function shoot(page, name, ...viewports) {
  const own = page.viewportSize();
  mkdirSync(`${made}/shots`, { recursive: true });
  for (const viewport of viewports.length ? viewports : [own]) {
    await page.setViewportSize(viewport);
    await page.waitForTimeout(250);
    await page.screenshot({ path: `${made}/shots/${name}-${viewport.width}.png` });
  }
  await page.setViewportSize(own);
}

