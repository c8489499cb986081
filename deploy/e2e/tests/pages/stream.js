// The waiting page on a real event stream: it follows, survives what happens to
// phones and networks, and never reloads.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../lib/browser.js";
import { startLine } from "../../lib/lineserver.js";
import { browser, pages } from "../../lib/stage.js";

/** @typedef {import("playwright-core").Page} Page */

const stream = "GET /v1/queues/demo/places/me/events";
const poll = "GET /v1/queues/demo/places/me";

/** Waits until something holds. @param {() => boolean | Promise<boolean>} holds @param {string} what */
async function until(holds, what) {
  const end = Date.now() + 10_000;
  while (!(await holds())) {
    if (Date.now() > end) assert.fail(`never: ${what}`);
    await new Promise((done) => { setTimeout(done, 20); });
  }
}

/**
 * A page that waits, with its line; at the end nothing has reloaded or failed.
 * @param {string} name
 * @param {(at: {page: Page, context: import("playwright-core").BrowserContext, line: Awaited<ReturnType<typeof startLine>>, shows: (text: string) => Promise<void>}) => Promise<void>} run
 * @param {(line: Awaited<ReturnType<typeof startLine>>) => void} [prepare]
 */
function waiting(name, run, prepare) {
  test(name, async () => {
    const line = await startLine(pages);
    prepare?.(line);
    const { context, page, faults } = await open(browser);
    try {
      await page.clock.install();
      await page.goto(`${line.url}/q/demo`);
      await page.locator("html[data-state=waiting]").waitFor();
      await page.evaluate(() => { Object.assign(globalThis, { same: true }); });
      await run({ page, context, line, shows: (text) => page.locator("#headline", { hasText: text }).waitFor() });
      assert.equal(await page.evaluate(() => "same" in globalThis), true, "the page is still the same one");
      assert.equal(line.count("GET /q/demo"), 1, "loaded once");
      assert.deepEqual(faults, []);
    } finally {
      await context.close();
      line.stop();
    }
  });
}

/** Polls by the clock come too late to help. @param {Awaited<ReturnType<typeof startLine>>} line */
const rarely = (line) => { line.world.place.poll_after_ms = 300_000; };

/** What the bar shows, 0…1. @param {Page} page */
const bar = (page) => page.locator("#bar span").evaluate((span) => Number(/scaleX\((.*)\)/.exec(/** @type {HTMLElement} */ (span).style.transform)?.[1]));

