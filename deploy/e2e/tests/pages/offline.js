// What the waiting page says without a network, wherever the fan stands.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../lib/browser.js";
import { startLine } from "../../lib/lineserver.js";
import { browser, main, pages } from "../../lib/stage.js";

/** @type {[state: string, ahead: number | null, says: Record<"ko" | "en" | "ja" | "zh", RegExp>][]} */
const places = [
  ["lobby", null, { ko: /^연결되면/, en: /^It goes on/, ja: /^つながると/, zh: /^恢复连接后/ }],
  ["waiting", 0, { ko: /바로 다음 차례였어요/, en: /you were next/, ja: /次の順番でした/, zh: /下一位/ }],
  ["waiting", 1, { ko: /앞에 1명이/, en: /Ahead of you when we last checked: 1\./, ja: /前に1人でした/, zh: /前面有1人/ }],
  ["waiting", 12480, { ko: /앞에 12,480명이/, en: /last checked: 12,480\./, ja: /前に12,480人でした/, zh: /前面有12,480人/ }],
];

/**
 * A window at a line in which the fan has this place.
 * @param {Partial<import("../../lib/lineserver.js").Place>} place
 * @param {string} language
 */
async function standing(place, language) {
  const line = await startLine(pages);
  Object.assign(line.world.place, place);
  const { context, page, faults } = await open(browser, main[0]);
  await page.goto(`${line.url}/q/demo?lang=${language}`);
  const done = async () => {
    assert.deepEqual(faults, []);
    await context.close();
    line.stop();
  };
  return { line, context, page, done };
}

export const offline = () => describe("waiting page without a network", { concurrency: 2 }, () => {
  for (const language of /** @type {const} */ (["ko", "en", "ja", "zh"])) {
    test(`it says what was known last, ${language}`, async () => {
      for (const [state, ahead, says] of places) {
        const { context, page, done } = await standing({ state, ahead, eta_seconds: null }, language);
        await page.locator("html[data-state=lobby], html[data-state=waiting], html[data-state=nearly]").waitFor();
        await context.setOffline(true);
        await page.locator("html[data-state=offline]").waitFor();
        const said = await page.locator("#sub").innerText();
        assert.match(said, says[language], `${ahead} ahead`);
        assert.doesNotMatch(said, /[{}]/);
        await done();
      }
    });
  }
  test("at one's turn, too, and while going in", async () => {
    const { line, context, page, done } = await standing({ state: "offered", ahead: 0, claim_before: new Date(Date.now() + 55_000).toISOString() }, "en");
    const eyebrow = (/** @type {string} */ text) => page.locator("#eyebrow", { hasText: text }).waitFor();
    await page.locator("html[data-state=offered]").waitFor();
    await context.setOffline(true);
    await eyebrow("interrupted");
    await page.locator("#announce", { hasText: "interrupted" }).waitFor({ state: "attached" });
    assert.equal(await page.locator("html").getAttribute("data-state"), "offered");
    await page.click("#go");
    await page.locator("#headline", { hasText: "Connecting" }).waitFor();
    await context.setOffline(false);
    await page.locator("#headline", { hasText: "Opening the door" }).waitFor();
    await eyebrow("Going in");
    for (let i = 0; i < 200 && line.streams.size === 0; i++) await page.waitForTimeout(50); // the stream is back
    line.turn({ state: "paused" });
    await page.locator("html[data-state=paused]").waitFor();
    line.turn({ state: "open" });
    await page.locator("html[data-state=entering]").waitFor();
    await page.click("#leave");
    await page.click("dialog [value=leave]");
    await page.locator("html[data-state=left]").waitFor();
    const asked = line.count("POST /v1/queues/demo/places/me/entry");
    await page.waitForTimeout(600);
    assert.ok(line.count("POST /v1/queues/demo/places/me/entry") <= asked + 1, "who has left knocks no more");
    await done();
  });
});
