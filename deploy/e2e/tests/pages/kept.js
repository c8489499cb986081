// What a fan has is not lost: seats held, choices, approved payments, where they
// were, their language; and what is over is over in every tab.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { picture } from "../../lib/browser.js";
import { main, others, pages } from "../../lib/stage.js";
import { answer, booking, hall, inFuture, opened, seatAnswers, tickets } from "./storefront.js";

const kind = main[0];
const held = () => ({ hold_id: "hld-1", showtime_id: "st0", sale_id: "queued", seats: ["1F-A-1-3", "1F-A-1-4"], amount: 380000, expires_at: inFuture(240), performance_title: "한여름 밤의 콘서트", venue_name: "KSPO DOME", starts_at: "2027-01-10T10:00:00Z" });
/** @param {any[]} items @returns {import("./storefront.js").Answers} */
const holding = (items) => ({
  ...seatAnswers, "GET /v1/me/holds": () => [200, { items }], "GET /v1/bookings": [200, { items: [], next_cursor: null }],
});
/** @param {import("playwright-core").Page} page */
const seatsReady = (page) => page.locator("html[data-ready=seats]").waitFor();
/** @param {import("playwright-core").Page} page */
const chips = (page) => page.locator(".chosen .chip");

/** Chooses two free seats by the keyboard. @param {import("playwright-core").Page} page */
async function chooseTwo(page) {
  await page.locator("#grid").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("ArrowRight");
  await page.keyboard.press("Enter");
  await chips(page).nth(1).waitFor();
}

function holds() {
  for (const seen of main) {
    test(`seats held before a reload are one's own after it, ${seen.size}`, async () => {
      /** @type {any[]} */
      const items = [];
      const { context, page, faults } = await opened(seen, {
        ...holding(items),
        "POST /v1/showtimes/st0/holds": () => { items.push(held()); return [201, items[0]]; },
        "POST /v1/bookings": (body) => [201, { ...booking, hold: body.hold_id }],
        "GET /v1/bookings/bkg-1": [200, { ...booking, pay_before: inFuture(580), payment: {} }],
        "DELETE /v1/holds/hld-1": () => { items.length = 0; return [204, null]; },
      });
      await page.goto(`${pages}/sales/queued/seats`);
      await seatsReady(page);
      await page.locator("#best button").click();
      await page.locator("#release").waitFor();
      await page.reload();
      await page.locator("#release").waitFor();
      assert.equal(await chips(page).count(), 2);
      assert.match(await page.locator("#left").innerText(), /^[34]:\d\d$/);
      assert.match(await page.locator("#book").innerText(), /결제하러 가기|Go on to pay/);
      assert.match(await page.locator("#notice-text").innerText(), /이미 잡아 둔|hold these seats already/);
      await picture(page, `kept-hold-${seen.size}-${seen.language}`);

      const second = await context.newPage();
      await answer(second, holding(items));
      await second.goto(`${pages}/sales/queued/seats`);
      await second.locator("#release").waitFor();
      await second.close();

      await page.click("#book");
      await page.locator("#pay[data-state=ready]").waitFor();
      await page.goBack();
      await page.locator("#release").click();
      await chips(page).first().waitFor({ state: "detached" });
      assert.deepEqual(faults, []);
      await context.close();
    });
  }

  test("a hold whose answer was lost is one's own, not somebody else's", async () => {
    /** @type {any[]} */
    const items = [];
    const answers = holding(items);
    const { context, page } = await opened(kind, answers);
    await page.route("**/v1/showtimes/st0/holds", (route) => {
      items.push({ ...held(), seats: route.request().postDataJSON().seats });
      const taken = Buffer.from(hall.availability.bitset, "base64");
      taken[0] |= 0b0101; // the seats chosen are held now, as everybody sees
      answers["GET /v1/showtimes/st0/availability"] = [200, { ...hall.availability, bitset: taken.toString("base64") }];
      return route.abort();
    });
    await page.goto(`${pages}/sales/queued/seats`);
    await seatsReady(page);
    await chooseTwo(page);
    await page.click("#book");
    await page.locator("#offers .chip").waitFor();
    assert.equal(await chips(page).count(), 2, "the choice is kept");
    await page.evaluate(() => dispatchEvent(new Event("online")));
    await page.locator("#release").waitFor();
    assert.doesNotMatch(await page.locator("#notice-text").innerText(), /다른 분/);
    await context.close();
  });

  test("my bookings shows seats held, and a booking to be paid is found on the seats page", async () => {
    const { context, page, faults } = await opened(kind, {
      ...seatAnswers, "GET /v1/me/holds": [200, { items: [held()] }], "GET /v1/showtimes/st0/seatmap": [200, hall.compact],
      "GET /v1/bookings": [200, { items: [{ ...booking, pay_before: inFuture(500) }], next_cursor: null }],
    });
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#holds a[href^='/sales/queued/seats?showtime=st0']").waitFor();
    const row = await page.locator("#holds").innerText();
    assert.match(row, /1열 3번[\s\S]*380,000/);
    for (const fact of [/한여름 밤의 콘서트/, /2027\. 1\. 10\.[^\n]*19:00/, /KSPO DOME/, /남은 시간 3:\d\d/]) assert.match(row, fact, "what, where, when, how long still");
    assert.match(await page.locator("#bookings .order").innerText(), /ord-1234567/);
    await picture(page, "kept-bookings-phone-ko");
    await answer(page, { ...holding([]), "GET /v1/bookings": [200, { items: [{ ...booking, pay_before: inFuture(500) }], next_cursor: null }] });
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("#notice a[href^='/bookings/bkg-1/pay']").waitFor();
    assert.deepEqual(faults, []);
    await context.close();
  });
}

