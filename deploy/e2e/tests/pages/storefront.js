// The storefront's pages, each on a phone and a wide window: what they do, how
// they look, that axe finds nothing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accessibilityFaults, open, picture } from "../../lib/browser.js";
import { sampleHall } from "../../lib/hall.js";
import { browser, inOneWindow, main, others, pages } from "../../lib/stage.js";

/** @typedef {import("../../lib/stage.js").Kind} Kind */

export const inFuture = (/** @type {number} */ seconds) => new Date(Date.now() + seconds * 1000).toISOString();
export const booking = {
  id: "bkg-1", order_id: "ord-1234567", state: "pending_payment", payment_state: "ready", sale_id: "queued", showtime_id: "st0",
  performance_title: "한여름 밤의 콘서트", venue_name: "KSPO DOME", starts_at: "2027-01-10T10:00:00Z",
  seats: [{ no: "1F-A-3-7", grade: "VIP", price: 190000 }, { no: "1F-A-3-8", grade: "VIP", price: 190000 }], price: 380000, discount: 0, amount: 380000,
};

/**
 * What the API answers, by "METHOD /path"; a function gets the request's body.
 * @typedef {Record<string, [number, any] | ((body: any, request: import("playwright-core").Request) => [number, any])>} Answers
 */

/** @param {import("playwright-core").Page} page @param {Answers} answers @param {boolean} [loggedIn] */
export async function answer(page, answers, loggedIn = true) {
  await page.route("**/v1/**", (route) => {
    const request = route.request();
    const { pathname } = new URL(request.url());
    if (pathname === "/v1/auth/refresh") {
      const name = btoa(JSON.stringify({ name: "fan" }));
      return route.fulfill(loggedIn ? { json: { access_token: `x.${name}.x`, expires_in: 900 } } : { status: 401, json: { code: "unauthenticated" } });
    }
    const found = answers[`${request.method()} ${pathname}`];
    if (!found) return route.fulfill({ status: pathname.endsWith("/events") ? 204 : 404, json: { code: "not_found" }, headers: { "X-Request-Id": "req-test-1" } });
    const [status, body] = typeof found === "function" ? found(request.postDataJSON(), request) : found;
    const headers = { "X-Request-Id": "req-test-1" };
    return route.fulfill(body === null ? { status, headers } : { status, json: body, headers });
  });
}

/** @param {import("playwright-core").Page} page @param {string[]} faults @param {string} name */
async function check(page, faults, name) {
  await picture(page, name);
  assert.deepEqual(await accessibilityFaults(page), []);
  assert.deepEqual(faults, []);
}

export const hall = sampleHall();
/** Asked when the page asks: a slow machine must not find a session that is over. @returns {[number, any]} */
const pass = () => [200, { state: "active", session_ends_at: inFuture(280) }];
/** @type {Answers} */
export const seatAnswers = {
  "GET /v1/showtimes/st0/seatmap": [200, hall.compact],
  "GET /v1/showtimes/st0/availability": [200, hall.availability],
  "GET /v1/queues/queued/places/me": pass,
};

/** @param {Kind} kind @param {Answers} answers @param {boolean} [loggedIn] */
export async function opened(kind, answers, loggedIn = true) {
  const window = await open(browser, kind);
  await answer(window.page, answers, loggedIn);
  return window;
}

export const tickets = { items: booking.seats.map(({ no }, i) => ({ id: `tkt-0123456789abcde${i}`, seat: no, code: "c", void: false, issued_at: inFuture(-60) })) };
const paid = { state: "confirmed", payment_state: "done" };

/**
 * A page that needs no step to be seen.
 * @typedef {{name: string, path: string, ready: string, structure?: boolean, answers?: Answers, guest?: boolean, says?: {ko: string, en: string}}} Still
 * @type {Still[]}
 */
