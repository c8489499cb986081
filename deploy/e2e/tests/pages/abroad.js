// What happens outside a page: another tab of the same fan, a network that goes, answers
// that do not come, a clock that is wrong.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { picture } from "../../lib/browser.js";
import { main, others, pages } from "../../lib/stage.js";
import { clockOffset } from "../../../../shared/platform/page/static/format.js";
import { answer, booking, inFuture, opened, seatAnswers } from "./storefront.js";

const held = () => ({ hold_id: "hld-1", showtime_id: "st0", sale_id: "queued", seats: ["1F-A-1-3", "1F-A-1-4"], amount: 380000, expires_at: inFuture(240), performance_title: "한여름 밤의 콘서트" });
/** @param {any[]} items @returns {import("./storefront.js").Answers} */
const holding = (items) => ({
  ...seatAnswers, "GET /v1/me/holds": () => [200, { items }], "GET /v1/bookings": [200, { items: [], next_cursor: null }],
  "POST /v1/showtimes/st0/holds": () => { items.push(held()); return [201, items[0]]; },
  "DELETE /v1/holds/hld-1": () => { items.length = 0; return [204, null]; },
});

/** Presses a button of a tab that another may lie in front of. @param {import("playwright-core").Page} tab @param {string} what */
const press = (tab, what) => tab.locator(what).evaluate((button) => /** @type {HTMLElement} */ (button).click());

function tabs() {
  test("a hold taken or given back in one tab is known to the others at once", async () => {
    /** @type {any[]} */
    const items = [];
    const { context, page, faults } = await opened(main[0], holding(items));
    const [second, list] = [await context.newPage(), await context.newPage()];
    for (const tab of [second, list]) await answer(tab, holding(items));
    await second.goto(`${pages}/sales/queued/seats`);
    await second.locator("html[data-ready=seats]").waitFor();
    await list.goto(`${pages}/me/bookings`);
    await list.locator("#none:not([hidden])").waitFor();
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("html[data-ready=seats]").waitFor();
    await press(page, "#best button");
    await page.locator("#release").waitFor();
    await second.locator("#release").waitFor();
    assert.match(await second.locator("#left").innerText(), /^[34]:\d\d$/);
    await list.locator("#holds .row").waitFor();
    await press(second, "#release");
    await page.locator("#release").waitFor({ state: "hidden" });
    assert.equal(await page.locator(".chosen .chip").count(), 0);
    await list.locator("#holds .row").waitFor({ state: "detached" });
    assert.deepEqual(faults, []);
    await context.close();
  });
}

