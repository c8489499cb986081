// A booking from "please pay" to its end: summary and countdown, the payment
// window, the confirmation, the result.
import { seatWords, showMoment, sortedSeats, ticketCard, ticketsOf } from "./bookingview.js";
import { address, data, element, freshKey, goLogin, inItsLanguage, made, madeOfData, onReturn, patiently, say } from "./chrome.js";
import { clockOffset, clockText, grouped, isKorean } from "./format.js";
import { onHolds, tellHolds } from "./holds.js";
import { accessToken, call, isPassing, timeout } from "./session.js";
import { tabStore } from "./storage.js";

const path = `/v1/bookings/${data.booking}`;
let query = new URLSearchParams(location.search);
const confirmKey = `fairgate.confirm.${data.booking}`;

/** @type {any} */
let booking = null;
let offset = 0;
let hurried = false;
/** @type {() => any} */
let action = () => {};

/**
 * @param {string} state
 * @param {{explain?: string, go?: string, act?: () => any, values?: Record<string, string | number>}} [more]
 */
function show(state, more = {}) {
  const before = element("pay").dataset.state;
  const here = document.activeElement === document.body || element("pay").contains(document.activeElement);
  element("pay").dataset.state = state;
  element("eyebrow").textContent = say(`pay.${state}.eyebrow`);
  element("heading").textContent = say(`pay.${state}.heading`);
  element("explain").textContent = say(more.explain ?? `pay.${state}.explain`, more.values);
  element("go").hidden = !more.go;
  element("go").disabled = false;
  if (more.go) element("go").textContent = say(more.go, more.values);
  action = more.act ?? (() => {});
  element("terms").hidden = state !== "ready" && state !== "declined";
  element("elsewhere").hidden = state === "ready" || state === "declined";
  element("tickets").hidden = true;
  document.title = `${say(`pay.${state}.heading`)} · Fairgate`;
  showSummary();
  tick();
  // What the focus was on may be gone or mean something else: on from the new heading.
  if (here && before !== "loading" && before !== state) element("heading").focus({ preventScroll: true });
}

function showSummary() {
  element("summary").hidden = !booking;
  if (!booking) return;
  element("what").textContent = booking.performance_title;
  inItsLanguage(element("what"));
  element("where").replaceChildren(madeOfData("span", booking.venue_name), "\n", made("span", showMoment(booking.starts_at)));
  element("seats").replaceChildren(...booking.seats.map(seatLine));
  element("order").textContent = booking.order_id ?? "";
  element("order-line").hidden = !booking.order_id;
  element("total").textContent = say("booking.won", { n: grouped(booking.amount) });
}

/** @param {import("./bookingview.js").Seat} seat */
function seatLine(seat) {
  const line = document.createElement("li");
  line.append(
    made("span", say("booking.seat", { seat: seatWords(seat.no), grade: seat.grade ?? "" })),
    made("span", say("booking.won", { n: grouped((seat.price ?? 0) - (seat.discount ?? 0)) })),
  );
  return line;
}

// ---- tickets ------------------------------------------------------------

const ticketTries = 20;

/** Shows the tickets, with their numbers as soon as they are issued. */
async function showTickets() {
  for (let tries = 0; tries < ticketTries && booking.state === "confirmed"; tries++) {
    const tickets = await ticketsOf(booking.id);
    drawTickets(tickets);
    if (tickets && tickets.size >= booking.seats.length) return;
    await pause(1000 + 500 * tries);
  }
}

/** @param {Map<string, import("./bookingview.js").Ticket> | null} tickets */
function drawTickets(tickets) {
  element("tickets").hidden = false;
  element("tickets").replaceChildren(...booking.seats.map((/** @type {import("./bookingview.js").Seat} */ seat) =>
    ticketCard(booking, seat, tickets?.get(seat.no)?.id ?? "")));
}

function payable() {
  return booking && (element("pay").dataset.state === "ready" || element("pay").dataset.state === "declined");
}

function tick() {
  element("countdown").hidden = !payable();
  if (!payable()) return;
  const left = Date.parse(booking.pay_before) - Date.now() - offset;
  element("left").textContent = clockText(left);
  element("countdown").classList.toggle("alarm", left < 60000);
  if (left < 60000 && left > 0 && !hurried) {
    hurried = true;
    element("explain").textContent = say("pay.hurry");
  }
  if (left <= 0) expired();
}

function expired() {
  const sale = booking?.sale_id;
  show("expired", { go: "pay.expired.go", act: () => location.assign(sale ? address(`/sales/${sale}/seats`, { showtime: booking.showtime_id ?? "" }) : address("/")) });
}

// ---- paying -------------------------------------------------------------

