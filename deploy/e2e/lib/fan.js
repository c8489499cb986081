// What a fan does on the site: looks, clicks, taps and types. Nothing here calls
// the API.
import { randomUUID } from "node:crypto";

/** @typedef {import("playwright-core").Page} Page */

/**
 * Opens the page of a performance: looks for it in the list, else searches.
 * @param {Page} page
 * @param {string} title a part of it
 */
export async function openPerformance(page, title) {
  const card = page.locator(".card", { hasText: title }).first();
  if (!(await card.isVisible())) {
    await page.fill("#q", title);
    await page.locator(".search button").click();
  }
  await card.click();
  await page.waitForURL("**/performances/*");
}

/**
 * Makes an account from the log-in page and ends where the fan was before.
 * @param {Page} page
 * @param {string} name
 * @param {() => Promise<void>} look at the sign-up page
 * @returns {Promise<string>} its e-mail address
 */
export async function signUp(page, name, look) {
  await page.locator("html[data-ready]").waitFor();
  await page.click("#other");
  await page.locator("#signup").waitFor();
  await page.locator("html[data-ready]").waitFor();
  await look();
  await page.fill("#name", name);
  const email = `way-${randomUUID()}@fairgate.test`;
  await page.fill("#email", email);
  await page.fill("#password", "Fairgate-dev-1");
  await page.locator("#signup button").click();
  return email;
}

/** The number of seats chosen so far. @param {Page} page */
const chosen = (page) => page.locator(".chosen .chip").count();

/**
 * Taps the map: first the zone nearest to the stage, then seats until two are chosen.
 * Some places are empty, others taken by then; a fan simply taps the next.
 * @param {Page} page
 */
export async function tapTwoSeats(page) {
  const canvas = page.locator("#map");
  const box = /** @type {{width: number, height: number}} */ (await canvas.boundingBox());
  await canvas.tap({ position: { x: box.width / 2, y: box.height / 2 } });
  await page.locator('#map[data-near="yes"]').waitFor();
  // Another part of the hall for every run, so that runs side by side rarely meet.
  const x0 = 40 + Math.random() * (box.width - 160);
  const y0 = 60 + Math.random() * (box.height - 160);
  for (let i = 0; i < 60 && (await chosen(page)) < 2; i++) {
    await canvas.tap({ position: { x: x0 + (i % 6) * 14, y: y0 + Math.floor(i / 6) * 10 } });
  }
}

/**
 * Walks the grid with the arrow keys and takes two free seats.
 * @param {Page} page
 */
export async function walkToTwoSeats(page) {
  await page.locator("#grid").focus();
  const zones = 1 + Math.floor(Math.random() * 6);
  for (let i = 0; i < zones; i++) await page.keyboard.press("PageDown");
  const steps = 1 + Math.floor(Math.random() * 5);
  for (let i = 0; i < steps; i++) await page.keyboard.press("ArrowDown");
  for (let i = 0; i < 40 && (await chosen(page)) < 2; i++) {
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowRight");
  }
}

/** Lets the site take the best seats together. @param {Page} page */
export async function takeBestSeats(page) {
  await page.locator("#best-grade").selectOption({ index: Math.floor(Math.random() * 4) });
  await page.locator("#best button").click();
  await page.locator("#release").waitFor();
}