/** Pretends that the fan turns to another app, or back. @param {Page} page @param {boolean} hidden */
const turnAway = (page, hidden) => page.evaluate((value) => {
  Object.defineProperty(document, "hidden", { value, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}, hidden);

export const streams = () => describe("waiting page on a stream", { concurrency: 2 }, () => {
  waiting("events move the number, the bar and the title; the bar never goes back", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    line.move({ ahead: 6240, eta_seconds: { p50: 230, p90: 290 } });
    await shows("6,240");
    assert.match(await page.title(), /^6,240 · 5분 · /);
    const half = await bar(page);
    assert.ok(Math.abs(half - 0.5) < 0.01, `half the way: ${half}`);
    line.move({ ahead: 9000 });
    await shows("9,000");
    assert.equal(await bar(page), half, "others came back before this fan; the bar stays");
    line.move({ state: "offered", ahead: 0, eta_seconds: null, claim_before: new Date(Date.now() + 55_000).toISOString() });
    await page.locator("html[data-state=offered]").waitFor();
    assert.match(await page.title(), /차례|고마워요/);
    assert.equal(await page.evaluate(() => document.activeElement?.id), "go", "the button has the focus");
  });

  waiting("numbers are announced every 30 s at most, a new state at once", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    await page.clock.fastForward(1000);
    await page.evaluate(() => {
      /** @type {string[]} */
      const said = [];
      Object.assign(globalThis, { said });
      const announce = /** @type {HTMLElement} */ (document.getElementById("announce"));
      new MutationObserver(() => said.push(announce.textContent ?? "")).observe(announce, { childList: true });
    });
    const said = () => page.evaluate(() => /** @type {any} */ (globalThis).said.length);
    for (const ahead of [12000, 11000, 10000]) {
      line.move({ ahead });
      await shows(ahead.toLocaleString("en-US"));
      await page.clock.fastForward(2000);
    }
    assert.equal(await said(), 0, "nothing within the half minute");
    await page.clock.fastForward(25_000);
    line.move({ ahead: 9000 });
    await shows("9,000");
    await page.clock.fastForward(1000);
    assert.equal(await said(), 1);
    line.move({ state: "offered", ahead: 0, claim_before: new Date(Date.now() + 90_000).toISOString() });
    await page.locator("html[data-state=offered]").waitFor();
    await page.clock.fastForward(1000);
    assert.equal(await said(), 2);
    assert.match(await page.locator("#announce").innerText(), /차례가 왔어요/);
  });

  waiting("a dropped stream comes back by itself", async ({ line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    line.drop();
    await until(() => line.count(stream) === 2 && line.streams.size === 1, "a second stream");
    line.move({ ahead: 7000 });
    await shows("7,000");
  });

  waiting("without a stream it polls, and asks for one later", async ({ page, line, shows }) => {
    await until(() => line.count(stream) === 1, "asking for a stream");
    await until(() => line.count(poll) >= 3, "polls");
    line.move({ ahead: 5000 });
    await shows("5,000");
    line.world.streamStatus = 200;
    await page.clock.fastForward(60_000);
    await until(() => line.streams.size === 1, "a stream after all");
    line.move({ ahead: 4000 });
    await shows("4,000");
  }, (line) => { line.world.streamStatus = 204; });

  waiting("a stream that is refused in the middle falls back to polls", async ({ line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    line.world.streamStatus = 503;
    const before = line.count(poll);
    line.drop();
    line.world.place.ahead = 3000;
    await shows("3,000");
    assert.ok(line.count(poll) > before);
  });

  waiting("a stream that died in silence is replaced", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    await page.clock.fastForward(60_000);
    await until(() => line.count(stream) === 2, "another stream");
    line.move({ ahead: 2000 });
    await shows("2,000");
  });

  waiting("in the background the title goes on; coming back asks at once", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    await turnAway(page, true);
    line.move({ ahead: 8000, eta_seconds: { p50: 300, p90: 360 } });
    await until(async () => (await page.title()).startsWith("8,000 · 6분"), "the title of a hidden page");
    // Asleep: the stream is gone and nothing arrives.
    line.world.streamStatus = 503;
    line.drop();
    line.world.place.ahead = 1234;
    const before = line.count(poll);
    line.world.streamStatus = 200;
    await turnAway(page, false);
    await until(() => line.count(poll) > before, "a poll at once");
    await shows("1,234");
    await until(() => line.streams.size === 1, "a stream again");
  }, rarely);

  waiting("a lost network shows the last place and recovers", async ({ page, context, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    await context.setOffline(true);
    line.world.down = true;
    line.drop();
    await page.locator("html[data-state=offline]").waitFor();
    assert.match(await page.locator("#sub").innerText(), /12,480/);
    line.world.down = false;
    line.world.place.ahead = 777;
    await context.setOffline(false);
    await shows("777");
    await until(() => line.streams.size === 1, "a stream again");
  }, rarely);

  waiting("a server that does not answer is waited for", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    line.world.down = true;
    line.drop();
    for (let i = 0; i < 4; i++) await page.clock.fastForward(10_000);
    await page.locator("html[data-state=offline]").waitFor();
    line.world.down = false;
    line.world.place.ahead = 555;
    for (let i = 0; i < 4; i++) await page.clock.fastForward(10_000);
    await shows("555");
  });
});