const stills = [
  { name: "home", path: "/", ready: "h1", guest: true, structure: true },
  { name: "none", path: "/?q=nothing", ready: ".empty", guest: true, structure: true },
  { name: "performance", path: "/performances/PF0", ready: "h1", guest: true, structure: true },
  { name: "login", path: "/login?next=/q/queued", ready: "html[data-ready]", guest: true, structure: true },
  { name: "signup", path: "/signup", ready: "html[data-ready]", guest: true, structure: true },
  { name: "terms", path: "/terms", ready: "#cancel", guest: true, structure: true },
  { name: "privacy", path: "/privacy", ready: "#cookies", guest: true, structure: true },
  { name: "missing", path: "/performances/none", ready: "h1", guest: true, structure: true },
  { name: "seats-nopass", path: "/sales/queued/seats", ready: "#notice a[href^='/q/queued']", answers: { ...seatAnswers, "GET /v1/queues/queued/places/me": [401, { code: "place_required" }] } },
  { name: "bookings-empty", path: "/me/bookings", ready: "#none:not([hidden])", structure: true, answers: { "GET /v1/bookings": [200, { items: [], next_cursor: null }] } },
  ...[
    still("ready", {}, true),
    still("declined", { payment_state: "failed", failure: { code: "REJECT_CARD_COMPANY", message: "카드사에서 거절했어요." } }),
    still("confirmed", paid, true),
    still("expired", { state: "expired", payment_state: "expired" }),
    still("confirming", { payment_state: "confirming" }),
    still("cancelling", { state: "cancelling", payment_state: "done" }),
    still("cancelled", { state: "cancelled", payment_state: "cancelled" }),
  ],
  { ...still("declined", {}), name: "pay-refused", path: "/bookings/bkg-1/pay?code=REJECT_CARD_COMPANY&message=no", ready: "#pay[data-state=declined] #terms:not([hidden])" },
  { ...still("ready", {}), name: "pay-closed", path: "/bookings/bkg-1/pay?code=PAY_PROCESS_CANCELED&message=no" },
  { name: "pay-missing", path: "/bookings/bkg-9/pay", ready: "#pay[data-state=missing]" },
  { name: "pay-problem", path: "/bookings/bkg-1/pay", ready: "#pay[data-state=problem]", answers: { "GET /v1/bookings/bkg-1": [500, { code: "internal" }] } },
];

/**
 * The page of a booking in one state; its seats are said in words.
 * @param {string} state
 * @param {any} change
 * @param {boolean} [structure]
 * @returns {Still}
 */
function still(state, change, structure) {
  return {
    name: `pay-${state}`, path: "/bookings/bkg-1/pay", ready: `#pay[data-state=${state}]${state === "confirmed" ? " #tickets li:nth-child(2)" : ""}`, structure,
    says: { ko: "1층 A구역 3열 7번", en: "Floor 1, section A, row 3, seat 7" },
    answers: {
      "GET /v1/bookings/bkg-1": [200, { ...booking, pay_before: inFuture(580), payment: {}, ...change }],
      "GET /v1/bookings/bkg-1/tickets": [200, tickets],
      "GET /v1/showtimes/st0/seatmap": [200, hall.compact],
    },
  };
}

/** @param {Kind} kind @param {Still[]} cases @param {import("node:test").TestContext} t @param {boolean} shots */
function lookAt(kind, cases, t, shots) {
  return inOneWindow(kind, cases, t, async ({ page, faults }, one) => {
    await answer(page, one.answers ?? {}, !one.guest);
    await page.goto(pages + one.path);
    await page.locator(one.ready).waitFor();
    if (one.says) await page.locator("#seats").getByText(one.says[kind.language]).waitFor();
    if (shots) await picture(page, `store-${one.name}-${kind.size}-${kind.language}`);
    if (one.structure) assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(faults, []);
  });
}

