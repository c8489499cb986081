// What every page does: show who is logged in, and addresses that keep the language.
import { keepAddress, thisAddress } from "./address.js";
import { isKorean, pageData, speaker } from "./format.js";
import { accessToken, call, forgetToken, hereNow, isPassing, knownWho } from "./session.js";
import { cookiesRefused, deviceStore } from "./storage.js";

export const data = pageData();
export const say = speaker(data.texts);

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

/**
 * An address of ours in the language the fan chose.
 * @param {string} path
 * @param {Record<string, string>} [query]
 */
export function address(path, query = {}) {
  const kept = new URLSearchParams(query);
  if (data.chosen) kept.set("lang", data.chosen);
  return kept.size ? `${path}?${kept}` : path;
}

/** The log-in, which comes back to where one is now. */
const loginAddress = () => address("/login", { next: thisAddress() });

/** Goes to the log-in, which comes back here. */
export function goLogin() {
  location.assign(loginAddress());
}

/**
 * A key under which the server does a thing once, however often it is asked.
 * @returns {string}
 */
export function freshKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {string} tag
 * @param {string} text
 * @param {string} [kind] class
 */
export function made(tag, text, kind) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (kind) node.className = kind;
  return node;
}

/**
 * Says that a text is Korean where the page is not: for data that nobody translates,
 * such as the title of a show, so that it is read out right.
 * @template {HTMLElement} Node
 * @param {Node} node
 * @returns {Node}
 */
export function inItsLanguage(node) {
  if (data.language !== "ko" && isKorean(node.textContent ?? "")) node.lang = "ko";
  return node;
}

/** As made, for a text that is data. @param {string} tag @param {string} text @param {string} [kind] class */
export const madeOfData = (tag, text, kind) => inItsLanguage(made(tag, text, kind));

/** A link that looks like a button. @param {string} text @param {string} href @param {string} [kind] */
export function linkTo(text, href, kind = "button") {
  const link = /** @type {HTMLAnchorElement} */ (made("a", text, kind));
  link.href = href;
  return link;
}

// In ms: what takes longer is said to, with a way to ask anew.
const slowAfter = 4000;

/**
 * Waits for an answer, and says so while it takes long.
 * @template T
 * @param {Promise<T>} work
 * @param {() => any} slow
 * @returns {Promise<T>}
 */
export async function patiently(work, slow) {
  const timer = setTimeout(slow, slowAfter);
  try {
    return await work;
  } finally {
    clearTimeout(timer);
  }
}

/** Calls a function again when it may go better: the network is back, the page is looked at. @param {() => any} again */
export function onReturn(again) {
  const unlessLeft = () => { if (!left) again(); };
  addEventListener("online", unlessLeft);
  addEventListener("pageshow", (event) => { if (event.persisted) unlessLeft(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) unlessLeft(); });
}

function showWho() {
  const here = knownWho() !== null;
  element("login-link").hidden = here;
  element("logout").hidden = !here;
}

// Whose page this is: who was here when it was drawn, as soon as that is known.
let drawnFor = knownWho()?.id;
// What only its owner may see was taken away; the page is about to go.
let left = false;

/**
 * Who was here may be gone, or be somebody else, perhaps in another tab or since the
 * browser kept this page for "back": what only they may see goes too. Other pages hear
 * `fairgate:other`.
 */
function whoChanged() {
  showWho();
  const id = knownWho()?.id;
  const other = drawnFor !== undefined && id !== drawnFor;
  drawnFor ??= id;
  if (!data.personal) return other && dispatchEvent(new Event("fairgate:other"));
  if (left || (id !== undefined && !other)) return;
  const somebody = hereNow() !== "";
  if (!other && somebody) return;
  left = true;
  document.querySelector("main")?.replaceChildren();
  if (somebody || id !== undefined) location.reload();
  else goLogin();
}

async function logOut() {
  const answer = await call("POST", "/v1/auth/logout", { auth: "if known", body: {} });
  // Without an answer the cookie is still good: whoever uses this device next would be logged in.
  if (isPassing(answer)) {
    element("site-note").textContent = say("js.logout_failed");
    return;
  }
  data.personal = false;
  forgetToken();
  location.assign(address("/"));
}

element("logout").addEventListener("click", logOut);
if (!["/login", "/signup"].includes(location.pathname)) {
  for (const use of ["pointerdown", "focus", "click"]) element("login-link").addEventListener(use, () => { element("login-link").href = loginAddress(); });
}
keepAddress();
addEventListener("fairgate:who", whoChanged);
addEventListener("pageshow", (event) => { if (event.persisted) whoChanged(); });
document.addEventListener("visibilitychange", () => { if (!document.hidden && drawnFor !== undefined) whoChanged(); });
showWho();
// A browser that keeps nothing for us has to ask who is here, and so has one that was
// logged in by a form.
if (deviceStore.works() ? !knownWho() && hereNow() : !cookiesRefused()) accessToken();
