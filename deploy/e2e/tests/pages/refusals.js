// Browsers refuse things: storage, cookies, sound, locks, channels. Pages do without
// where they can, and say what is needed where they cannot.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open, picture } from "../../lib/browser.js";
import { startLine } from "../../lib/lineserver.js";
import { browser, main, pages } from "../../lib/stage.js";
import { answer, booking, inFuture, seatAnswers } from "./storefront.js";

/** Everything a browser may refuse, refused as browsers do it. @param {{cookies: boolean}} allowed */
function refuse({ cookies }) {
  const denied = () => { throw new DOMException("Access is denied for this document.", "SecurityError"); };
  for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, { get: denied, configurable: true });
  for (const name of ["BroadcastChannel", "AudioContext", "Notification", "indexedDB"]) Object.defineProperty(window, name, { get: denied, configurable: true });
  Object.defineProperty(navigator.locks, "request", { value: () => Promise.reject(new DOMException("denied", "SecurityError")) });
  Object.defineProperty(navigator, "vibrate", { value: undefined });
  Object.defineProperty(crypto, "randomUUID", { value: undefined });
  Object.defineProperty(navigator, "cookieEnabled", { get: () => cookies });
}

/** @param {boolean} cookies @param {import("./storefront.js").Answers} answers @param {boolean} [loggedIn] */
async function refusing(cookies, answers, loggedIn = true) {
  const window = await open(browser, main[0]);
  await window.page.addInitScript(refuse, { cookies });
  await answer(window.page, answers, loggedIn);
  return window;
}

function withoutStorage() {
  test("every page of the shop works without storage", async () => {
    const { context, page, faults } = await refusing(true, {
      ...seatAnswers, "GET /v1/bookings": [200, { items: [booking], next_cursor: null }], "GET /v1/bookings/bkg-1": [200, { ...booking, pay_before: inFuture(500), payment: {} }],
      "POST /v1/auth/login": [200, { access_token: "x.e30.x", expires_in: 900 }], "POST /v1/auth/logout": [204, null],
    });
    for (const [path, ready] of [["/", "#logout:not([hidden])"], ["/performances/PF0", "#logout:not([hidden])"], ["/me/bookings", "#bookings .row"], ["/bookings/bkg-1/pay", "#pay[data-state=ready]"], ["/signup", "html[data-ready]"], ["/sales/queued/seats", "html[data-ready=seats]"]]) {
      await page.goto(pages + path);
      await page.locator(ready).waitFor();
    }
    await page.locator("#grid").focus();
    await page.keyboard.press("Enter");
    await page.locator(".chosen .chip").waitFor();
    await page.reload();
    await page.locator(".chosen .chip").waitFor();
    await page.goto(`${pages}/login?next=/me/bookings`);
    await page.locator("html[data-ready]").waitFor();
    await page.fill("#email", "a@b.test");
    await page.fill("#password", "secret-1");
    await page.locator("#login button").click();
    await page.locator("#bookings .row").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("the waiting page works without storage, sound and channels", async () => {
    const line = await startLine(pages);
    const { context, page, faults } = await open(browser, main[0]);
    await page.addInitScript(refuse, { cookies: true });
    await page.goto(`${line.url}/q/demo`);
    await page.locator("html[data-state=waiting]").waitFor();
    await page.click("#sound");
    line.move({ ahead: 6240 });
    await page.locator("#headline", { hasText: "6,240" }).waitFor();
    line.move({ state: "offered", ahead: 0, claim_before: inFuture(50) });
    await page.locator("html[data-state=offered]").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
    line.stop();
  });
}

function withoutCookies() {
  test("without cookies the log-in says what it needs", async () => {
    const { context, page, faults } = await refusing(false, {}, false);
    await page.goto(`${pages}/login`);
    await page.locator("#fault", { hasText: "쿠키" }).waitFor();
    await picture(page, "refused-login-phone-ko");
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("a cookie that is refused in silence is noticed by the log-in", async () => {
    const { context, page } = await refusing(true, { "POST /v1/auth/login": [200, { access_token: "x.e30.x", expires_in: 900 }] }, false);
    await page.goto(`${pages}/login`);
    await page.locator("html[data-ready]").waitFor();
    await page.fill("#email", "a@b.test");
    await page.fill("#password", "secret-1");
    await page.locator("#login button").click();
    await page.locator("#fault", { hasText: "쿠키" }).waitFor();
    await context.close();
  });

  test("without cookies nobody joins a line: the page says what it needs", async () => {
    const line = await startLine(pages);
    const { context, page, faults } = await open(browser, main[0]);
    await page.addInitScript(refuse, { cookies: false });
    line.world.placeStatus = 401;
    await page.goto(`${line.url}/q/demo`);
    await page.locator("html[data-state=cookies]").waitFor();
    await picture(page, "refused-waiting-phone-ko");
    assert.equal(line.count("POST /v1/queues/demo/places"), 0);
    assert.deepEqual(faults, []);
    await context.close();
    line.stop();
  });

  test("a place whose cookie is refused in silence is not joined again and again", async () => {
    const line = await startLine(pages);
    const { context, page } = await open(browser, main[0]);
    line.world.placeStatus = 401;
    line.world.streamStatus = 204;
    await page.clock.install();
    await page.goto(`${line.url}/q/demo`);
    for (let i = 0; i < 40 && !(await page.locator("html[data-state=cookies]").isVisible()); i++) await page.clock.fastForward(2000);
    await page.locator("html[data-state=cookies]").waitFor();
    assert.equal(line.count("POST /v1/queues/demo/places"), 2);
    await context.close();
    line.stop();
  });
}

export function refusals() {
  describe("what browsers refuse", { concurrency: 2 }, () => {
    withoutStorage();
    withoutCookies();
  });
}