/** What happens in steps; the same in every window. */
function steps() {
  const kind = main[0];
  test("log-in fails, then goes back to the line", async () => {
    let tries = 0;
    const { context, page } = await opened(kind, { "POST /v1/auth/login": () => (tries++ ? [200, { access_token: "x.e30.x", expires_in: 900 }] : [401, { code: "unauthenticated" }]) }, false);
    await page.goto(`${pages}/login?next=/q/queued`);
    await page.locator("html[data-ready]").waitFor();
    await page.fill("#email", "fan@fairgate.test");
    await page.fill("#password", "Fairgate-dev-1");
    await page.locator("#login button").click();
    await page.locator("#fault:not(:empty)").waitFor();
    await page.locator("#login button").click();
    await page.waitForURL("**/q/queued");
    await context.close();
  });

  test("every page shows who is logged in", async () => {
    const { context, page, faults } = await opened(kind, seatAnswers);
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#logout").waitFor();
    for (const path of ["/", "/performances/PF0", "/sales/queued/seats", "/bookings/bkg-1/pay", "/me/bookings", "/login", "/signup"]) {
      await page.goto(pages + path);
      await page.locator("#logout").waitFor();
      assert.equal(await page.locator("#login-link").isVisible(), false, path);
    }
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("log-in never leaves the site", async () => {
    const { context, page } = await opened(kind, { "POST /v1/auth/login": [200, { access_token: "x.e30.x", expires_in: 900 }] }, false);
    await page.goto(`${pages}/login?next=//elsewhere.test/`);
    await page.locator("html[data-ready]").waitFor();
    await page.fill("#email", "a@b.test");
    await page.fill("#password", "secret");
    await page.locator("#login button").click();
    await page.waitForURL(`${pages}/`);
    await context.close();
  });

  test("pay: to the window and back", async () => {
    let state = { ...booking, pay_before: inFuture(580), payment: { client_key: "ck", order_name: "콘서트", success_url: "/bookings/bkg-1/pay", fail_url: "/bookings/bkg-1/pay", window_url: `${pages}/window` } };
    /** @type {any} */
    let confirmed = null;
    const { context, page, faults } = await opened(kind, {
      "GET /v1/bookings/bkg-1": () => [200, state],
      "POST /v1/payments/confirm": (body, request) => {
        confirmed = { ...body, prefer: request.headers().prefer, key: request.headers()["idempotency-key"] };
        state = { ...state, state: "confirmed", payment_state: "done" };
        return [200, { booking_id: "bkg-1", booking_state: "confirmed", payment_state: "done" }];
      },
    });
    await page.route("**/window?**", (route) => {
      const query = new URL(route.request().url()).searchParams;
      assert.equal(query.get("amount"), "380000");
      assert.equal(query.get("clientKey"), "ck");
      return route.fulfill({ status: 302, headers: { Location: `${query.get("successUrl")}?paymentKey=pk-1&orderId=${query.get("orderId")}&amount=${query.get("amount")}` } });
    });
    await page.goto(`${pages}/bookings/bkg-1/pay`);
    await page.locator("#pay[data-state=ready] #go").click();
    await page.locator("#pay[data-state=confirmed]").waitFor();
    assert.equal(confirmed.payment_key, "pk-1");
    assert.equal(confirmed.order_id, "ord-1234567");
    assert.equal(confirmed.amount, 380000);
    assert.equal(confirmed.prefer, "wait=10");
    assert.ok(confirmed.key);
    await page.waitForURL((url) => !url.searchParams.has("paymentKey"));
    assert.deepEqual(faults, []);
    await context.close();
  });

}

/** Seats and bookings, whose steps are also looked at. @param {Kind} kind */
function looks(kind) {
  const suffix = `${kind.size}-${kind.language}`;
  test("seats: map, keyboard, list, conflict, booking", async () => {
    /** @type {any[]} */
    const holds = [];
    const { context, page, faults } = await opened(kind, {
      ...seatAnswers,
      "POST /v1/showtimes/st0/holds": (body, request) => {
        holds.push({ ...body, key: request.headers()["idempotency-key"] });
        if (holds.length === 1) return [409, { code: "seat_taken", conflicts: [body.seats[0]] }];
        return [201, { hold_id: "hld-1", seats: body.seats, amount: 380000, expires_at: inFuture(300) }];
      },
      "POST /v1/bookings": (body) => [201, { ...booking, id: "bkg-1", hold: body.hold_id }],
      "GET /v1/bookings/bkg-1": [200, { ...booking, pay_before: inFuture(580), payment: {} }],
    });
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("html[data-ready=seats]").waitFor();
    await page.waitForTimeout(200);
    await check(page, faults, `store-seats-far-${suffix}`);

    await page.locator("#grid").focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    await page.locator(".chosen .chip").nth(1).waitFor();
    await page.waitForTimeout(200);
    await check(page, faults, `store-seats-near-${suffix}`);

    await page.click("#book");
    await page.locator("#offers .chip").first().waitFor();
    assert.equal(await page.locator(".chosen .chip").count(), 1, "the other seat is kept");
    await check(page, faults, `store-seats-conflict-${suffix}`);
    await page.locator("#offers .chip").first().click();

    await page.locator("#list summary").click();
    await page.locator("#list-seats button[aria-pressed=false]").first().click();
    await page.locator(".chosen .chip").nth(2).waitFor();
    await check(page, faults, `store-seats-list-${suffix}`);

    await page.click("#book");
    await page.waitForURL("**/bookings/bkg-1/pay");
    assert.equal(holds.length, 2);
    assert.notEqual(holds[0].key, holds[1].key, "another choice is another request");
    assert.equal(holds[1].seats.length, 3);
    await context.close();
  });

  test("seats: a cut connection is said at the map, and so is its return", async () => {
    let state = 0;
    const { context, page, faults } = await opened(kind, {
      ...seatAnswers,
      "GET /v1/showtimes/st0/availability": () => [200, { ...hall.availability, version: ++state }],
    });
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("html[data-ready=seats]").waitFor();
    await context.setOffline(true);
    await page.locator("#map-note.alarm").waitFor();
    await check(page, faults, `store-seats-cut-${suffix}`);
    const before = state;
    await context.setOffline(false);
    await page.locator("#map-note:not(.alarm)").waitFor();
    assert.ok(state > before, "the seats are read anew");
    await context.close();
  });

  test("seats: best together, then given back", async () => {
    const numbers = ["1F-A-1-3", "1F-A-1-4"];
    const { context, page } = await opened(kind, {
      ...seatAnswers,
      "POST /v1/showtimes/st0/holds": (body) => {
        assert.deepEqual(body, { best_available: { count: 2, grade: "VIP" } });
        return [201, { hold_id: "hld-2", seats: numbers, amount: 380000, expires_at: inFuture(300) }];
      },
      "DELETE /v1/holds/hld-2": [204, null],
    });
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("html[data-ready=seats]").waitFor();
    await page.locator("#best button").click();
    await page.locator("#release").waitFor();
    assert.equal(await page.locator(".chosen .chip").count(), 2);
    await page.waitForTimeout(200);
    await picture(page, `store-seats-held-${suffix}`);
    await page.click("#release");
    await page.locator(".chosen .chip").first().waitFor({ state: "detached" });
    await context.close();
  });

  test("my bookings: the refund before the question", async () => {
    let cancelled = false;
    const mine = () => ({ ...booking, state: cancelled ? "cancelling" : "confirmed", payment_state: "done" });
    const { context, page, faults } = await opened(kind, {
      "GET /v1/bookings": () => [200, { items: [mine(), { ...booking, id: "bkg-2", state: "expired", payment_state: "expired" }], next_cursor: null }],
      "GET /v1/bookings/bkg-1": () => [200, mine()],
      "POST /v1/bookings/bkg-1/cancel": () => { cancelled = true; return [202, mine()]; },
    });
    await page.goto(`${pages}/me/bookings#bkg-2`);
    await page.locator("#bookings .row").nth(1).waitFor();
    await page.locator("#bkg-2 h2:focus").waitFor(); // as a mail's link names it
    await check(page, faults, `store-bookings-${suffix}`);
    await page.locator("#bookings .row .plainly").first().click();
    assert.match(await page.locator("#cancel-refund").innerText(), /380,000/);
    await picture(page, `store-cancel-${suffix}`);
    await page.locator("#cancel [value=cancel]").click();
    await page.locator(".badge.cancelling").waitFor();
    await context.close();
  });
}

export function storefront() {
  for (const kind of main) {
    test(`storefront, ${kind.size}, ${kind.language}`, (t) => lookAt(kind, stills, t, true));
    describe(`storefront in steps, ${kind.size}, ${kind.language}`, () => looks(kind));
  }
  for (const kind of others) {
    test(`storefront, ${kind.size}, ${kind.language}`, (t) => lookAt(kind, stills.filter((one) => one.structure), t, false));
  }
  describe("storefront, steps", steps);
}
