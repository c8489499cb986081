// Dates, times and seats are said as shared/locale says them: both are held to the
// same examples.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { open } from "../../lib/browser.js";
import { browser, pages } from "../../lib/stage.js";

const said = JSON.parse(readFileSync(new URL("../../../../shared/locale/testdata/said.json", import.meta.url), "utf8"));

/** Runs in the page. @param {typeof said} examples */
async function speak(examples) {
  const styles = /** @type {HTMLLinkElement} */ (document.querySelector("link[rel=stylesheet]")).href;
  const { words } = JSON.parse(document.getElementById("data")?.textContent ?? "");
  const { momentText, timeText } = await import(new URL("format.js", styles).href);
  const { seatText, compareSeats } = await import(new URL("seatwords.js", styles).href);
  return {
    moments: examples.moments.map((/** @type {any} */ one) => momentText(words, Date.parse(one.at))),
    times: examples.times.map((/** @type {any} */ one) => timeText(words, Date.parse(one.at))),
    seats: examples.seats.map((/** @type {any} */ one) => seatText(words, one.no)),
    sorted: [...examples.sorted].reverse().sort(compareSeats),
  };
}

export function words() {
  for (const language of /** @type {const} */ (["ko", "en"])) {
    test(`pages say dates, times and seats as mails do, ${language}`, async () => {
      const { context, page, faults } = await open(browser, { language });
      await page.goto(`${pages}/login`);
      const got = await page.evaluate(speak, said);
      for (const kind of /** @type {const} */ (["moments", "times", "seats"])) {
        assert.deepEqual(got[kind], said[kind].map((/** @type {any} */ one) => one[language]), kind);
      }
      assert.deepEqual(got.sorted, said.sorted);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}
