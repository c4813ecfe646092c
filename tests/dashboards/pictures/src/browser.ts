// Draws a collected dashboard in Chromium and photographs it. The page is a file; it needs no network.
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import type { Drawn, Wish } from './page/index.tsx';

const HTML = `<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/page.css">
<body style="margin: 0"><div id="root"></div><script src="/page.js"></script></body>`;
const FILES: Record<string, { type: string; suffix?: string }> = {
  '/': { type: 'text/html' },
  '/page.css': { type: 'text/css', suffix: '.css' },
  '/page.js': { type: 'text/javascript', suffix: '.js' },
};

/** Returns what the page says of itself, and the picture as PNG. */
export async function photograph(wish: Wish, page: string, program: string): Promise<Drawn & { picture: Buffer }> {
  const browser = await chromium.launch({ executablePath: program, args: ['--no-sandbox', '--font-render-hinting=none'] });
  try {
    const tab = await browser.newPage({ viewport: { width: wish.width, height: 1200 } });
    const troubles: string[] = [];
    tab.on('pageerror', (error) => troubles.push(error.message));
    // Under a name of its own, since a page without one may not use the browser's storage, which the components do.
    await tab.route('**/*', (route) => {
      const file = FILES[new URL(route.request().url()).pathname];
      if (!file) return route.abort();
      return file.suffix
        ? route.fulfill({ contentType: file.type, body: readFileSync(`${page}${file.suffix}`, 'utf8') })
        : route.fulfill({ contentType: file.type, body: HTML });
    });
    // "Minutes ago" is told from the end of the picture.
    await tab.clock.setFixedTime(wish.collected.range.to * 1000);
    await tab.goto('http://dashboard.invalid/');
    if (troubles.length > 0) throw new Error(`the page cannot start: ${troubles.join('; ')}`);
    const drawn = await tab.evaluate((wish) => window.draw(wish), wish);
    await tab.setViewportSize({ width: wish.width, height: drawn.height });
    const picture = await tab.screenshot({ clip: { x: 0, y: 0, width: wish.width, height: drawn.height } });
    return { ...drawn, failed: [...drawn.failed, ...troubles], picture };
  } finally {
    await browser.close();
  }
}
