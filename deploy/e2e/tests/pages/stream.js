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
    // With motion, as most people see it.
    const { context, page, faults } = await open(browser, { reducedMotion: "no-preference" });
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
    await page.evaluate(noteAnnouncements);
    const notes = () => page.evaluate(() => /** @type {{said: {at: number, text: string}[], turned: number}} */ (/** @type {any} */ (globalThis).notes));
    // All times are the page's: however slow the machine, and however often the numbers move.
    let ahead = 12_000;
    for (let moves = 0; (await notes()).said.length < 3; moves++) {
      assert.ok(moves < 100, "numbers are announced now and then");
      line.move({ ahead: (ahead -= 10) });
      await shows(ahead.toLocaleString("en-US"));
      await page.clock.fastForward(2000);
    }
    const { said } = await notes();
    for (const [i, { at, text }] of said.entries()) {
      assert.match(text, /앞에 1\d,\d+명/);
      assert.ok(i === 0 || at - said[i - 1].at >= 30_000, `announced after ${at - said[Math.max(0, i - 1)].at} ms`);
    }
    line.move({ state: "offered", ahead: 0, claim_before: new Date(Date.now() + 600_000).toISOString() });
    await page.locator("html[data-state=offered]").waitFor();
    await page.locator("#announce", { hasText: "차례가 왔어요" }).waitFor({ state: "attached" });
    const after = await notes();
    assert.ok((after.said.at(-1)?.at ?? 0) - after.turned < 1000, "at once");
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
    line.world.mute = true;
    await page.clock.fastForward(60_000);
    await until(() => line.count(stream) === 2, "another stream");
    line.world.mute = false;
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

  waiting("a state ends what was moving: a number on its way does not come back over a pause", async ({ page, line }) => {
    await until(() => line.streams.size === 1, "a stream");
    await page.clock.pauseAt(Date.now() + 60_000);
    line.move({ ahead: 3022 });
    await until(async () => (await page.title()).startsWith("3,022"), "the new place");
    await page.clock.runFor(100);
    assert.doesNotMatch(await page.locator("#headline").innerText(), /12,480|3,022/, "the number is on its way");
    line.turn({ state: "paused" });
    await page.locator("html[data-state=paused]").waitFor();
    for (let i = 0; i < 10; i++) {
      await page.clock.runFor(150);
      assert.equal(await page.locator("#headline").innerText(), "자리는 그대로예요");
    }
    await page.clock.resume();
  });

  waiting("a number rolls to its end, and an event meanwhile does not stop it", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    line.move({ ahead: 9000 });
    line.move({ ahead: 9000 });
    await shows("9,000");
    assert.match(/** @type {string} */ (await page.locator("#headline").textContent()), /앞에 9,000명/, "read as one sentence");
  });

  waiting("a network that is lost is shown at once and shows the last place; its return too", async ({ page, context, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    await page.evaluate(watchConnection);
    await context.setOffline(true);
    await page.locator("html[data-state=offline]").waitFor();
    assert.match(await page.locator("#sub").innerText(), /12,480/);
    line.world.place.ahead = 777;
    await context.setOffline(false);
    await shows("777");
    await withinFive(page);
    await until(() => line.streams.size === 1, "a stream again");
  }, rarely);

  waiting("a connection that stays open and carries nothing is shown within 5 s, its return too", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    await page.evaluate(watchConnection);
    line.world.hole = true;
    await page.locator("html[data-state=offline]").waitFor();
    line.world.place.ahead = 888;
    await page.evaluate(() => { /** @type {any} */ (window).connection.turned = performance.now(); });
    line.world.hole = false;
    await shows("888");
    await withinFive(page);
    await until(() => line.streams.size >= 1, "a stream again");
  }, rarely);

  waiting("waiting costs no polls: the stream tells everything", async ({ page, line, shows }) => {
    await until(() => line.streams.size === 1, "a stream");
    const before = line.world.asked.length;
    await page.clock.fastForward(1000);
    line.move({ ahead: 11_000 });
    await shows("11,000");
    for (let i = 0; i < 6; i++) {
      await page.clock.fastForward(1500);
      await new Promise((done) => { setTimeout(done, 600); }); // heartbeats arrive
    }
    assert.deepEqual(line.world.asked.slice(before), []);
  });

  waiting("a server that does not answer is waited for", async ({ line, shows, page }) => {
    await until(() => line.streams.size === 1, "a stream");
    line.world.down = true;
    line.drop();
    await page.locator("html[data-state=offline]").waitFor();
    line.world.down = false;
    line.world.place.ahead = 555;
    await shows("555");
  });
});

/** Runs in the page: notes what is announced and when, and when the state turned, by the page's clock. */
function noteAnnouncements() {
  const notes = { said: /** @type {{at: number, text: string}[]} */ ([]), turned: 0 };
  Object.assign(globalThis, { notes });
  const announce = /** @type {HTMLElement} */ (document.getElementById("announce"));
  new MutationObserver(() => notes.said.push({ at: Date.now(), text: announce.textContent ?? "" })).observe(announce, { childList: true });
  new MutationObserver(() => { notes.turned = Date.now(); }).observe(document.documentElement, { attributes: true, attributeFilter: ["data-state"] });
}

/** Runs in the page: notes when the connection turned and how long the page took to show it, less what the machine was late. */
function watchConnection() {
  const connection = { turned: performance.now(), late: 0, took: /** @type {number[]} */ ([]) };
  Object.assign(window, { connection });
  let last = performance.now();
  setInterval(() => {
    connection.late += Math.max(0, performance.now() - last - 60);
    last = performance.now();
  }, 50);
  const html = document.documentElement;
  let before = html.dataset.state === "offline";
  new MutationObserver(() => {
    const now = html.dataset.state === "offline";
    if (now === before) return;
    before = now;
    connection.took.push(performance.now() - connection.turned - connection.late);
    Object.assign(connection, { turned: performance.now(), late: 0 });
  }).observe(html, { attributes: true, attributeFilter: ["data-state"] });
}

/** @param {Page} page */
async function withinFive(page) {
  const took = await page.evaluate(() => /** @type {any} */ (window).connection.took);
  assert.equal(took.length, 2, "lost and back");
  assert.ok(took.every((/** @type {number} */ ms) => ms < 5000), `took ${took} ms`);
}
