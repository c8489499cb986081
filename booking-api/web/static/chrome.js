// What every page does: show who is logged in, and addresses that keep the language.
import { call, forgetToken, knownName } from "./session.js";
import { pageData, speaker } from "./format.js";

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
  if (data.explicit) kept.set("lang", data.language);
  return kept.size ? `${path}?${kept}` : path;
}

/** Goes to the log-in, which comes back here. */
export function goLogin() {
  location.assign(address("/login", { next: location.pathname + location.search }));
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

function showWho() {
  const here = knownName() !== "";
  element("login-link").hidden = here;
  element("logout").hidden = !here;
}

element("logout").addEventListener("click", async () => {
  await call("POST", "/v1/auth/logout", { auth: "if known", body: {} });
  forgetToken();
  location.assign(address("/"));
});
addEventListener("fairgate:who", showWho);
showWho();
