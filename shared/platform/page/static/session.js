// Who is here: the access token, kept for this tab and renewed by the refresh
// cookie, and calls of our API.
import { deviceStore, tabStore } from "./storage.js";

/**
 * @typedef {{status: number, body: any, headers: Headers, requestId: string, asked: number}} Answer
 * status is 0 when nothing came back; asked is when, by our clock.
 * @typedef {{body?: any, headers?: Record<string, string>, auth?: "required" | "if known" | "none", signal?: AbortSignal}} CallOptions
 * @typedef {{id: string, name: string}} Who
 */

const tokenKey = "fairgate.access";
const whoKey = "fairgate.who";

/**
 * Whose log-in the browser's cookies hold, as a mark that names nobody; "" for nobody.
 * What a tab remembers may be of somebody who was here before, or logged in by a form.
 * Others on the host may have set a cookie of the name: ours is sixteen hex digits.
 */
export const hereNow = () => /(?:^|; )fairgate_who=([0-9a-f]{16})(?:;|$)/.exec(document.cookie)?.[1] ?? "";

/** @returns {{token: string, until: number} | null} */
function storedToken() {
  const stored = tabStore.get(tokenKey);
  return stored?.until > Date.now() && stored.here === hereNow() ? stored : null;
}

/**
 * Keeps the answer of a log-in or refresh.
 * @param {{access_token: string, expires_in: number, account?: {name?: string}}} granted
 */
export function keepToken(granted) {
  const until = Date.now() + Math.max(30, granted.expires_in - 60) * 1000;
  const here = hereNow();
  tabStore.set(tokenKey, { token: granted.access_token, until, here });
  const claims = claimsOf(granted.access_token);
  deviceStore.set(whoKey, { id: claims.sub ?? "", name: granted.account?.name ?? claims.name ?? "", here });
  dispatchEvent(new Event("fairgate:who"));
}

/** Forgets who was here, in all tabs. */
export function forgetToken() {
  tabStore.remove(tokenKey);
  deviceStore.remove(whoKey);
  document.cookie = "fairgate_who=; Path=/; Max-Age=0";
  channel?.postMessage("out");
  dispatchEvent(new Event("fairgate:who"));
}

/** Who logged in last on this device and has not logged out, or null. @returns {Who | null} */
export function knownWho() {
  const who = deviceStore.get(whoKey);
  return who?.here === hereNow() ? who : null;
}

/** @param {string} token @returns {{sub?: string, name?: string}} */
function claimsOf(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) ?? {};
  } catch {
    return {};
  }
}

// ---- other tabs -----------------------------------------------------------

/** Another tab logged out, or logged in as somebody else: what this tab holds is over. */
function goneElsewhere() {
  tabStore.remove(tokenKey);
  dispatchEvent(new Event("fairgate:who"));
}

/** A page that was away (another tab in front, kept by "back") may have missed it. */
function recheck() {
  const stored = tabStore.get(tokenKey);
  if (document.hidden || !stored) return;
  if (stored.here !== hereNow() || (deviceStore.works() && knownWho()?.id !== (claimsOf(stored.token).sub ?? ""))) goneElsewhere();
}

/** For browsers that refuse storage and thus its events. @type {BroadcastChannel | null} */
let channel = null;
try {
  if (!deviceStore.works()) channel = new BroadcastChannel("fairgate.who");
} catch {
  // refused too: then each tab learns it from the next answer
}
channel?.addEventListener("message", () => { deviceStore.remove(whoKey); goneElsewhere(); });
addEventListener("storage", (event) => { if (event.key === whoKey || event.key === null) recheck(); });
addEventListener("pageshow", (event) => { if (event.persisted) recheck(); });
document.addEventListener("visibilitychange", recheck);

// ---- the access token -----------------------------------------------------

/**
 * The access token, renewed when it is about to end; null when there is none now.
 * @param {boolean} [renew] get a new one even if the stored one looks good
 * @returns {Promise<string | null>}
 */
export async function accessToken(renew = false) {
  return (await askToken(renew)).token;
}

