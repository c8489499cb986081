// Who is here: the access token, kept for this tab and renewed by the refresh
// cookie, and calls of our API.

/**
 * @typedef {{status: number, body: any, headers: Headers, requestId: string}} Answer
 * status is 0 when nothing came back.
 * @typedef {{body?: any, headers?: Record<string, string>, auth?: "required" | "if known" | "none", signal?: AbortSignal}} CallOptions
 */

const tokenKey = "fairgate.access";
const nameKey = "fairgate.name";

/** @returns {{token: string, until: number} | null} */
function storedToken() {
  try {
    const stored = JSON.parse(sessionStorage.getItem(tokenKey) || "null");
    return stored && stored.until > Date.now() ? stored : null;
  } catch {
    return null;
  }
}

/**
 * Keeps the answer of a log-in or refresh.
 * @param {{access_token: string, expires_in: number, account?: {name?: string}}} granted
 */
export function keepToken(granted) {
  const until = Date.now() + Math.max(30, granted.expires_in - 60) * 1000;
  sessionStorage.setItem(tokenKey, JSON.stringify({ token: granted.access_token, until }));
  const name = granted.account?.name ?? nameIn(granted.access_token);
  localStorage.setItem(nameKey, name || " ");
  dispatchEvent(new Event("fairgate:who"));
}

/** Forgets who was here. */
export function forgetToken() {
  sessionStorage.removeItem(tokenKey);
  localStorage.removeItem(nameKey);
  dispatchEvent(new Event("fairgate:who"));
}

/** The name of who logged in last on this device and has not logged out, or "". */
export function knownName() {
  return localStorage.getItem(nameKey) ?? "";
}

/** @param {string} token */
function nameIn(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(part), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).name ?? "";
  } catch {
    return "";
  }
}

/**
 * The access token, renewed when it is about to end; null when nobody is logged in.
 * @param {boolean} [renew] get a new one even if the stored one looks good
 * @returns {Promise<string | null>}
 */
export async function accessToken(renew = false) {
  const before = storedToken();
  if (before && !renew) return before.token;
  return oneAtATime(async () => {
    const meanwhile = storedToken();
    if (meanwhile && meanwhile.token !== before?.token) return meanwhile.token;
    const answer = await call("POST", "/v1/auth/refresh", { auth: "none" });
    if (answer.status === 200) {
      keepToken(answer.body);
      return answer.body.access_token;
    }
    if (answer.status === 401) forgetToken();
    return null;
  });
}

// A refresh cookie works once and a second use ends the session, so tabs take turns.
/** @type {Promise<any>} */
let turn = Promise.resolve();

/**
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
function oneAtATime(work) {
  /** @type {Promise<T>} */
  const mine = turn.then(async () => (navigator.locks ? navigator.locks.request("fairgate.refresh", work) : work()));
  turn = mine.catch(() => {});
  return mine;
}

/**
 * Calls our API. With auth "required" (the default) a missing log-in answers 401
 * without asking; an expired token is renewed once.
 * @param {string} method
 * @param {string} path
 * @param {CallOptions} [options]
 * @returns {Promise<Answer>}
 */
export async function call(method, path, options = {}) {
  const auth = options.auth ?? "required";
  if (auth === "none") return send(method, path, options, null);
  const token = await accessToken();
  if (!token && auth === "required") return nothing(401, "unauthenticated");
  const answer = await send(method, path, options, token);
  if (!token || answer.status !== 401 || answer.body?.code !== "unauthenticated") return answer;
  const renewed = await accessToken(true);
  return renewed ? send(method, path, options, renewed) : answer;
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
  try {
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const response = await fetch(path, { method, headers, body, signal: options.signal ?? AbortSignal.timeout(15000) });
    const text = await response.text();
    const isJSON = (response.headers.get("Content-Type") ?? "").includes("json");
    return {
      status: response.status,
      body: isJSON && text ? JSON.parse(text) : null,
      headers: response.headers,
      requestId: response.headers.get("X-Request-Id") ?? "",
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
  return { status, body: { code }, headers: new Headers(), requestId: "" };
}