function troubles() {
  for (const [name, refusal] of /** @type {[string, any][]} */ ([["is down", { status: 503, json: { code: "upstream_unavailable" } }], ["answers with a page", { status: 200, contentType: "text/html", body: "<h1>Wi-Fi</h1>" }], ["is out of reach", null]])) {
    test(`seats: an API that ${name} is not a log-out`, async () => {
      let away = false;
      const { context, page } = await opened(kind, { ...holding([]), "POST /v1/showtimes/st0/holds": (body) => [201, { ...held(), seats: body.seats }], "POST /v1/bookings": [201, booking], "GET /v1/bookings/bkg-1": [200, { ...booking, pay_before: inFuture(580), payment: {} }] });
      await page.route("**/v1/**", (route) => {
        if (!away) return route.fallback();
        return refusal ? route.fulfill(refusal) : route.abort();
      });
      await page.goto(`${pages}/sales/queued/seats`);
      await seatsReady(page);
      await chooseTwo(page);
      away = true;
      // The access token is about to end, too: it cannot be renewed either.
      await page.evaluate(() => sessionStorage.removeItem("fairgate.access"));
      await page.click("#book");
      await page.locator("#offers .chip").waitFor();
      assert.match(page.url(), /\/sales\/queued\/seats/);
      assert.equal(await chips(page).count(), 2);
      away = false;
      await page.locator("#offers .chip").click();
      await page.waitForURL("**/bookings/bkg-1/pay");
      await context.close();
    });
  }

  test("pay: an approved payment is confirmed although the API was away at the return", async () => {
    let state = { ...booking, pay_before: inFuture(580), payment: {} };
    let away = true;
    let confirms = 0;
    const { context, page, faults } = await opened(kind, {
      "GET /v1/bookings/bkg-1": () => (away ? [503, { code: "upstream_unavailable" }] : [200, state]),
      "GET /v1/bookings/bkg-1/tickets": [200, tickets],
      "POST /v1/payments/confirm": () => { confirms++; state = { ...state, state: "confirmed", payment_state: "done" }; return [200, { booking_id: "bkg-1" }]; },
    });
    await page.goto(`${pages}/bookings/bkg-1/pay?paymentKey=pk-1&orderId=ord-1234567&amount=380000`);
    await page.locator("#pay[data-state=problem]").waitFor();
    away = false;
    await page.click("#go");
    await page.locator("#pay[data-state=confirmed]").waitFor();
    assert.equal(confirms, 1);
    assert.match(await page.locator("#order").innerText(), /ord-1234567/);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("my bookings: an answer that does not come is not a log-out", async () => {
    let away = true;
    const { context, page } = await opened(kind, { "GET /v1/bookings": () => (away ? [503, null] : [200, { items: [booking], next_cursor: null }]) });
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#state button").waitFor();
    away = false;
    await page.locator("#state button").click();
    await page.locator("#bookings .row").waitFor();
    await context.close();
  });

  test("my bookings: a cancel goes on by itself, keeps the focus, and is one request", async () => {
    let state = "confirmed";
    let lost = true;
    /** @type {string[]} */
    const keys = [];
    const mine = () => ({ ...booking, state, payment_state: "done" });
    const { context, page } = await opened(kind, {
      "GET /v1/bookings": () => [200, { items: [mine()], next_cursor: null }], "GET /v1/bookings/bkg-1": () => [200, mine()],
      "POST /v1/bookings/bkg-1/cancel": (_, request) => {
        keys.push(request.headers()["idempotency-key"]);
        if (lost) return [503, { code: "upstream_unavailable" }];
        state = "cancelling";
        return [202, mine()];
      },
    });
    await page.goto(`${pages}/me/bookings`);
    for (lost of [true, false]) {
      await page.locator("#bookings [data-way=cancel]").click();
      await page.locator("#cancel [value=cancel]").click();
      await page.locator("#state:not(:empty)").waitFor();
    }
    await page.locator(".badge.cancelling").waitFor();
    assert.equal(keys[0], keys[1], "asked again, it is the same request");
    assert.equal(await page.evaluate(() => document.activeElement?.closest("[data-booking]") !== null), true, "the focus is in the booking");
    state = "cancelled";
    await page.locator(".badge.cancelled").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.closest("[data-booking]") !== null), true);
    await context.close();
  });

  test("seats: when the session is over nothing can be booked", async () => {
    const { context, page } = await opened(kind, { ...holding([]), "GET /v1/queues/queued/places/me": () => [200, { state: "active", session_ends_at: inFuture(3) }] });
    await page.goto(`${pages}/sales/queued/seats`);
    await seatsReady(page);
    await chooseTwo(page);
    assert.equal(await page.locator("#book").isEnabled(), true);
    await page.locator("#notice a[href^='/q/queued']").waitFor();
    assert.equal(await page.locator("#book").isEnabled(), false);
    assert.equal(await page.locator("#best-do").isEnabled(), false);
    await context.close();
  });

  test("seats are summed up as they lie, whatever the order of choice", async () => {
    const { context, page } = await opened(kind, holding([]));
    await page.goto(`${pages}/sales/queued/seats`);
    await seatsReady(page);
    await page.locator("#list summary").click();
    for (const seat of [7, 2, 5]) await page.locator(`#list-seats [data-seat="${seat}"]`).click();
    assert.deepEqual((await chips(page).allInnerTexts()).map((text) => /(\d+)번/.exec(text)?.[1]), ["3", "6", "8"]);
    await context.close();
  });
}

