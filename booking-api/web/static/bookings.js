// My bookings: the coming ones first, their state in words, cancelling with the
// refund shown before it asks.
import { momentText, seatWords, shortId, ticketsOf, zoneNames } from "./bookingview.js";
import { address, element, freshKey, goLogin, made, say } from "./chrome.js";
import { grouped } from "./format.js";
import { call } from "./session.js";

let cursor = "";
/** @type {any[]} */
const bookings = [];
/** @type {any} */
let asked = null;
let cancelKey = "";

/** @param {any} booking */
function stateKey(booking) {
  const confirming = booking.state === "pending_payment" && booking.payment_state === "confirming";
  return `booking.state.${confirming ? "confirming" : booking.state}`;
}

/** Coming shows by time, then the past ones and those that came to nothing. @param {any} a @param {any} b */
function order(a, b) {
  const rank = (/** @type {any} */ x) => (["pending_payment", "confirmed", "cancelling"].includes(x.state) && Date.parse(x.starts_at) > Date.now() ? 0 : 1);
  const sign = rank(a) ? -1 : 1;
  return rank(a) - rank(b) || sign * (Date.parse(a.starts_at) - Date.parse(b.starts_at));
}

/** @param {any} booking */
function row(booking) {
  const item = made("li", "", "row booking");
  const facts = made("div", "", "facts");
  const seats = made("ul", "", "seats");
  seats.append(...booking.seats.map((/** @type {import("./bookingview.js").Seat} */ seat) => seatItem(booking, seat)));
  facts.append(
    made("p", say(stateKey(booking)), `badge ${booking.state}`),
    made("h2", booking.performance_title),
    made("p", booking.starts_at ? momentText(booking.starts_at) : "", "quiet number"),
    made("p", booking.venue_name, "quiet"),
    seats,
    made("p", `${say("bookings.seats", { n: booking.seats.length })} · ${say("booking.won", { n: grouped(booking.amount) })}`, "number sum"),
  );
  item.append(facts, waysOf(booking));
  return item;
}

/** @param {any} booking @param {import("./bookingview.js").Seat} seat */
function seatItem(booking, seat) {
  const item = made("li", say("booking.seat", { seat: seatWords(seat.no, booking.zones), grade: seat.grade ?? "" }));
  const ticket = booking.tickets?.get(seat.no);
  if (ticket && booking.state === "confirmed") item.append(" ", made("span", `${say("booking.ticket")} ${shortId(ticket.id)}`, "quiet number"));
  return item;
}

/** What may be done with a booking. @param {any} booking */
function waysOf(booking) {
  const ways = made("div", "", "way");
  const unpaid = booking.state === "pending_payment" && booking.payment_state !== "confirming";
  const link = /** @type {HTMLAnchorElement} */ (made("a", say(unpaid ? "bookings.pay" : booking.state === "confirmed" ? "bookings.tickets" : "bookings.open"), unpaid ? "button" : "button second"));
  link.href = address(`/bookings/${booking.id}/pay`);
  ways.append(link);
  if (booking.state !== "confirmed" && !unpaid) return ways;
  const button = made("button", say("bookings.cancel"), "plainly");
  button.addEventListener("click", () => ask(booking));
  ways.append(button);
  return ways;
}

/** Adds what other calls know: names of zones, numbers of tickets. @param {any[]} fresh */
async function complete(fresh) {
  for (const booking of fresh) {
    booking.zones = await zoneNames(booking.showtime_id);
    if (booking.state === "confirmed") booking.tickets = await ticketsOf(booking.id);
  }
  show();
}

function show() {
  element("bookings").replaceChildren(...[...bookings].sort(order).map(row));
  element("more").hidden = !cursor;
}

async function load() {
  const answer = await call("GET", `/v1/bookings?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  if (answer.status === 401) return goLogin();
  if (answer.status !== 200) {
    element("state").textContent = say("bookings.failed", { id: answer.requestId || "–" });
    return;
  }
  bookings.push(...answer.body.items);
  cursor = answer.body.next_cursor ?? "";
  element("state").textContent = "";
  element("none").hidden = bookings.length > 0;
  show();
  complete(answer.body.items);
}

/** @param {any} booking */
function ask(booking) {
  asked = booking;
  cancelKey = freshKey();
  element("cancel-what").textContent = booking.seats.map((/** @type {import("./bookingview.js").Seat} */ seat) => seatWords(seat.no, booking.zones)).join("\n");
  const back = booking.state === "confirmed" ? (booking.refundable_amount ?? booking.amount) : 0;
  element("cancel-refund").textContent = back ? say("bookings.refund", { n: grouped(back) }) : say("bookings.no_charge");
  element("cancel").returnValue = "";
  element("cancel").showModal();
}

async function cancel() {
  const answer = await call("POST", `/v1/bookings/${asked.id}/cancel`, { body: { reason: "fan" }, headers: { "Idempotency-Key": cancelKey } });
  if (answer.status === 401) return goLogin();
  if (answer.status !== 200 && answer.status !== 202) {
    element("state").textContent = answer.status === 409 ? say("bookings.not_cancellable") : say("bookings.failed", { id: answer.requestId || "–" });
    return;
  }
  const now = await call("GET", `/v1/bookings/${asked.id}`);
  if (now.status === 200) Object.assign(asked, now.body);
  show();
  element("state").textContent = say("bookings.done");
}

element("more").addEventListener("click", load);
element("cancel").addEventListener("close", () => { if (element("cancel").returnValue === "cancel") cancel(); });
load();
