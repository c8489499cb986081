// My bookings: the coming ones first, their state in words, cancelling with the
// refund shown before it asks.
import { seatWords, shortId, showMoment, sortedSeats, ticketsOf } from "./bookingview.js";
import { address, data, element, freshKey, goLogin, linkTo, made, madeOfData, onReturn, patiently, say } from "./chrome.js";
import { clockOffset, clockText, grouped, timeText } from "./format.js";
import { onHolds } from "./holds.js";
import { call, isPassing } from "./session.js";

let cursor = "";
// Of the server's clock: this device's own may be wrong.
let offset = 0;
const now = () => Date.now() + offset;
/** By id: what was listed, in the order it came. @type {Map<string, any>} */
const bookings = new Map();
/** @type {any} */
let asked = null;
/** A cancel asked again, its answer lost, is the same request. @type {Map<string, string>} */
const cancelKeys = new Map();

/** @param {any} booking */
function stateKey(booking) {
  const confirming = booking.state === "pending_payment" && booking.payment_state === "confirming";
  return `booking.state.${confirming ? "confirming" : booking.state}`;
}

/** Coming shows by time, then the past ones and those that came to nothing. @param {any} a @param {any} b */
function order(a, b) {
  const rank = (/** @type {any} */ x) => (["pending_payment", "confirmed", "cancelling"].includes(x.state) && Date.parse(x.starts_at) > now() ? 0 : 1);
  const sign = rank(a) ? -1 : 1;
  return rank(a) - rank(b) || sign * (Date.parse(a.starts_at) - Date.parse(b.starts_at));
}

/** @param {any} booking */
function row(booking) {
  const item = made("li", "", "row booking");
  item.id = booking.id;
  item.tabIndex = -1;
  item.dataset.booking = booking.id;
  const facts = made("div", "", "facts");
  const seats = made("ul", "", "seats");
  seats.append(...sortedSeats(booking.seats).map((/** @type {import("./bookingview.js").Seat} */ seat) => seatItem(booking, seat)));
  facts.append(
    made("p", say(stateKey(booking)), `badge ${booking.state}`),
    heading(booking.performance_title),
    made("p", showMoment(booking.starts_at), "quiet number"),
    madeOfData("p", booking.venue_name, "quiet"),
    seats,
    made("p", `${say("bookings.seats", { n: booking.seats.length })} · ${say("booking.won", { n: grouped(booking.amount) })}`, "number sum"),
  );
  if (booking.order_id) facts.append(orderLine(booking.order_id));
  item.append(facts, waysOf(booking));
  return item;
}

/** The number is a part of its own, which does not break. @param {string} id */
function orderLine(id) {
  const line = made("p", "", "quiet small number order");
  line.append(made("span", say("bookings.order")), made("span", id));
  return line;
}

/** What the focus goes to when the button it was on is gone. @param {string} text */
function heading(text) {
  const title = madeOfData("h2", text);
  title.tabIndex = -1;
  return title;
}

/** @param {any} booking @param {import("./bookingview.js").Seat} seat */
function seatItem(booking, seat) {
  const item = made("li", say("booking.seat", { seat: seatWords(seat.no), grade: seat.grade ?? "" }));
  const ticket = booking.tickets?.get(seat.no);
  if (ticket && booking.state === "confirmed") item.append(" ", made("span", `${say("booking.ticket")} ${shortId(ticket.id)}`, "quiet number"));
  return item;
}

/** What may be done with a booking. @param {any} booking */
function waysOf(booking) {
  const ways = made("div", "", "way");
  const unpaid = booking.state === "pending_payment" && booking.payment_state !== "confirming";
  const link = linkTo(say(unpaid ? "bookings.pay" : booking.state === "confirmed" ? "bookings.tickets" : "bookings.open"), address(`/bookings/${booking.id}/pay`), unpaid ? "button" : "button second");
  link.dataset.way = "open";
  ways.append(link);
  if (booking.state !== "confirmed" && !unpaid) return ways;
  const button = made("button", say("bookings.cancel"), "plainly");
  button.dataset.way = "cancel";
  button.addEventListener("click", () => ask(booking));
  ways.append(button);
  return ways;
}

/** Adds the numbers of the tickets. @param {any[]} fresh */
async function complete(fresh) {
  for (const { id, state } of fresh) {
    if (state === "confirmed") keep([{ id, tickets: await ticketsOf(id) }]);
  }
  show();
}

/** Draws the list; the focus stays where it was, or goes to the booking's heading. */
function show() {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const id = /** @type {HTMLElement | null} */ (focused?.closest("[data-booking]"))?.dataset.booking;
  const way = focused?.dataset.way;
  element("bookings").replaceChildren(...[...bookings.values()].sort(order).map(row));
  // The button that the focus is on may go: on from the last that was listed.
  if (!cursor && document.activeElement === element("more")) focusOn([...bookings.keys()].at(-1) ?? "");
  element("more").hidden = !cursor;
  if (id) focusOn(id, way);
}