function network() {
  for (const kind of main) {
    test(`pay: without a network the booking stays on the page with its time, ${kind.size}`, async () => {
      let away = false;
      const payable = { ...booking, pay_before: inFuture(580), payment: { window_url: `${pages}/terms`, order_name: "x", success_url: "/", fail_url: "/" } };
      const { context, page } = await opened(kind, { "GET /v1/bookings/bkg-1": [200, payable] });
      await page.route("**/v1/**", (route) => (away ? route.abort() : route.fallback()));
      await page.goto(`${pages}/bookings/bkg-1/pay`);
      await page.locator("#pay[data-state=ready]").waitFor();
      away = true;
      await page.click("#go");
      await page.locator("#explain", { hasText: /인터넷에|You are offline/ }).waitFor();
      assert.match(page.url(), /\/bookings\/bkg-1\/pay$/);
      assert.match(await page.locator("#countdown #left").innerText(), /^9:\d\d$/);
      assert.equal(await page.locator("#go").isEnabled(), true);
      await picture(page, `abroad-pay-offline-${kind.size}-${kind.language}`);
      away = false;
      await page.evaluate(() => dispatchEvent(new Event("online")));
      await page.locator("#explain", { hasText: /시간이 끝날 때까지|until the time runs out/ }).waitFor();
      await page.click("#go");
      await page.waitForURL("**/terms?**");
      await context.close();
    });
  }

  for (const [name, path, way, then, hangs] of /** @type {const} */ ([
    ["my bookings", "/me/bookings", "#state button", "#bookings .row", "/v1/bookings"],
    ["pay", "/bookings/bkg-1/pay", "#pay[data-state=problem] #go", "#pay[data-state=ready]", "/v1/bookings/bkg-1"],
    ["seats", "/sales/queued/seats", "#offers .chip", "html[data-ready=seats]", "/v1/showtimes/st0/availability"],
  ])) {
    test(`${name}: while an answer does not come one can ask anew`, async () => {
      const { context, page, faults } = await opened(others[0], {
        ...holding([]), "GET /v1/bookings": [200, { items: [booking], next_cursor: null }], "GET /v1/bookings/bkg-1": [200, { ...booking, pay_before: inFuture(580), payment: {} }],
      });
      let asked = 0;
      await page.route(`**${hangs}*`, (route) => (new URL(route.request().url()).pathname === hangs && asked++ === 0 ? new Promise(() => {}) : route.fallback()));
      await page.goto(pages + path);
      await page.locator(way).waitFor();
      await picture(page, `abroad-slow-${name.replace(" ", "-")}`);
      await page.locator(way).click();
      await page.locator(then).waitFor();
      assert.ok(asked > 1);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

/** Loads that are given up by the fan, and answers that say that there were too many. */
function askedAnew() {
  test("seats: what is asked anew has not failed, and is asked at once", async () => {
    const { context, page, faults } = await opened(others[0], holding([]));
    let asked = 0;
    await page.route("**/v1/showtimes/st0/availability*", (route) => (asked++ === 0 ? new Promise(() => {}) : route.fallback()));
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("#offers .chip").waitFor();
    const said = await page.evaluateHandle(() => {
      /** @type {string[]} */
      const texts = [];
      new MutationObserver(() => texts.push(document.getElementById("notice-text")?.textContent ?? "")).observe(document.body, { subtree: true, childList: true });
      return texts;
    });
    await page.locator("#offers .chip").click();
    await page.locator("html[data-ready=seats]").waitFor();
    assert.deepEqual((await said.jsonValue()).filter((text) => /could not be loaded/.test(text)), []);
    assert.ok(asked > 1);
    assert.deepEqual(faults, []);
    await context.close();
  });

  const tooMany = /요청이 너무 많아요|Too many requests/;
  const limited = (/** @type {import("playwright-core").Route} */ route) => route.fulfill({ status: 429, headers: { "Retry-After": "30" }, json: { code: "rate_limited" } });
  /** Lets time pass, and all that the page asks for then arrive. @param {import("playwright-core").Page} page @param {number} ms */
  const pass = async (page, ms) => {
    await page.clock.fastForward(ms);
    await page.evaluate(async () => { await fetch("/v1/time"); });
  };
  for (const kind of main) {
    test(`pay: too many requests are no lost network, and it goes on when it may, ${kind.size}`, async () => {
      let state = { ...booking, pay_before: inFuture(580), payment: {} };
      const { context, page, faults } = await opened(kind, {
        "GET /v1/bookings/bkg-1": () => [200, state],
        "POST /v1/payments/confirm": () => {
          state = { ...state, state: "confirmed", payment_state: "done" };
          return [200, { booking_id: "bkg-1", booking_state: "confirmed", payment_state: "done" }];
        },
        "GET /v1/bookings/bkg-1/tickets": [200, { items: [] }],
      });
      let [asked, confirms] = [0, 0];
      await page.route("**/v1/bookings/bkg-1", (route) => (asked++ === 0 ? limited(route) : route.fallback()));
      await page.route("**/v1/payments/confirm", (route) => (confirms++ === 0 ? limited(route) : route.fallback()));
      await page.clock.install();
      await page.goto(`${pages}/bookings/bkg-1/pay?paymentKey=pk-1&orderId=ord-1234567&amount=380000`);
      await page.locator("#pay[data-state=problem] #explain", { hasText: tooMany }).waitFor();
      await picture(page, `abroad-pay-limited-${kind.size}-${kind.language}`);
      await pass(page, 15000);
      assert.equal(asked, 1, "not before it may");
      await pass(page, 25000);
      await page.locator("#pay[data-state=confirming] #explain", { hasText: tooMany }).waitFor();
      await pass(page, 15000);
      assert.equal(confirms, 1, "not before it may");
      await pass(page, 20000);
      await page.locator("#pay[data-state=confirmed]").waitFor();
      assert.equal(confirms, 2);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }
}

function time() {
  test("no countdown shows more time than there is, however late an answer comes", () => {
    const real = Date.now;
    try {
      for (const ahead of [0, -900, 1400, 7_200_000, -7_200_000]) {
        let here = 1_800_000_000_000 + ahead; // our clock
        Date.now = () => here;
        clockOffset({ headers: new Headers({ Date: new Date(here - 1e9).toUTCString() }), asked: here }); // of another life
        let least = Infinity;
        for (const [up, down] of [[50, 6000], [3000, 50], [40, 40], [10, 4000]]) {
          const asked = here;
          const atServer = here - ahead + up;
          here += up + down;
          const offset = clockOffset({ headers: new Headers({ Date: new Date(atServer).toUTCString() }), asked });
          const behind = here + offset - (here - ahead); // how far the page's time is ahead of the server's
          assert.ok(behind >= 0, `${ahead}: ${behind} ms too much is shown`);
          assert.ok(behind <= 2000 + up + down, `${ahead}: ${behind} ms too little is shown`);
          assert.ok(behind <= least, "what a quick answer has shown is not forgotten");
          least = behind;
        }
      }
    } finally {
      Date.now = real;
    }
  });

  for (const [name, kept] of /** @type {const} */ ([
    ["may be kept for a second", { "Cache-Control": "public, max-age=1" }], ["was kept for three, against its word", { "Cache-Control": "public, max-age=1", Age: "3" }],
  ])) {
    test(`no countdown shows more time than there is, by an answer that ${name}`, () => {
      const real = Date.now;
      try {
        const here = 1_800_000_000_000;
        Date.now = () => here;
        clockOffset({ headers: new Headers({ Date: new Date(here - 1e9).toUTCString() }), asked: here }); // of another life
        const old = 1000 * Number(kept.Age ?? 1) + 1999; // kept, and its Date a little before that
        const asked = here - 10;
        const offset = clockOffset({ headers: new Headers({ ...kept, Date: new Date(here - old).toUTCString() }), asked });
        assert.ok(offset >= 0, `${-offset} ms too much is shown`);
        assert.ok(offset <= 2000, `${offset} ms too little is shown`);
      } finally {
        Date.now = real;
      }
    });
  }
}

function notes() {
  for (const kind of [main[0], others[0], main[1]]) {
    test(`a note covers no tool of the map and goes with its cause, ${kind.size}, ${kind.language}`, async () => {
      const { context, page } = await opened(kind, holding([held()]));
      await page.goto(`${pages}/sales/queued/seats`);
      await page.locator("#notice").waitFor();
      const covered = await page.evaluate(() => [...document.querySelectorAll(".zoom button, #book, #release")].filter((tool) => {
        tool.scrollIntoView({ block: "nearest" });
        const { left, top, width, height } = tool.getBoundingClientRect();
        return document.elementFromPoint(left + width / 2, top + height / 2) !== tool;
      }).map((tool) => tool.id));
      assert.deepEqual(covered, []);
      await picture(page, `abroad-note-${kind.size}-${kind.language}`);
      await page.click("#notice-close");
      await page.locator("#notice").waitFor({ state: "hidden" });
      await page.locator("#release").click();
      await page.locator("#notice").waitFor({ state: "hidden" });
      await context.close();
    });
  }

  for (const width of [320, 360, 390]) {
    test(`what is held can be read on a phone of ${width} px, in English`, async () => {
      const { context, page } = await opened(others[0], holding([held()]));
      await page.setViewportSize({ width, height: 640 });
      await page.goto(`${pages}/sales/queued/seats`);
      await page.locator("#release").waitFor();
      const cut = await page.evaluate(() => [...document.querySelectorAll(".brand, .top nav a:not([hidden]), .top nav button, #bar .chip:first-child, #sum, #time, #release, #book")].filter((part) => {
        const { left, right } = part.getBoundingClientRect();
        const frame = part.closest("#chosen")?.getBoundingClientRect() ?? { left: 0, right: innerWidth };
        const lines = Math.round(part.getBoundingClientRect().height / parseFloat(getComputedStyle(part).lineHeight || "24"));
        return left < frame.left - 1 || right > frame.right + 1 || part.scrollWidth > part.clientWidth + 1 || (part.closest(".top, #release") !== null && lines > 2);
      }).map((part) => part.id || part.textContent));
      await page.click("#notice-close");
      await picture(page, `abroad-held-${width}`);
      assert.deepEqual(cut, []);
      await context.close();
    });
  }

  test("a note about the network goes with the network's return", async () => {
    let away = false;
    const { context, page } = await opened(main[0], holding([]));
    await page.route("**/v1/showtimes/st0/holds", (route) => (away ? route.abort() : route.fallback()));
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("html[data-ready=seats]").waitFor();
    away = true;
    await page.locator("#best button").click();
    await page.locator("#notice", { hasText: "연결이 불안정" }).waitFor();
    away = false;
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.locator("#notice").waitFor({ state: "hidden" });
    await context.close();
  });

  test("the focus goes on from the new heading when what it was on is gone", async () => {
    let change = {};
    const { context, page } = await opened(main[0], { "GET /v1/bookings/bkg-1": () => [200, { ...booking, pay_before: inFuture(500), payment: {}, ...change }] });
    await page.goto(`${pages}/bookings/bkg-1/pay`);
    await page.locator("#pay[data-state=ready]").waitFor();
    await page.locator("#go").focus();
    change = { state: "expired", payment_state: "expired" };
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.locator("#pay[data-state=expired]").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), "heading");
    await context.close();
  });
}

export const abroad = () => describe("what happens outside a page", { concurrency: 2 }, () => {
  tabs();
  network();
  askedAnew();
  time();
  notes();
});
