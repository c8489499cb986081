// A browser that several people use, one after the other: nobody sees what is somebody
// else's, and nobody acts as somebody else.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { open } from "../../lib/browser.js";
import { startLine } from "../../lib/lineserver.js";
import { browser, main, pages } from "../../lib/stage.js";
import { answer, booking, inFuture, opened, seatAnswers } from "./storefront.js";

const kind = main[0];

/** @param {string} who @returns {string} an access token of theirs */
const tokenOf = (who) => `x.${btoa(JSON.stringify({ sub: `acc-${who}`, name: who }))}.x`;
/** @param {import("playwright-core").Request} request @returns {Promise<string>} who asks, "" for nobody */
async function asker(request) {
  const [, claims] = /^Bearer x\.(.+)\.x$/.exec((await request.allHeaders()).authorization ?? "") ?? [];
  return claims ? JSON.parse(atob(claims)).name : "";
}

/**
 * A browser's cookies, as a log-in by script or form leaves them: "" for nobody.
 * @param {import("playwright-core").BrowserContext} context
 * @param {string} address
 */
function holder(context, address) {
  const state = { who: "" };
  return {
    state,
    /** @param {string} who */
    async is(who) {
      state.who = who;
      await context.addCookies([
        { name: "fairgate_who", value: who.padEnd(16, "0"), url: address, ...(who ? {} : { expires: 1 }) },
        { name: "fairgate_who", value: "of-another-program", domain: new URL(address).hostname, path: "/q" }, // sent, and read, first
      ]);
    },
    /** Answers as the API does for the holder of the cookies. @param {import("playwright-core").Page} page */
    async answers(page) {
      await page.route("**/v1/auth/refresh", (route) => route.fulfill(state.who ? { json: { access_token: tokenOf(state.who), expires_in: 900 } } : { status: 401, json: { code: "unauthenticated" } }));
    },
  };
}

function lines() {
  test("in a line of accounts a place is asked for as who is here, and somebody else's is left alone", async () => {
    const line = await startLine(pages);
    const { context, page, faults } = await open(browser, kind);
    const here = holder(context, line.url);
    /** Whose place the cookie holds. */
    let placed = "a";
    /** @type {string[]} */
    const asked = [];
    await here.answers(page);
    await page.route("**/places/me", async (route) => {
      const who = await asker(route.request());
      asked.push(who);
      if (!placed || (who && who !== placed)) {
        const code = placed ? "place_invalid" : "place_required";
        placed = "";
        return route.fulfill({ status: 401, json: { code } });
      }
      return route.fulfill({ json: { ...line.world.place, ahead: placed === "a" ? 111 : 222 } });
    });
    await page.route("**/places", async (route) => {
      placed = await asker(route.request());
      return route.fulfill({ status: 201, json: { ...line.world.place, ahead: 222 } });
    });
    line.world.streamStatus = 204;
    await here.is("b");
    await page.goto(`${line.url}/q/account`);
    await page.locator("#headline", { hasText: "222" }).waitFor();
    assert.deepEqual([asked[0], placed], ["b", "b"]);

    // Somebody else logs in, in another tab.
    await here.is("c");
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
    for (let i = 0; placed !== "c" && i < 100; i++) await page.waitForTimeout(50);
    assert.equal(placed, "c");
    assert.deepEqual(faults, []);
    await context.close();
    line.stop();
  });
}

/** @param {import("playwright-core").Page} page */
const comesBack = (page) => page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));