function context() {
  test("the language links and the log-in keep where one is", async () => {
    const { context, page } = await opened(kind, seatAnswers, false);
    for (const path of ["/q/demo?showtime=st2#x", "/sales/queued/seats?showtime=st1&a=b#x", "/performances/PF0?from=mail", "/login?next=%2Fq%2Fqueued%3Fshowtime%3Dst1"]) {
      await page.goto(pages + path);
      const link = page.locator("a[hreflang=en]");
      await link.focus();
      const kept = new URL(await link.evaluate((a) => /** @type {HTMLAnchorElement} */ (a).href));
      assert.equal(kept.searchParams.get("lang"), "en", path);
      kept.searchParams.delete("lang");
      const before = new URL(page.url());
      assert.equal(kept.pathname + kept.search + kept.hash, before.pathname + before.search + before.hash);
    }
    await page.goto(`${pages}/sales/queued/seats?showtime=st1`);
    await page.locator("#login-link").click();
    await page.waitForURL("**/login?**");
    assert.equal(new URL(page.url()).searchParams.get("next"), "/sales/queued/seats?showtime=st1");
    await context.close();
  });

  test("a fan who waits in Japanese is told that the shop is in English", async () => {
    const { context, page, faults } = await opened(kind, seatAnswers, false);
    await page.goto(`${pages}/sales/queued/seats?showtime=st1&lang=ja`);
    assert.equal(await page.locator("html").getAttribute("lang"), "en");
    assert.match(await page.locator(".site-note[lang=ja]").innerText(), /英語/);
    assert.match(await page.locator("#login-link").getAttribute("href") ?? "", /lang=ja/);
    assert.deepEqual(faults, []);
    await context.close();
  });

  test("a log-out reaches the other tabs, and what only its owner may see goes", async () => {
    let loggedIn = true;
    const { context, page } = await opened(kind, { "GET /v1/bookings": () => [200, { items: [booking], next_cursor: null }], "POST /v1/auth/logout": () => { loggedIn = false; return [204, null]; } });
    const other = await context.newPage();
    for (const tab of [page, other]) {
      await answer(tab, { "GET /v1/bookings": () => [200, { items: [booking], next_cursor: null }], "POST /v1/auth/logout": () => { loggedIn = false; return [204, null]; } });
      await tab.route("**/v1/auth/refresh", (route) => (loggedIn ? route.fallback() : route.fulfill({ status: 401, json: { code: "unauthenticated" } })));
    }
    await page.goto(`${pages}/me/bookings`);
    await page.locator("#bookings .row").waitFor();
    await other.goto(`${pages}/me/bookings`);
    await other.locator("#logout").click();
    await other.waitForURL(`${pages}/`);
    await page.waitForURL("**/login?**");
    assert.equal(await page.locator("#bookings .row").count(), 0);
    await context.close();
  });
}