/** @param {string} id of a booking @param {string} [way] */
function focusOn(id, way) {
  const item = document.querySelector(`[data-booking="${CSS.escape(id)}"]`);
  const target = (way && item?.querySelector(`[data-way="${way}"]`)) || item?.querySelector("h2");
  /** @type {HTMLElement | null | undefined} */ (target)?.focus({ preventScroll: true });
}

/** @param {any[]} items */
function keep(items) {
  for (const item of items) bookings.set(item.id, { ...bookings.get(item.id), ...item });
}

// Of the calls for the list the last one counts.
let loads = 0;

async function load() {
  const mine = ++loads;
  const asked = call("GET", `/v1/bookings?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  const answer = await patiently(asked, () => { if (mine === loads) offerAgain(say("bookings.slow")); });
  if (mine !== loads) return;
  if (answer.status === 401) return goLogin();
  if (answer.status !== 200) return failed(answer);
  element("state").textContent = "";
  offset = clockOffset(answer);
  keep(answer.body.items);
  cursor = answer.body.next_cursor ?? "";
  await showHolds();
  listed = true;
  showNone();
  show();
  goToNamed();
  complete(answer.body.items);
  watch();
}

// The booking that the address names, as links in mails do, until it has been shown.
let named = location.hash.slice(1);

/** Shows the booking that the address names; an older one is asked for. */
async function goToNamed() {
  const id = named;
  named = "";
  if (!id) return;
  if (!bookings.has(id)) {
    const answer = await call("GET", `/v1/bookings/${encodeURIComponent(id)}`);
    if (answer.status !== 200) return;
    keep([answer.body]);
    element("none").hidden = true;
    show();
    complete([answer.body]);
  }
  element(id).scrollIntoView({ block: "center" });
  focusOn(id);
}

/** @param {string} text what is wrong @returns {HTMLElement} the button that asks again */
function offerAgain(text) {
  const again = made("button", say("bookings.retry"), "plainly");
  again.addEventListener("click", () => { element("state").textContent = say("bookings.loading"); load(); });
  element("state").textContent = text;
  element("state").append(" ", again);
  return again;
}

/** Says that nothing came, and offers to ask again; it also asks by itself. @param {import("./session.js").Answer} answer */
function failed(answer) {
  const again = offerAgain(isPassing(answer) ? say("bookings.offline") : say("bookings.failed", { id: answer.requestId || "–" }));
  if (!isPassing(answer)) return;
  retry = () => { retry = null; if (again.isConnected) load(); };
  setTimeout(() => { if (!document.hidden) retry?.(); }, 6000 * (0.8 + 0.4 * Math.random()));
}
/** Asks again: by time, or when the fan comes back to a tab that was hidden at that time. @type {(() => void) | null} */
let retry = null;

// ---- seats held, not yet booked -------------------------------------------

/** @type {any[]} */
let holds = [];

/** Another tab took seats, gave them back or booked them. @param {import("./holds.js").Note} note */
async function heardOfHolds({ asking }) {
  if (asking || !listed) return;
  await showHolds();
  const answer = await call("GET", "/v1/bookings?limit=20");
  if (answer.status !== 200) return;
  keep(answer.body.items);
  showNone();
  show();
}

async function showHolds() {
  const answer = await call("GET", "/v1/me/holds");
  if (answer.status !== 200) return;
  offset = clockOffset(answer);
  holds = answer.body.items ?? [];
  drawHolds();
}

// Before the list has come nobody knows whether there is none.
let listed = false;

/** Says that there is nothing, when there is nothing. */
function showNone() {
  element("none").hidden = !listed || bookings.size > 0 || holds.length > 0;
}

function drawHolds() {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement?.closest("[data-hold]"));
  element("holds").replaceChildren(...holds.map(heldRow));
  tickHolds();
  showNone();
  if (!focused) return;
  const row = document.querySelector(`[data-hold="${CSS.escape(focused.dataset.hold ?? "")}"]`);
  /** @type {HTMLElement} */ (row?.querySelector("a") ?? element("title")).focus({ preventScroll: true });
}

/** What is held, when and where it plays, and how long it still is. @param {any} hold */
function heldRow(hold) {
  const item = made("li", "", "row booking");
  item.dataset.hold = hold.hold_id;
  const facts = made("div", "", "facts");
  const seats = made("ul", "", "seats");
  seats.append(...sortedSeats(hold.seats.map((/** @type {string} */ no) => ({ no }))).map((seat) => made("li", seatWords(seat.no))));
  facts.append(made("p", say("bookings.held"), "badge pending_payment"));
  // The names are missing while the catalogue is away: the seats are held all the same.
  facts.append(heading(hold.performance_title ?? say("bookings.held")));
  if (hold.starts_at) facts.append(made("p", showMoment(hold.starts_at), "quiet number"));
  if (hold.venue_name) facts.append(madeOfData("p", hold.venue_name, "quiet"));
  const time = made("p", `${say("bookings.held_left")} `, "time number");
  const left = made("b", "", "left");
  left.setAttribute("role", "timer");
  time.append(left);
  facts.append(seats, made("p", `${say("bookings.seats", { n: hold.seats.length })} · ${say("booking.won", { n: grouped(hold.amount) })}`, "number sum"),
    time, made("p", say("bookings.held_until", { time: timeText(data.words, Date.parse(hold.expires_at), true) }), "quiet small number"));
  const ways = made("div", "", "way");
  ways.append(linkTo(say("bookings.held_go"), address(`/sales/${hold.sale_id}/seats`, { showtime: hold.showtime_id })));
  item.append(facts, ways);
  return item;
}

function tickHolds() {
  for (const hold of holds) {
    const row = document.querySelector(`[data-hold="${CSS.escape(hold.hold_id)}"]`);
    const ms = Date.parse(hold.expires_at) - now();
    const left = row?.querySelector(".left");
    if (left) left.textContent = clockText(ms);
    row?.querySelector(".time")?.classList.toggle("alarm", ms < 60000);
  }
}

function endHolds() {
  const still = holds.filter((hold) => Date.parse(hold.expires_at) > now());
  if (still.length === holds.length) return tickHolds();
  holds = still;
  drawHolds();
}

// ---- what moves by itself -------------------------------------------------

/** States that end without the fan. @param {any} booking */
const isMoving = (booking) => booking.state === "cancelling" || (booking.state === "pending_payment" && booking.payment_state === "confirming");
/** @type {ReturnType<typeof setTimeout> | undefined} */
let watcher;

/** Asks for the bookings that move until they have come to rest. @param {number} [ms] until the next look */
function watch(ms = 2000) {
  clearTimeout(watcher);
  if (![...bookings.values()].some(isMoving)) return;
  watcher = setTimeout(async () => {
    if (!document.hidden) await Promise.all([...bookings.values()].filter(isMoving).map(refresh));
    watch(Math.min(30000, ms * 1.5));
  }, ms * (0.8 + 0.4 * Math.random()));
}

/** @param {any} booking */
async function refresh(booking) {
  const answer = await call("GET", `/v1/bookings/${booking.id}`);
  if (answer.status !== 200) return;
  const before = booking.state;
  keep([answer.body]);
  show();
  if (before === "cancelling" && answer.body.state === "cancelled") element("state").textContent = say("booking.state.cancelled");
}

// ---- cancelling -----------------------------------------------------------

/** @param {any} booking */
function ask(booking) {
  asked = booking;
  if (!cancelKeys.has(booking.id)) cancelKeys.set(booking.id, freshKey());
  element("cancel-what").textContent = sortedSeats(booking.seats).map((/** @type {import("./bookingview.js").Seat} */ seat) => seatWords(seat.no)).join("\n");
  const back = booking.state === "confirmed" ? (booking.refundable_amount ?? booking.amount) : 0;
  element("cancel-refund").textContent = back ? say("bookings.refund", { n: grouped(back) }) : say("bookings.no_charge");
  element("cancel").returnValue = "";
  element("cancel").showModal();
}

async function cancel() {
  const { id } = asked;
  const answer = await call("POST", `/v1/bookings/${id}/cancel`, { body: { reason: "fan" }, headers: { "Idempotency-Key": cancelKeys.get(id) ?? "" } });
  if (answer.status === 401) return goLogin();
  if (isPassing(answer)) {
    element("state").textContent = say("bookings.cancel_failed");
    return focusOn(id, "cancel");
  }
  cancelKeys.delete(id);
  const accepted = answer.status === 200 || answer.status === 202;
  if (accepted && answer.body?.state) keep([{ ...answer.body, id }]);
  await refresh(bookings.get(id));
  const over = ["cancelling", "cancelled"].includes(bookings.get(id).state);
  // An earlier request whose answer was lost may have done it.
  if (accepted || (answer.status === 409 && over)) element("state").textContent = say("bookings.done");
  else element("state").textContent = answer.status === 409 ? say("bookings.not_cancellable") : say("bookings.failed", { id: answer.requestId || "–" });
  show();
  focusOn(id, over ? undefined : "cancel");
  watch();
}

element("more").addEventListener("click", load);
element("cancel").addEventListener("close", () => {
  if (element("cancel").returnValue === "cancel") cancel();
  else focusOn(asked.id, "cancel");
});
setInterval(endHolds, 1000);
onReturn(() => {
  if (element("cancel").open) return;
  if (retry) retry();
  showHolds();
  watch(0);
});
onHolds(heardOfHolds);
load();
addEventListener("hashchange", () => {
  named = location.hash.slice(1);
  goToNamed();
});