/**
 * The access token, or why there is none: a 401 says that nobody is logged in; any
 * other answer, or none (status 0), says nothing about that.
 * @param {boolean} [renew]
 * @returns {Promise<{token: string | null, answer: Answer}>}
 */
export async function askToken(renew = false) {
  const before = storedToken();
  if (before && !renew) return { token: before.token, answer: nothing(200, "") };
  return oneAtATime(async () => {
    const meanwhile = storedToken();
    if (meanwhile && meanwhile.token !== before?.token) return { token: meanwhile.token, answer: nothing(200, "") };
    // An answer that is lost is asked for again while the server still forgives that.
    let answer = await refresh();
    if (answer.status === 0) answer = await refresh();
    if (answer.status === 200 && answer.body?.access_token) {
      keepToken(answer.body);
      return { token: answer.body.access_token, answer };
    }
    if (answer.status === 401) forgetToken();
    return { token: null, answer: answer.status === 200 ? nothing(0, "offline") : answer };
  });
}

// In ms; two of them are less than the server goes on taking a spent cookie.
const refreshWait = 5000;

/** @returns {Promise<Answer>} */
function refresh() {
  return call("POST", "/v1/auth/refresh", { auth: "none", signal: timeout(refreshWait) });
}

// A refresh cookie is exchanged once, and once more within seconds when the answer was
// lost; a later use ends the session. So tabs take turns.
/** @type {Promise<any>} */
let turn = Promise.resolve();

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
function oneAtATime(work) {
  /** @type {Promise<T>} */
  const mine = turn.then(() => amongTabs(work));
  turn = mine.catch(() => {});
  return mine;
}

/**
 * Locks are missing on plain http and refused where storage is.
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function amongTabs(work) {
  /** @type {Promise<T> | null} */
  let begun = null;
  try {
    await navigator.locks.request("fairgate.refresh", () => { begun = work(); return begun; });
  } catch {
    // refused, or the work's own fault, which the next line gives
  }
  return begun ?? work();
}

/** Whether an answer, or its absence, may be different in a moment. @param {Answer} answer */
export const isPassing = (answer) => answer.status === 0 || answer.status === 429 || answer.status >= 500;

/**
 * Calls our API. With auth "required" (the default) a missing log-in answers 401
 * without asking, and a log-in that could not be renewed for another reason answers
 * with that reason; an expired token is renewed once.
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<Answer>}
 */
export async function call(method, path, options = {}) {
  const auth = options.auth ?? "required";
  if (auth === "none") return send(method, path, options, null);
  const { token, answer: refused } = await askToken();
  if (!token && auth === "required") return refused;
  const answer = await send(method, path, options, token);
  if (!token || answer.status !== 401 || answer.body?.code !== "unauthenticated") return answer;
  const renewed = await askToken(true);
  if (renewed.token) return send(method, path, options, renewed.token);
  return renewed.answer.status === 401 ? answer : renewed.answer;
}

/**
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} options
 * @param {string | null} token
 * @returns {Promise<Answer>}
 */
async function send(method, path, options, token) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json", ...options.headers };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (options.body !== undefined) headers["Content-Type"] = "application/json";
  const asked = Date.now();
  try {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const response = await fetch(path, { method, headers, body, signal: options.signal ?? timeout(15000) });
    const text = await response.text();
    const type = response.headers.get("Content-Type") ?? "";
    // A success that is a page is somebody else's: a café's log-in, a proxy's.
    if (response.ok && type.includes("text/html")) return nothing(0, "offline");
    return {
      status: response.status,
      body: text && type.includes("json") ? JSON.parse(text) : null,
      headers: response.headers,
      requestId: response.headers.get("X-Request-Id") ?? "",
      asked,
    };
  } catch {
    return nothing(0, "offline");
  }
}

/**
 * @param {number} status
 * @param {string} code
 * @returns {Answer}
 */
function nothing(status, code) {
  return /** @type {any} */ ({ status, body: { code }, headers: new Headers(), requestId: "" });
}

/** A signal that ends a call after some time. @param {number} ms @returns {AbortSignal | undefined} */
export function timeout(ms) {
  return AbortSignal.timeout?.(ms);
}
