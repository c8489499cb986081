// One browser and one page server for all tests of single pages.
import { launch, open } from "./browser.js";
import { startPages } from "./pageserver.js";

/** @typedef {{size: "phone" | "desktop", language: "ko" | "en"}} Kind */

/** Every state is photographed in these two … @type {Kind[]} */
export const main = [{ size: "phone", language: "ko" }, { size: "desktop", language: "en" }];
/** … and those that differ in structure are also checked in the other two. @type {Kind[]} */
export const others = [{ size: "phone", language: "en" }, { size: "desktop", language: "ko" }];

/** @type {import("playwright-core").Browser} */
export let browser;
/** Address of the page server. @type {string} */
export let pages;
let stop = () => {};

export async function raise() {
  browser = await launch();
  const server = await startPages();
  pages = server.url;
  stop = server.stop;
}

export async function strike() {
  await browser?.close();
  stop();
}

/**
 * Runs cases one after the other in one window: much cheaper than a window each.
 * Each starts without stored things, answers or faults.
 * @template Case
 * @param {Kind & {colour?: "dark" | "light"}} kind
 * @param {(Case & {name: string})[]} cases
 * @param {import("node:test").TestContext} t
 * @param {(at: {page: import("playwright-core").Page, context: import("playwright-core").BrowserContext, faults: string[]}, one: Case & {name: string}) => Promise<void>} run
 */
export async function inOneWindow(kind, cases, t, run) {
  const { page, context, faults } = await open(browser, kind);
  await page.addInitScript(() => { sessionStorage.clear(); localStorage.clear(); });
  for (const one of cases) {
    await t.test(one.name, async () => {
      faults.length = 0;
      await page.unrouteAll({ behavior: "ignoreErrors" });
      await run({ page, context, faults }, one);
    });
  }
  await context.close();
}
