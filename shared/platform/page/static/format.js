// Texts, numbers and times in the page's language.

/**
 * What the server put into the page.
 * @returns {any}
 */
export function pageData() {
  return JSON.parse(document.getElementById("data")?.textContent || "{}");
}

/**
 * Returns a function that gives the text of a key, {name} replaced by values.
 * @param {Record<string, string>} texts
 * @returns {(key: string, values?: Record<string, string | number>) => string}
 */
export function speaker(texts) {
  return (key, values = {}) => (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

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
 * The time of day here, e.g. 20:03:11.
 * @param {number} at
 */
export function dayTime(at) {
  return new Date(at).toTimeString().slice(0, 8);
}

/**
 * Day and time here, e.g. 11. 20. 20:00.
 * @param {number} at
 */
export function dateTime(at) {
  const day = new Date(at);
  return `${day.getMonth() + 1}. ${day.getDate()}. ${dayTime(at).slice(0, 5)}`;
}

/**
 * How far the server's clock is ahead of ours, in ms, by an answer's Date.
 * @param {Headers} headers
 */
export function clockOffset(headers) {
  const date = Date.parse(headers.get("Date") ?? "");
  const offset = date + 500 - Date.now();
  return Number.isNaN(date) || Math.abs(offset) < 1500 ? 0 : offset;
}
