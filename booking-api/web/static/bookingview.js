// What the pages of a booking share: seats in words, times, tickets.
import { data, made, madeOfData, say } from "./chrome.js";
import { momentText } from "./format.js";
import { compareSeats, seatText } from "./seatwords.js";
import { call } from "./session.js";

/**
 * @typedef {{no: string, grade?: string, price?: number, discount?: number}} Seat
 * @typedef {{id: string, seat: string, void: boolean}} Ticket
 */

/** Where a seat is, in one line. @param {string} number */
export const seatWords = (number) => seatText(data.words, number);

/** Seats in the order in which they lie. @param {Seat[]} seats */
export function sortedSeats(seats) {
  return [...seats].sort((a, b) => compareSeats(a.no, b.no));
}

/** The day and time of a show. @param {string} at */
export const showMoment = (at) => (at ? momentText(data.words, Date.parse(at)) : "");

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
 */
export function ticketCard(booking, seat, id) {
  const card = made("li", "", "ticket");
  const face = made("div", "", "face");
  face.append(
    madeOfData("span", booking.performance_title, "quiet"),
    made("span", showMoment(booking.starts_at), "quiet number"),
    made("span", say("booking.grade", { grade: seat.grade ?? "" }), "zone"),
    made("b", seatWords(seat.no), "seat number"),
  );
  const stub = made("div", "", "stub");
  stub.append(made("span", say("booking.ticket"), "quiet"), made("b", id ? shortId(id) : say("booking.issuing"), "number"));
  card.append(face, stub);
  return card;
}
