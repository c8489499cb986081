// Where a seat is, in words: the browser's twin of shared/locale, held to the same
// examples.
import { filled } from "./format.js";

/** @typedef {import("./format.js").Words} Words */

/**
 * A zone by its code: "2F-B" is section B of floor 2, "FL-3" section 3 of the floor
 * before the stage, any other code the section of that name.
 * @param {Words} words
 * @param {string} code
 */
export function zoneText(words, code) {
  const [, floor, arena, s] = /^(?:(\d+)F|(FL))-(.*)$/.exec(code) ?? [];
  if (arena) return filled(words.arena, { s });
  return floor ? filled(words.floor, { n: floor, s }) : filled(words.section, { s: code });
}

/**
 * A number's zone, row and seat; null when it is not "<zone>-<row>-<seat>".
 * @param {string} number
 */
export function seatParts(number) {
  const parts = number.split("-");
  if (parts.length < 3) return null;
  const [row, col] = parts.slice(-2);
  return { zone: parts.slice(0, -2).join("-"), row, col };
}

/** "1F-B-5-7" is "1층 B구역 5열 7번". @param {Words} words @param {string} number */
export function seatText(words, number) {
  const parts = seatParts(number);
  return parts ? filled(words.seat, { ...parts, zone: zoneText(words, parts.zone) }) : number;
}

/** Orders numbers as the seats lie, row 9 before row 10. @param {string} a @param {string} b */
export function compareSeats(a, b) {
  const [x, y] = [a.split("-"), b.split("-")];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const both = /^\d+$/.test(x[i]) && /^\d+$/.test(y[i]);
    const order = both ? Number(x[i]) - Number(y[i]) : x[i].length - y[i].length || (x[i] < y[i] ? -1 : Number(x[i] > y[i]));
    if (order) return order;
  }
  return x.length - y.length;
}
