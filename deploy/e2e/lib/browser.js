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
 * @param {{size?: keyof typeof windows, language?: string, colour?: "dark" | "light", reducedMotion?: "reduce" | "no-preference", javaScriptEnabled?: boolean}} [options]
 */
export async function open(browser, { size = "phone", language = "ko", colour = "dark", reducedMotion = "reduce", javaScriptEnabled = true } = {}) {
  const context = await browser.newContext({
    ...windows[size], locale: language === "ko" ? "ko-KR" : "en-GB", timezoneId: "Asia/Seoul", colorScheme: colour, reducedMotion, javaScriptEnabled,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  /** @type {string[]} */
  const faults = [];
  collectFaults(page, faults);
  await context.addInitScript(watchTexts);
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
 * Runs in every page of a test, in every state it comes to: a text with a placeholder
 * that nothing filled, or a key that no catalogue has, is a fault; so is Hangul on an
 * English page, except in what says that it is Korean (data, such as titles and names).
 */
function watchTexts() {
  const unfilled = /\{\w*\}|%[sdv!]|\bundefined\b|\bNaN\b|\[object |\b(?:js|seats|pay|bookings|booking|login|signup|home|performance|error|terms|privacy)\.[a-z_]+(?:\.[a-z_]+)*\b/;
  const hangul = /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]/;
  /** @type {Set<string>} */
  const told = new Set();
  /** @param {string | null} text @param {Element | null} element @param {string} where */
  const look = (text, element, where) => {
    if (!text || !element || element.closest("script, style, noscript")) return;
    // The title of a window cannot say in which language the name of a show is.
    const foreign = document.documentElement.lang === "en" && element.tagName !== "TITLE" && hangul.test(text) && element.closest("[lang]") === document.documentElement;
    const fault = unfilled.test(text) ? "is not filled in" : foreign ? "is Korean on an English page" : "";
    if (!fault || told.has(text)) return;
    told.add(text);
    console.error(`text of ${where} ${fault}: ${text}`);
  };
  /** @param {Node} root */
  const lookAt = (root) => {
    if (root instanceof Text) look(root.data, root.parentElement, root.parentElement?.tagName ?? "");
    if (!(root instanceof Element)) return;
    for (const element of [root, ...root.querySelectorAll("[aria-label], [placeholder], [alt], [title]")]) {
      for (const name of ["aria-label", "placeholder", "alt", "title"]) look(element.getAttribute(name), element, name);
    }
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) look(/** @type {Text} */ (node).data, node.parentElement, node.parentElement?.tagName ?? "");
  };
  // Seen once what stands is whole: a page says in the same step which language its data have.
  new MutationObserver((changes) => {
    for (const { target, addedNodes, type } of changes) {
      if (type !== "childList") lookAt(target);
      for (const node of addedNodes) if (node.isConnected) lookAt(node);
    }
  }).observe(document, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["aria-label", "placeholder", "alt", "title"] });
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
