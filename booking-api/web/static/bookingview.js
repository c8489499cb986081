// What the pages of a booking share: seats in words, times, tickets.
import { data, made, say } from "./chrome.js";
import { call } from "./session.js";

/**
 * @typedef {{no: string, grade?: string, price?: number, discount?: number}} Seat
 * @typedef {{id: string, seat: string, void: boolean}} Ticket
 */

/** The names of a hall's zones by their code, once for each showtime. @type {Map<string, Promise<Map<string, string>>>} */
const known = new Map();

/**
 * The names of the zones of a showtime's hall; none when they cannot be had. The
 * map of the hall is in the browser's cache for who chose seats on it.
 * @param {string} showtime
 * @returns {Promise<Map<string, string>>}
 */
export function zoneNames(showtime) {
  let names = known.get(showtime);
  if (!names) {
    names = askZones(showtime);
    known.set(showtime, names);
  }
  return names;
}

/** @param {string} showtime @returns {Promise<Map<string, string>>} */
async function askZones(showtime) {
  const answer = await call("GET", `/v1/showtimes/${encodeURIComponent(showtime)}/seatmap?format=compact`, { auth: "none" });
  if (answer.status !== 200) return new Map();
  return new Map(answer.body.zones.map((/** @type {{code: string, name: string}} */ zone) => [zone.code, zone.name]));
}

/**
 * A seat as it is found in the hall: its zone, then its row and seat. A number is
 * "<zone>-<row>-<seat>"; where the zone's name is not known its code stands for it.
 * @param {string} number
 * @param {Map<string, string>} [names]
 * @returns {[string, string]}
 */
function seatParts(number, names) {
  const parts = number.split("-");
  if (parts.length < 3) return ["", number];
  const [row, col] = parts.slice(-2);
  const zone = parts.slice(0, -2).join("-");
  return [names?.get(zone) ?? zone, say("booking.place", { row, col })];
}

/** The same in one line. @param {string} number @param {Map<string, string>} [names] */
export function seatWords(number, names) {
  const [zone, place] = seatParts(number, names);
  return zone ? say("booking.where", { zone, place }) : place;
}

const bySeat = new Intl.Collator("ko", { numeric: true });

/** Seats in the order in which they lie. @param {Seat[]} seats */
export function sortedSeats(seats) {
  return [...seats].sort((a, b) => bySeat.compare(a.no, b.no));
}

/** The day and time of a show, where it plays. @param {string} at @param {"full" | "medium"} [style] */
export function momentText(at, style = "full") {
  return new Intl.DateTimeFormat(data.language, { dateStyle: style, timeStyle: "short", timeZone: "Asia/Seoul" }).format(new Date(at));
}

/** The last signs of a ticket's id, enough to tell it from others. @param {string} id */
export function shortId(id) {
  return id.slice(-8).toUpperCase();
}

/**
 * The tickets of a booking by seat; null when they cannot be had.
 * @param {string} booking
 * @returns {Promise<Map<string, Ticket> | null>}
 */
export async function ticketsOf(booking) {
  const answer = await call("GET", `/v1/bookings/${encodeURIComponent(booking)}/tickets`);
  if (answer.status !== 200) return null;
  return new Map(answer.body.items.map((/** @type {Ticket} */ ticket) => [ticket.seat, ticket]));
}

/**
 * One ticket to look at: the show, the seat, and its number on the stub.
 * @param {any} booking
 * @param {Seat} seat
 * @param {string} id of the ticket, or "" while it is being issued
 * @param {Map<string, string>} [names]
 */
export function ticketCard(booking, seat, id, names) {
  const card = made("li", "", "ticket");
  const face = made("div", "", "face");
  const [zone, place] = seatParts(seat.no, names);
  face.append(
    made("span", booking.performance_title, "quiet"),
    made("span", momentText(booking.starts_at, "medium"), "quiet number"),
    made("span", [zone, say("booking.grade", { grade: seat.grade ?? "" })].filter(Boolean).join(" · "), "zone"),
    made("b", place, "seat number"),
  );
  const stub = made("div", "", "stub");
  stub.append(made("span", say("booking.ticket"), "quiet"), made("b", id ? shortId(id) : say("booking.issuing"), "number"));
  card.append(face, stub);
  return card;
}
