// What a fan should see, worked out from what is known. No DOM, no network.

/**
 * @typedef {{id?: string, n?: number, state: string, ahead: number | null, eta_seconds?: {p50: number, p90: number} | null,
 *   claim_before?: string | null, session_ends_at?: string | null, poll_after_ms?: number, reason?: string}} Place
 * @typedef {{state: string, opens_at?: string | null, waiting?: number, message?: Record<string, string> | null, poll_after_ms?: number}} Line
 * @typedef {{
 *   line: Line | null, place: Place | null, needsLogin: boolean, needsCookies: boolean, entering: boolean, offline: boolean,
 *   final: boolean, failure: {requestId: string} | null, opensAt: number,
 * }} Model
 */

// A fan is told to get ready when the turn is likely within this many seconds.
const nearlySeconds = 60;

/**
 * The screen to show.
 * @param {Model} m
 * @returns {string}
 */
export function screenOf(m) {
  if (m.failure) return "error";
  const state = m.place?.state ?? "";
  // Who goes in while the line stands still is let in only when it goes on.
  if (m.entering) return isPaused(m) && !m.offline ? "paused" : "entering";
  if (state === "active" || state === "offered" || state === "finished" || state === "left") return state;
  if (state === "expired") return expiredScreen(m);
  if (m.line?.state === "sold_out") return "soldout";
  if (m.line?.state === "closed") return "closed";
  if (m.needsCookies) return "cookies";
  if (m.offline) return "offline";
  return state ? inLine(m, state) : outside(m);
}

/** @param {Model} m */
function expiredScreen(m) {
  const reason = m.place?.reason;
  if (reason === "sold_out" || m.line?.state === "sold_out") return "soldout";
  if (reason === "closed" || m.line?.state === "closed") return "closed";
  if (reason === "session") return "finished";
  return reason === "missed" || reason === "abandoned" ? reason : "lapsed";
}

/**
 * @param {Model} m
 * @param {string} state
 */
function inLine(m, state) {
  if (isPaused(m)) return "paused";
  if (m.line?.state === "drawing") return "drawing";
  if (state === "lobby") return "lobby";
  return isNear(m.place) ? "nearly" : "waiting";
}

/** @param {Model} m */
const isPaused = (m) => m.line?.state === "paused" || m.line?.state === "rebuilding";

/** @param {Model} m */
function outside(m) {
  if (!m.line) return "loading";
  if (m.line.state === "draft" || m.line.state === "scheduled") return "countdown";
  return m.needsLogin ? "login" : "loading";
}

/** @param {Place | null} place */
function isNear(place) {
  if (!place || place.ahead === null) return false;
  return place.ahead === 0 || (place.eta_seconds ? place.eta_seconds.p50 < nearlySeconds : false);
}

/**
 * The share of the way since this fan joined, 0…1, never less than before.
 * @param {{first: number, best: number}} memory
 * @param {number} ahead
 */
export function progress(memory, ahead) {
  memory.first = Math.max(memory.first, ahead);
  const share = memory.first ? 1 - ahead / memory.first : 1;
  memory.best = Math.max(memory.best, Math.min(1, share));
  return memory.best;
}

/**
 * The expected wait in words.
 * @param {(key: string, values?: Record<string, string | number>) => string} say
 * @param {{p50: number, p90: number} | null | undefined} eta
 * @param {boolean} [short]
 */
export function waitText(say, eta, short = false) {
  if (!eta) return short ? "" : say("js.eta.unknown");
  const low = Math.max(1, Math.round(eta.p50 / 60));
  const high = Math.max(low, Math.ceil(eta.p90 / 60));
  if (short) return say("js.eta.short", { n: high });
  if (eta.p90 <= 60) return say("js.eta.soon", { n: 1 });
  if (high > 90) return say("js.eta.hours", { n: (low / 60).toFixed(1), m: (high / 60).toFixed(1) });
  return low === high ? say("js.eta.one", { n: low }) : say("js.eta.range", { n: low, m: high });
}

/**
 * The wait before the next poll, in ms: the server's hint, longer while it is in
 * trouble, short while nothing answers at all; always scattered so that fans do not
 * ask in step.
 * @param {number | undefined} hint
 * @param {number} failures in a row
 * @param {boolean} unanswered the last of them was no answer at all
 */
export function pollDelay(hint, failures, unanswered) {
  const base = Math.max(1000, hint || 5000);
  if (failures && unanswered) return Math.min(base, 1000) + 1500 * Math.random();
  const slowed = failures ? Math.min(30000, Math.max(base, 1000 * 2 ** failures)) : base;
  return slowed * (0.8 + 0.4 * Math.random());
}