function layout() {
  for (const seen of main) {
    test(`titles begin at their beginning, ${seen.size}`, async () => {
      const { context, page } = await opened(seen, {}, false);
      for (const path of ["/", "/performances/PF8", "/performances/PF9"]) {
        await page.goto(pages + path);
        const clipped = await page.evaluate(() => [...document.querySelectorAll(".art-title, h1")].filter((title) => {
          const art = title.closest(".art")?.getBoundingClientRect() ?? { top: 0, left: 0, right: innerWidth };
          const { top, left, right } = title.getBoundingClientRect();
          return top < art.top || left < art.left || right > art.right + 1 || title.scrollWidth > title.clientWidth + 1;
        }).map((title) => title.textContent));
        assert.deepEqual(clipped, [], path);
      }
      await page.goto(`${pages}/`);
      await picture(page, `kept-titles-${seen.size}-${seen.language}`);
      await context.close();
    });
  }

  test("no word is cut off a ticket on a phone, in English", async () => {
    const long = ["FL-12-34-56", "12F-WEST-123-145", "1F-DONAUDAMPFSCHIFFFAHRTSGESELLSCHAFT-1-2"].map((no) => ({ no, grade: "VIP", price: 190000 }));
    const paid = { ...booking, seats: long, state: "confirmed", payment_state: "done", pay_before: inFuture(580), order_id: "ord-01K9ZQ4M7W3X8Y2V5T6R1P0NAB" };
    const { context, page } = await opened(others[0], { "GET /v1/bookings/bkg-1": [200, paid], "GET /v1/bookings/bkg-1/tickets": [200, tickets], "GET /v1/bookings": [200, { items: [paid], next_cursor: null }] });
    for (const width of [390, 320]) {
      await page.setViewportSize({ width, height: 844 });
      for (const [path, ready] of [["/bookings/bkg-1/pay", "#tickets .ticket"], ["/me/bookings", "#bookings .order"]]) {
        await page.goto(pages + path);
        await page.locator(ready).first().waitFor();
        const cut = await page.evaluate(() => [...document.querySelectorAll(".ticket *, .order, .order *")].filter((part) => {
          const box = (part.closest(".face, .stub, .row, .summary") ?? part).getBoundingClientRect();
          return part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== "inline" || part.getBoundingClientRect().right > Math.min(innerWidth, box.right) + 1;
        }).map((part) => part.textContent));
        assert.deepEqual(cut, [], `${path}, ${width} px`);
        // Asked in one step: the page may draw the list anew between finding and measuring.
        const lines = await page.evaluate(() => document.querySelector(".order span:last-child")?.getClientRects().length);
        assert.equal(lines, 1, "the order number is in one piece");
      }
    }
    await context.close();
  });

  test("on its side, a phone shows the hall: the bar takes one line", async () => {
    const { context, page } = await opened(kind, holding([held()]));
    await page.setViewportSize({ width: 844, height: 390 });
    await page.goto(`${pages}/sales/queued/seats`);
    await page.locator("#release").waitFor();
    const heightOf = (/** @type {string} */ what) => page.locator(what).evaluate((node) => node.getBoundingClientRect().height);
    assert.ok(await heightOf(".bar") <= 64, `the bar is ${await heightOf(".bar")} px of 390`);
    assert.ok(await heightOf(".map") >= 300, `the map is ${await heightOf(".map")} px`);
    const outside = await page.evaluate(() => [...document.querySelectorAll(".bar > :not([hidden])")].filter((part) => part.getBoundingClientRect().right > innerWidth || part.getBoundingClientRect().width < 1).map((part) => part.id));
    assert.deepEqual(outside, []);
    await picture(page, "kept-landscape-phone-ko");
    await context.close();
  });
}

export function nothingIsLost() {
  describe("what a fan has is kept", { concurrency: 2 }, () => {
    holds();
    troubles();
    context();
    layout();
  });
}