function personal() {
  for (const way of ["another tab", "back"]) {
    test(`my bookings: what is somebody else's goes when they are seen again, by ${way}`, async () => {
      const { context, page } = await opened(kind, {});
      const here = holder(context, pages);
      await here.answers(page);
      await page.route("**/v1/bookings?*", async (route) => {
        const who = await asker(route.request());
        return route.fulfill({ json: { items: [{ ...booking, id: `bkg-${who}`, performance_title: `of ${who}` }], next_cursor: null } });
      });
      await here.is("a");
      await page.goto(`${pages}/me/bookings`);
      await page.locator("#bkg-a").waitFor();
      await here.is("b");
      if (way === "back") await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pageshow", { persisted: true })));
      else await comesBack(page);
      await page.locator("#bkg-b").waitFor();
      assert.equal(await page.locator("#bkg-a").count(), 0);
      await context.close();
    });
  }

  test("seats: somebody else's hold and choice are not shown", async () => {
    const { context, page, faults } = await opened(kind, { ...seatAnswers, "GET /v1/bookings": [200, { items: [], next_cursor: null }] });
    const here = holder(context, pages);
    await here.answers(page);
    await page.route("**/v1/me/holds", async (route) => {
      const items = (await asker(route.request())) === "a" ? [{ hold_id: "hld-1", showtime_id: "st0", sale_id: "queued", seats: ["1F-A-1-3"], amount: 190000, expires_at: inFuture(240) }] : [];
      return route.fulfill({ json: { items } });
    });
    await here.is("a");
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("#release:not([hidden])").waitFor();
    await here.is("b");
    await comesBack(page);
    await page.locator("#release").waitFor({ state: "hidden" });
    assert.equal(await page.locator(".chosen .chip").count(), 0);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("seats: a hold that the server does not know is gone", async () => {
    /** @type {any[]} */
    const items = [{ hold_id: "hld-1", showtime_id: "st0", sale_id: "queued", seats: ["1F-A-1-3"], amount: 190000, expires_at: inFuture(240) }];
    const { context, page } = await opened(kind, {
      ...seatAnswers, "GET /v1/me/holds": () => [200, { items }], "GET /v1/bookings": [200, { items: [], next_cursor: null }],
      "POST /v1/bookings": () => { items.length = 0; return [404, { code: "hold_not_found" }]; },
    });
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("#release:not([hidden])").waitFor();
    await page.click("#book");
    await page.locator("#notice-text", { hasText: "잡아 둔 시간이 끝나 좌석을 놓아 드렸어요. 다시 골라 주세요." }).waitFor();
    assert.equal(await page.locator("#release").isVisible(), false);
    assert.equal(await page.locator(".chosen .chip").count(), 0);
    await context.close();
  });
}

function forms() {
  test("after a log-in by a form the tab acts as who logged in, and says so", async () => {
    const { context, page } = await opened(kind, {});
    const here = holder(context, pages);
    await here.answers(page);
    /** @type {string[]} */
    const asked = [];
    await page.route("**/v1/bookings?*", async (route) => {
      asked.push(await asker(route.request()));
      return route.fulfill({ json: { items: [], next_cursor: null } });
    });
    await here.is("a");
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#none").waitFor();
    await here.is("b"); // the form's answer sets cookies only
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#none").waitFor();
    assert.deepEqual(asked, ["a", "b"]);

    await page.evaluate(() => { localStorage.clear(); sessionStorage.clear(); });
    await page.goto(`${pages}/`);
    await page.locator("#logout:not([hidden])").waitFor();
    assert.equal(await page.locator("#login-link").isVisible(), false);
    await context.close();
  });
}

function clocks() {
  test("my bookings: a device whose clock is fast keeps the seats held, and says when there are none", async () => {
    const { context, page } = await opened(kind, {});
    const ahead = 3600_000;
    let held = true;
    const real = () => new Date(Date.now());
    await answer(page, {});
    await page.route("**/v1/bookings?*", (route) => route.fulfill({ json: { items: [], next_cursor: null }, headers: { Date: real().toUTCString() } }));
    await page.route("**/v1/me/holds", (route) => {
      const items = held ? [{ hold_id: "hld-1", showtime_id: "st0", sale_id: "queued", seats: ["1F-A-1-3"], amount: 190000, expires_at: inFuture(240) }] : [];
      return route.fulfill({ json: { items }, headers: { Date: real().toUTCString() } });
    });
    await page.clock.install({ time: Date.now() + ahead });
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#holds li").first().waitFor();
    await page.clock.runFor(5000);
    assert.equal(await page.locator("#holds > li").count(), 1);
    assert.equal(await page.locator("#none").isVisible(), false);
    held = false;
    await page.clock.runFor(300_000);
    await page.locator("#none:not([hidden])").waitFor();
    assert.equal(await page.locator("#holds > li").count(), 0);
    await context.close();
  });
}

export function handedOn() {
  describe("a browser is handed on", { concurrency: 2 }, () => {
    lines();
    personal();
    forms();
    clocks();
  });
}
