// The whole way of a fan against a running stack (make up): from the list to a
// paid ticket, on a phone and a desk, in Korean and English, two fans at a time.
// It clicks what a fan clicks and never calls the API itself. SITE is the
// gateway's address, SHOW a part of the title of what is on sale.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { accessibilityFaults, launch, open, picture } from "../../lib/browser.js";
import { openPerformance, signUp, takeBestSeats, tapTwoSeats, walkToTwoSeats } from "../../lib/fan.js";

const site = (process.env.SITE ?? "http://127.0.0.1:8080").replace(/\/$/, "");
// The mail catcher of the same stack.
const catcher = process.env.FAIRGATE_CATCHER_URL ?? `http://127.0.0.1:${Number(new URL(site).port) - 55}`;
const show = process.env.SHOW ?? "파란밤";
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

/**
 * @typedef {import("playwright-core").Page} Page
 * @typedef {{size: "phone" | "desktop", language: "ko" | "en", choose: (page: Page) => Promise<void>, refusedFirst?: boolean, cancels?: boolean}} Way
 * @type {Way[]}
 */
const ways = [
  { size: "phone", language: "ko", choose: tapTwoSeats },
  { size: "desktop", language: "en", choose: takeBestSeats, cancels: true },
  { size: "phone", language: "en", choose: takeBestSeats, refusedFirst: true },
  { size: "desktop", language: "ko", choose: walkToTwoSeats, cancels: true },
];

describe("from the list to a ticket", { concurrency: 2 }, () => {
  for (const way of ways) test(`${way.size}, ${way.language}`, { timeout: 120_000 }, () => go(way));
});

/** @param {Way} way */
async function go(way) {
  const { size, language } = way;
  const { context, page, faults } = await open(browser, { size, language });
  page.setDefaultTimeout(30_000);
  let step = 0;
  const look = async (/** @type {string} */ name) => {
    await picture(page, `way-${size}-${language}-${String(++step).padStart(2, "0")}-${name}`);
    assert.deepEqual(await accessibilityFaults(page), [], name);
  };

  await page.goto(`${site}/`);
  await page.locator(".card").first().waitFor();
  await look("list");
  await openPerformance(page, show);
  await look("performance");

  await page.locator('.way a[href^="/q/"]').first().click();
  await page.locator("html[data-state=login]").waitFor();
  await look("log-in-first");
  await page.click("#go");
  const email = await signUp(page, language === "ko" ? "이하늘" : "Sky Lee", () => look("sign-up"));
  await page.waitForURL("**/q/**");
  // On a quiet stack the turn comes in a moment; in a queue it is waited for.
  await page.locator("html:is([data-state=waiting],[data-state=nearly],[data-state=offered])").waitFor();
  await look("line");
  await page.locator("html[data-state=offered]").waitFor({ timeout: 60_000 });
  await look("your-turn");
  await page.click("#go");

  await page.waitForURL("**/sales/*/seats**", { timeout: 60_000 });
  await page.locator("html[data-ready=seats]").waitFor();
  await look("seats");
  await way.choose(page);
  assert.equal(await page.locator(".chosen .chip").count(), 2);
  await look("chosen");
  await page.click("#book");

  await page.waitForURL("**/bookings/*/pay**");
  await page.locator("#pay[data-state=ready]").waitFor();
  assert.equal(await page.locator("#seats li").count(), 2);
  await look("summary");
  if (way.refusedFirst) await pay(page, "refuse", look);
  await pay(page, "approve", look);
  await page.locator("#pay[data-state=confirmed]").waitFor({ timeout: 60_000 });
  await page.locator("#tickets li").nth(1).waitFor({ timeout: 60_000 });
  await look("result");

  await page.click("#elsewhere");
  await page.locator(".badge.confirmed").waitFor();
  await look("my-bookings");
  if (way.cancels) await cancel(page, look);
  for (const template of way.cancels ? ["booking_confirmed", "booking_cancelled"] : ["booking_confirmed"]) await followMail(page, email, template);
  assert.deepEqual(faults, []);
  await context.close();
}

/**
 * Goes to the payment window and answers there.
 * @param {Page} page
 * @param {"approve" | "refuse"} answer
 * @param {(name: string) => Promise<void>} look
 */
async function pay(page, answer, look) {
  await page.click("#go");
  await page.locator(`button[formaction$="/${answer}"]`).waitFor();
  await look(`window-${answer}`);
  await page.locator(`button[formaction$="/${answer}"]`).click();
  if (answer === "approve") return;
  await page.locator("#pay[data-state=declined]").waitFor();
  await look("refused");
}

/**
 * Waits for a mail and follows each of its links to this site: a page is there, and so
 * is what the link's end names.
 * @param {Page} page @param {string} email @param {string} template
 */
async function followMail(page, email, template) {
  /** @type {any} */
  let mail;
  for (let tries = 0; !mail && tries < 120; tries++) {
    const { items } = await (await fetch(`${catcher}/api/mails?to=${encodeURIComponent(email)}`)).json();
    mail = items.find((/** @type {any} */ one) => one.template === template);
    if (!mail) await new Promise((done) => { setTimeout(done, 500); });
  }
  assert.ok(mail, `the mail ${template}`);
  assert.doesNotMatch(mail.text + mail.html.replace(/href="[^"]*"/g, ""), /\b(?:\d+F|FL)-\w+-\d+-\d+\b/, "seats in words");
  const links = [...`${mail.html} ${mail.text}`.matchAll(/https?:\/\/[^\s"<>]+/g)].map(([link]) => link.replaceAll("&amp;", "&"));
  assert.ok(links.length >= 2, "a link in the text and one in the HTML");
  for (const link of new Set(links)) {
    const at = new URL(link);
    assert.equal(at.origin, new URL(site).origin, "mails lead to this site only");
    await page.goto("about:blank");
    assert.equal((await page.goto(link))?.status(), 200, link);
    if (at.hash) await page.locator(`[id="${at.hash.slice(1)}"]`).waitFor();
  }
}

/** @param {Page} page @param {(name: string) => Promise<void>} look */
async function cancel(page, look) {
  await page.locator("#bookings .plainly").first().click();
  await page.locator("#cancel[open]").waitFor();
  await look("refund");
  await page.locator("#cancel [value=cancel]").click();
  await page.locator(".badge.cancelling, .badge.cancelled").waitFor();
  await look("cancelled");
}
