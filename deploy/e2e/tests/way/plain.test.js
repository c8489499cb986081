// The way of a fan whose browser runs no scripts, against a running stack: what works
// does, and what does not says plainly what it needs. SITE and SHOW as in way.test.js.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { launch, open, picture } from "../../lib/browser.js";
import { openPerformance } from "../../lib/fan.js";

const site = (process.env.SITE ?? "http://127.0.0.1:8080").replace(/\/$/, "");
const show = process.env.SHOW ?? "파란밤";
const password = "Fairgate-dev-1";
const needsScripts = { ko: /자바스크립트/, en: /JavaScript/ };
/** @type {import("playwright-core").Browser} */
let browser;
before(async () => { browser = await launch(); });
after(async () => { await browser?.close(); });

describe("without JavaScript", () => {
  for (const [size, language] of /** @type {const} */ ([["phone", "ko"], ["desktop", "en"]])) {
    test(`list, accounts, line and seats, ${size}, ${language}`, { timeout: 120_000 }, () => go(size, language));
  }
});

/** @param {"phone" | "desktop"} size @param {"ko" | "en"} language */
async function go(size, language) {
  const { context, page } = await open(browser, { size, language, javaScriptEnabled: false });
  page.setDefaultTimeout(30_000);
  const look = (/** @type {string} */ name) => picture(page, `plain-${size}-${language}-${name}`);
  const email = `plain-${randomUUID()}@fairgate.test`;
  const here = () => new URL(page.url());

  // The list and its search lead to a show.
  await page.goto(`${site}/`);
  await openPerformance(page, show);
  const performance = page.url();

  // A wrong sign-up keeps what was entered; a right one ends where the fan was.
  await page.locator("#login-link").click();
  await page.locator("#other").click();
  await page.fill("#name", "Sky Lee");
  await page.fill("#email", email);
  await page.fill("#password", "short");
  await page.locator("#signup button").click();
  await page.locator("#password-fault").waitFor();
  assert.equal(await page.inputValue("#email"), email);
  await look("sign-up-fault");
  await page.fill("#password", password);
  await page.locator("#signup button").click();
  await page.waitForURL(performance);

  // Out by the form in the header, and in again; no address ever holds the password.
  await page.locator("noscript form button, .top form button").first().click();
  await page.waitForURL(`${site}/`);
  await page.goto(`${site}/login?next=${encodeURIComponent(here().pathname)}`);
  for (const tried of ["wrong-Password-1", password]) {
    await page.fill("#email", email);
    await page.fill("#password", tried);
    await page.locator("#login button").click();
    if (tried !== password) await page.locator("#fault:not(:empty)").waitFor();
    assert.ok(!page.url().includes(tried), "the address holds no password");
  }
  await page.waitForURL(`${site}/`);

  // The line says what is needed; its language links keep the showtime.
  await page.goto(performance);
  await page.locator('.way a[href^="/q/"]').first().click();
  assert.match(await page.locator("main").innerText(), needsScripts[language]);
  await look("line");
  const showtime = here().searchParams.get("showtime");
  const other = language === "ko" ? "en" : "ko";
  await page.locator(`a[hreflang=${other}]`).click();
  await page.waitForURL((url) => url.searchParams.get("lang") === other);
  assert.equal(here().searchParams.get("showtime"), showtime, "the showtime is kept");
  assert.match(await page.locator("main").innerText(), needsScripts[other]);

  // So do the seats and the bookings.
  for (const path of [`/sales/${here().pathname.split("/").pop()}/seats?showtime=${showtime}`, "/me/bookings"]) {
    await page.goto(site + path);
    const said = page.locator("main p.alarm");
    assert.match(await said.innerText(), needsScripts[language], path);
    const box = await said.boundingBox();
    assert.ok(box && box.y + box.height < (page.viewportSize()?.height ?? 0) / 2, "it is seen at once");
    assert.deepEqual(await page.locator("main button:visible").evaluateAll((all) => all.filter((one) => !one.closest("form[method=get]")).map((one) => one.textContent)), [], "no button does nothing");
    await look(path.includes("seats") ? "seats" : "bookings");
  }
  await context.close();
}
