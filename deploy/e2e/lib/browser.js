// A browser, windows of two sizes, screenshots and accessibility checks: for the
// tests of single pages and of the whole way.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Screenshots go here; the folder is not kept. */
export const pictures = fileURLToPath(new URL("../screenshots/", import.meta.url));

export const windows = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1, hasTouch: false, isMobile: false },
};

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
    ],
  });
}

/**
 * A window of its own, with its own cookies. Faults of the page's scripts and
 * policy are collected in `faults`.
 * @param {import("playwright-core").Browser} browser
 * @param {{size?: keyof typeof windows, language?: string, colour?: "dark" | "light", reducedMotion?: "reduce" | "no-preference"}} [options]
 */
export async function open(browser, { size = "phone", language = "ko", colour = "dark", reducedMotion = "reduce" } = {}) {
  const context = await browser.newContext({
    ...windows[size], locale: language === "ko" ? "ko-KR" : "en-GB", timezoneId: "Asia/Seoul", colorScheme: colour, reducedMotion,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  /** @type {string[]} */
  const faults = [];
  collectFaults(page, faults);
  return { context, page, faults };
}

/**
 * Notes what no page may ever do: throw, break its policy, log an error, name a
 * file that is not there. What the API answers (/v1/) is each test's own affair, and
 * so is a page that a test goes to although it is missing.
 * @param {import("playwright-core").Page} page
 * @param {string[]} faults
 */
function collectFaults(page, faults) {
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    const { url } = message.location();
    const ofTest = message.text().startsWith("Failed to load resource") && (new URL(url || "about:blank").pathname.startsWith("/v1/") || url === page.url());
    if (message.type() === "error" && !ofTest) faults.push(`${message.text()} ${url}`);
  });
  page.on("response", (response) => {
    const { pathname } = new URL(response.url());
    if (response.status() >= 400 && !pathname.startsWith("/v1/") && !response.request().isNavigationRequest()) faults.push(`${response.status()} ${pathname}`);
  });
}

/**
 * @param {import("playwright-core").Page} page
 * @param {string} name
 */
export async function picture(page, name) {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: `${pictures}${name}.png` });
}

/**
 * What axe finds wrong, one line each.
 * @param {import("playwright-core").Page} page
 * @returns {Promise<string[]>}
 */
export async function accessibilityFaults(page) {
  // Evaluated by the debugger, so the page's policy does not forbid it.
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    // @ts-ignore axe was put there just now
    const { violations } = await window.axe.run(document, { resultTypes: ["violations"] });
    return violations.map((/** @type {any} */ v) => `${v.id}: ${v.nodes.map((/** @type {any} */ n) => n.html).join(" | ").slice(0, 400)}`);
  });
  return found;
}
