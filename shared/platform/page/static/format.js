// Texts, numbers and times in the page's language.

/**
 * What the server put into the page.
 * @returns {any}
 */
export function pageData() {
  return JSON.parse(document.getElementById("data")?.textContent || "{}");
}

/**
 * A pattern with {name} replaced by values.
 * @param {string} pattern
 * @param {Record<string, string | number>} values
 */
export function filled(pattern, values) {
  return pattern.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/**
 * Returns a function that gives the text of a key, {name} replaced by values.
 * @param {Record<string, string>} texts
 * @returns {(key: string, values?: Record<string, string | number>) => string}
 */
export function speaker(texts) {
  return (key, values = {}) => filled(texts[key] ?? key, values);
}

/** Whether a text has Korean letters. @param {string} text */
export const isKorean = (text) => /[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]/.test(text);

/** @param {number} n */
export function grouped(n) {
  return Math.round(n).toLocaleString("en-US");
}

/**
 * Minutes and seconds, e.g. 4:05; with hours from one hour on.
 * @param {number} ms
 */
export function clockText(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  const rest = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * A time in words, e.g. "1 minute 30 seconds".
 * @param {string} language
 * @param {number} seconds
 */
export function durationText(language, seconds) {
  const whole = Math.round(seconds);
  /** @type {[number, string][]} */
  const parts = [[Math.floor(whole / 3600), "hour"], [Math.floor(whole / 60) % 60, "minute"], [whole % 60, "second"]];
  return parts.filter(([n]) => n > 0)
    .map(([n, unit]) => new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(n)).join(" ");
}

/**
 * What shared/locale puts into the page: patterns and names of its language. Times
 * are those of the halls, in Seoul, which has had no summer time since 1988.
 * @typedef {{weekdays: string[], months: string[], day: string, moment: string, time: string, seat: string, floor: string, arena: string, section: string, between: string}} Words
 */
const seoul = 9 * 3600 * 1000;

/**
 * A time of day, e.g. 20:03 KST, with seconds if asked for.
 * @param {Words} words
 * @param {number} at
 * @param {boolean} [seconds]
 */
export function timeText(words, at, seconds = false) {
  return filled(words.time, { time: new Date(at + seoul).toISOString().slice(11, seconds ? 19 : 16) });
}

/**
 * A date with its time of day, e.g. Thu, 24 Dec 2026, 19:30 KST.
 * @param {Words} words
 * @param {number} at
 */
export function momentText(words, at) {
  const t = new Date(at + seoul);
  const day = filled(words.day, { y: t.getUTCFullYear(), m: words.months[t.getUTCMonth()], d: t.getUTCDate(), weekday: words.weekdays[t.getUTCDay()] });
  return filled(words.moment, { day, time: t.toISOString().slice(11, 16) });
}

let most = NaN;

/**
 * How far the server's clock can be ahead of ours, in ms, by the answers so far: no
 * countdown shows more time than there is. An answer's Date is up to 2 s old (whole
 * seconds, set once a second) when it is sent, and all that passed since it was asked
 * for may have passed after that. One that a cache keeps is as old as it says, or as it
 * may be kept. Answers that were quick narrow it down.
 * @param {{headers: Headers, asked: number}} answer
 */
export function clockOffset({ headers, asked }) {
  /** @param {string} name */
  const age = (name) => Number(/\d+/.exec(headers.get(name) ?? "") ?? 0);
  const date = Date.parse(headers.get("Date") ?? "");
  const own = date + 2000 + 1000 * Math.max(age("Age"), age("Cache-Control")) - asked;
  // Below what is certain by now our clock was set back: what was known is of before.
  if (!(own > most) || date - Date.now() > most) most = own;
  return most || 0;
}
