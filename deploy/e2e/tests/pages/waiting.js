// Every state of the waiting page: what it says, how it looks, that axe finds nothing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { accessibilityFaults, picture } from "../../lib/browser.js";
import { inOneWindow, main, others, pages } from "../../lib/stage.js";

/** Numbers of seconds become times that far from now. @param {any} body */
const timed = (body) => Object.fromEntries(Object.entries(body).map(([key, value]) =>
  [key, /_at$|_before$/.test(key) && typeof value === "number" ? new Date(Date.now() + value * 1000).toISOString() : value]));
const line = { sale: "demo", epoch: 1, state: "open", opens_at: "2026-11-20T11:00:00Z", waiting: 20210, active: 480, capacity: 500, rate_per_minute: 3000, message: null, poll_after_ms: 4000 };
const place = { id: "p1", n: 12481, key: "12481", state: "waiting", ahead: 12480, total: 20210, eta_seconds: { p50: 420, p90: 540 }, poll_after_ms: 60000 };

/**
 * @typedef {{name: string, structure?: boolean, sale?: string, line?: any, place?: any, says: {ko: string, en: string}, go?: boolean, offline?: boolean, act?: (page: import("playwright-core").Page) => Promise<void>}} Case
 * @type {Case[]}
 */
const states = [
  { name: "countdown", structure: true, line: { state: "scheduled", opens_at: 754 }, place: 401, says: { ko: "판매 시작까지", en: "Sale opens in" } },
  { name: "login", structure: true, sale: "account", place: 401, says: { ko: "로그인하고 줄을 서세요", en: "Log in to join the line" }, go: true },
  { name: "lobby", structure: true, line: { state: "lobby" }, place: { state: "lobby", ahead: null }, says: { ko: "20,210", en: "20,210" } },
  { name: "drawing", line: { state: "drawing" }, place: { state: "lobby", ahead: null }, says: { ko: "순서를 정하고", en: "Drawing the order" } },
  { name: "waiting", structure: true, says: { ko: "12,480", en: "12,480" } },
  { name: "message", structure: true, line: { message: { ko: "앱에서는 푸시로도 알려 드려요.", en: "The app tells you by push, too." } }, says: { ko: "푸시로도", en: "by push" } },
  { name: "nearly", structure: true, place: { ahead: 38, eta_seconds: { p50: 20, p90: 40 } }, says: { ko: "곧 차례예요", en: "Nearly your turn" } },
  { name: "offered", structure: true, place: { state: "offered", ahead: 0, claim_before: 47 }, says: { ko: "차례가 왔어요", en: "It is your turn" }, go: true },
  { name: "entering", place: { state: "offered", ahead: 0, claim_before: 47 }, says: { ko: "문을 열고", en: "Opening the door" }, act: (page) => page.click("#go") },
  { name: "active", place: { state: "active", ahead: 0, session_ends_at: 251 }, says: { ko: "좌석을 고를 수 있어요", en: "Choose your seats" }, go: true },
  { name: "next", place: { ahead: 0, eta_seconds: { p50: 2, p90: 4 } }, says: { ko: "바로 다음 차례예요", en: "You are next" } },
  { name: "lapsed", place: { state: "expired", reason: "lapsed", ahead: null }, says: { ko: "원래 자리로 돌아갈까요", en: "Go back to your place?" }, go: true },
  { name: "missed", place: { state: "expired", reason: "missed", ahead: null }, says: { ko: "자리는 한 번만", en: "given back only once" }, go: true },
  { name: "abandoned", place: { state: "expired", reason: "abandoned", ahead: null }, says: { ko: "너무 오래 떠나", en: "away for too long" }, go: true },
  { name: "countdown-guest", sale: "account", line: { state: "scheduled", opens_at: 754 }, place: 401, says: { ko: "로그인해 두면", en: "Log in before the start" }, go: true },
  { name: "paused", line: { state: "paused", message: { ko: "결제 시스템을 점검하고 있어요. 20:15에 다시 시작합니다.", en: "We are checking the payment system. Back at 20:15." } }, says: { ko: "자리는 그대로예요", en: "Your place is safe" } },
  { name: "soldout", structure: true, line: { state: "sold_out" }, place: { state: "expired", reason: "sold_out", ahead: null }, says: { ko: "모든 좌석이 팔렸어요", en: "Every seat is sold" }, go: true },
  { name: "offline", offline: true, says: { ko: "자리를 맡아 두고 있어요", en: "We are keeping your place" } },
  { name: "closed", line: { state: "closed" }, place: 401, says: { ko: "이 줄은 닫혔어요", en: "This line is closed" }, go: true },
  { name: "leaving", structure: true, act: (page) => page.click("#leave"), says: { ko: "줄에서 나갈까요?", en: "Leave the line?" } },
  { name: "left", act: async (page) => { await page.click("#leave"); await page.click("dialog [value=leave]"); }, says: { ko: "줄에서 나왔어요", en: "You have left the line" }, go: true },
  { name: "error", structure: true, line: 404, says: { ko: "req-test-1", en: "req-test-1" }, go: true },
];