async function pay() {
  element("go").disabled = true;
  // The way back must find a log-in that still lasts.
  await accessToken();
  // Who leaves without a network sees the browser's own page, and the time runs on unseen.
  const here = await call("GET", path, { signal: timeout(5000) });
  if (isPassing(here)) return cutOff(here);
  if (here.status !== 200 || here.body.state !== booking.state || here.body.payment_state !== booking.payment_state) return load();
  if (booking.amount === 0) return confirm({ order_id: booking.order_id, amount: 0 });
  const payment = booking.payment;
  const order = {
    orderId: booking.order_id, orderName: payment.order_name,
    successUrl: absolute(payment.success_url), failUrl: absolute(payment.fail_url), customerName: payment.customer_name ?? "",
  };
  if (!payment.window_url) return payBySDK(payment.client_key, order);
  const window = new URL(payment.window_url, location.href);
  for (const [key, value] of Object.entries({ ...order, clientKey: payment.client_key, amount: String(booking.amount) })) window.searchParams.set(key, value);
  location.assign(window);
}

/**
 * There is no network, or no answer that helps: the booking stays on the page with its
 * time, and goes on by itself.
 * @param {import("./session.js").Answer} [answer]
 */
function cutOff(answer) {
  element("explain").textContent = say(awayText(answer, "pay.away"));
  element("go").textContent = say("pay.problem.go");
  element("go").disabled = false;
  again(load, 3000, answer);
}

/** What is said of an answer that does not help: too many requests are no lost network. @param {import("./session.js").Answer | undefined} answer @param {string} otherwise */
const awayText = (answer, otherwise) => (answer?.status === 429 ? "pay.limited" : otherwise);

/**
 * How long an answer asks to wait, in ms; 0 when it does not say. Our limits ask for a
 * minute at most, and the provider does not keep an approved payment open for long.
 * @param {import("./session.js").Answer | undefined} answer
 */
const askedToWait = (answer) => Math.min(60, Number(answer?.headers.get("Retry-After")) || 0) * 1000;

/** @param {string} url */
function absolute(url) {
  const whole = new URL(url, location.href);
  if (data.chosen) whole.searchParams.set("lang", data.chosen);
  return whole.href;
}

/** The provider's own window, where no address of one is configured. @param {string} clientKey @param {Record<string, string>} order */
async function payBySDK(clientKey, order) {
  try {
    await loadScript(`${data.payment_script}/v2/standard`);
    // @ts-ignore the provider's script defines it
    const window = globalThis.TossPayments(clientKey).payment({ customerKey: "ANONYMOUS" });
    await window.requestPayment({ method: "CARD", amount: { currency: "KRW", value: booking.amount }, ...order });
  } catch {
    show("declined", { explain: "pay.closed.explain", go: "pay.declined.go", act: pay });
  }
}