/**
 * Answers what the page asks of the gateway.
 * @param {import("playwright-core").Page} page
 * @param {Case} state
 */
async function answer(page, state) {
  const json = (/** @type {any} */ route, /** @type {number} */ status, /** @type {any} */ body) =>
    route.fulfill({ status, json: body, headers: { "X-Request-Id": "req-test-1" } });
  await page.route("**/v1/**", (route) => {
    const { pathname } = new URL(route.request().url());
    const method = route.request().method();
    if (pathname.endsWith("/events")) return route.fulfill({ status: 204 });
    if (pathname.endsWith("/entry")) return json(route, 409, { code: "not_your_turn", ahead: 3, retry_after_ms: 60000 });
    if (pathname.endsWith("/places/me") && method === "DELETE") return route.fulfill({ status: 204 });
    if (pathname.endsWith("/places/me")) {
      return state.place === 401 ? json(route, 401, { code: "place_required" }) : json(route, 200, timed({ ...place, ...state.place }));
    }
    if (pathname.startsWith("/v1/queues/")) {
      return typeof state.line === "number" ? json(route, state.line, { code: "sale_not_found" }) : json(route, 200, timed({ ...line, ...state.line }));
    }
    return json(route, 401, { code: "unauthenticated" });
  });
}

/**
 * Goes to a state, checks what it says and its button; a picture and axe as asked.
 * @param {{page: import("playwright-core").Page, context: import("playwright-core").BrowserContext, faults: string[]}} window
 * @param {Case} state
 * @param {"ko" | "en"} language
 * @param {{shot?: string, axe: boolean}} check
 */
async function visit({ page, context, faults }, state, language, { shot, axe }) {
  await answer(page, state);
  await page.goto(`${pages}/q/${state.sale ?? "demo"}`);
  if (state.offline) {
    await page.getByText("12,480").first().waitFor();
    await context.setOffline(true);
  }
  await state.act?.(page);
  await page.getByText(state.says[language]).first().waitFor();
  assert.equal(await page.locator("#go").isVisible(), state.go ?? false, "the button");
  if (shot) await picture(page, shot);
  if (axe) assert.deepEqual(await accessibilityFaults(page), []);
  if (state.offline) await context.setOffline(false);
  assert.deepEqual(faults, []);
}

export function waitingPage() {
  for (const { size, language } of main) {
    test(`waiting page, ${size}, ${language}`, (t) => inOneWindow({ size, language }, states, t, (window, state) =>
      visit(window, state, language, { shot: `waiting-${state.name}-${size}-${language}`, axe: Boolean(state.structure) })));
  }
  for (const { size, language } of others) {
    test(`waiting page, ${size}, ${language}`, (t) => inOneWindow({ size, language }, states.filter((state) => state.structure), t, (window, state) =>
      visit(window, state, language, { axe: true })));
  }
  const lit = states.filter((state) => ["waiting", "offered", "paused"].includes(state.name));
  test("waiting page, light", (t) => inOneWindow({ size: "phone", language: "ko", colour: "light" }, lit, t, (window, state) =>
    visit(window, state, "ko", { shot: `waiting-${state.name}-phone-light`, axe: true })));
  test("no such line", (t) => inOneWindow(main[0], [{ name: "no such line" }], t, async ({ page, faults }) => {
    assert.equal((await page.goto(`${pages}/q/nowhere`))?.status(), 404);
    await picture(page, "waiting-missing-phone-ko");
    assert.deepEqual(await accessibilityFaults(page), []);
    assert.deepEqual(faults, []);
  }));
}