/** @param {string} source */
function loadScript(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

/** @param {{payment_key?: string, order_id: string, amount: number}} paid */
async function confirm(paid) {
  show("confirming");
  for (let tries = 0; ; tries++) {
    const answer = await call("POST", "/v1/payments/confirm", {
      body: paid, headers: { "Idempotency-Key": keyOf(paid.payment_key ?? "free"), Prefer: "wait=10" }, signal: timeout(20000),
    });
    if (answer.status === 401) return goLogin();
    if (answer.status === 200 || answer.status === 202 || answer.status === 409 || answer.status === 404) return settled(answer);
    if (!isPassing(answer)) return problem(answer);
    element("explain").textContent = say(awayText(answer, "pay.offline"));
    await pause(Math.max(askedToWait(answer), Math.min(10000, 1000 * 2 ** tries)));
  }
}

/** One key for one payment, however often the page is loaded again. @param {string} paymentKey */
function keyOf(paymentKey) {
  const stored = tabStore.get(confirmKey) ?? {};
  stored[paymentKey] ??= freshKey();
  tabStore.set(confirmKey, stored);
  return stored[paymentKey];
}

/** @param {import("./session.js").Answer} answer */
async function settled(answer) {
  tellHolds();
  if (answer.body?.code === "amount_mismatch") return show("declined", { explain: "pay.mismatch", go: "pay.declined.go", act: pay });
  await load();
}

/** @param {number} ms */
function pause(ms) { return new Promise((done) => { setTimeout(done, ms); }); }

// ---- the booking as it stands -------------------------------------------

// Codes with which the payment window comes back when the fan closed it.
const closedByFan = new Set(["PAY_PROCESS_CANCELED", "USER_CANCEL"]);

/**
 * Nothing came, or nothing that helps: what is to be done is tried again, from the
 * start, so that a payment that was approved is never left unconfirmed.
 * @param {import("./session.js").Answer} answer
 */
function problem(answer) {
  if (answer.status === 401) return goLogin();
  if (answer.status === 404) return show("missing");
  const passing = isPassing(answer);
  show("problem", { explain: passing ? awayText(answer, "pay.problem.waiting") : "pay.problem.explain", values: { id: answer.requestId || "–" }, go: "pay.problem.go", act: start });
  if (passing) again(start, 5000, answer);
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Does something later, not before an answer says, or as soon as the page is looked at
 * or the network is back.
 * @param {() => any} what
 * @param {number} ms
 * @param {import("./session.js").Answer} [answer]
 */
function again(what, ms, answer) {
  clearTimeout(timer);
  next = () => { next = null; clearTimeout(timer); what(); };
  timer = setTimeout(() => { if (!document.hidden) next?.(); }, askedToWait(answer) + ms * (0.8 + 0.4 * Math.random()));
}
/** What waits to be done. @type {(() => void) | null} */
let next = null;

// Of the calls for the booking the last one counts.
let loads = 0;

/** Nothing has come for a while: a way to ask anew, unless the page has something to show. */
function slow() {
  if (!booking) show("problem", { explain: "pay.slow", go: "pay.problem.go", act: start });
}

/** Shows the booking as it stands. @returns {Promise<void>} */
async function load() {
  const mine = ++loads;
  const answer = await patiently(call("GET", path), () => { if (mine === loads) slow(); });
  if (mine !== loads) return;
  const shown = element("pay").dataset.state;
  if (isPassing(answer) && payable()) return cutOff(answer);
  // What is being waited for stays on the page while the network is away.
  if (isPassing(answer) && booking && (shown === "confirming" || shown === "cancelling")) {
    element("explain").textContent = say(awayText(answer, "pay.offline"));
    return again(load, 3000, answer);
  }
  if (answer.status !== 200) return problem(answer);
  offset = clockOffset(answer);
  booking = answer.body;
  booking.seats = sortedSeats(booking.seats);
  if (booking.state === "pending_payment" && booking.payment_state === "confirming") return follow("confirming", 1500);
  if (booking.state === "pending_payment") return offerPayment();
  if (booking.state === "expired") return expired();
  if (booking.state === "cancelling") return follow("cancelling", 3000);
  show(booking.state);
  if (booking.state === "confirmed") showTickets();
}

/** Asks again until the state is another. @param {string} state @param {number} ms */
function follow(state, ms) {
  if (element("pay").dataset.state !== state) show(state);
  else element("explain").textContent = say(`pay.${state}.explain`);
  again(load, ms);
}

/** Why a payment was refused: the provider says it in Korean. @param {{message?: string} | undefined} failure */
function refusalText(failure) {
  if (!failure?.message) return "";
  return data.language !== "ko" && isKorean(failure.message) ? say("pay.refused.reason") : failure.message;
}

function offerPayment() {
  const values = { amount: grouped(booking.amount), reason: refusalText(booking.failure) };
  if (booking.payment_state === "failed") return show("declined", { values, go: "pay.declined.go", act: pay });
  const go = booking.amount === 0 ? "pay.free.go" : "pay.ready.go";
  const code = query.get("code");
  if (code && !closedByFan.has(code)) return show("declined", { explain: "pay.refused.explain", values, go: "pay.declined.go", act: pay });
  show("ready", { explain: code ? "pay.closed.explain" : "pay.ready.explain", values, go, act: pay });
}

let starts = 0;

async function start() {
  query = new URLSearchParams(location.search);
  const paymentKey = query.get("paymentKey");
  const mine = ++starts;
  await load();
  if (!paymentKey || !booking || mine !== starts) return;
  const order = { payment_key: paymentKey, order_id: query.get("orderId") ?? "", amount: Number(query.get("amount")) };
  if (booking.state === "pending_payment" && booking.payment_state !== "confirming") await confirm(order);
  // The payment's words leave the address, so that "back" and "reload" do not repeat them.
  if (element("pay").dataset.state !== "problem") history.replaceState(null, "", address(location.pathname));
}

/** Another tab, the payment window or time may have moved the booking on. */
function lookedAt() {
  if (next) return next();
  if (booking && payable() && !element("go").disabled) load();
}

element("go").addEventListener("click", () => action());
onReturn(lookedAt);
onHolds(({ asking }) => { if (!asking) lookedAt(); });
addEventListener("offline", () => { if (payable() && !element("go").disabled) cutOff(); });
// "Back" from the payment window brings the page as it was left.
window.addEventListener("pageshow", (event) => { if (event.persisted) load(); });
setInterval(tick, 1000);
start();
