// Log-in and sign-up: both end logged in, where the fan was before.
import { address, data, element, say } from "./chrome.js";
import { safeNext } from "./next.js";
import { askToken, call, keepToken } from "./session.js";
import { cookiesRefused, tabStore } from "./storage.js";

const form = /** @type {HTMLFormElement} */ (element("login") ?? element("signup"));
const next = safeNext(values(form).next);
const faults = /** @type {Record<string, string>} */ ({
  0: "login.offline", 401: "login.wrong", 409: "login.taken", 422: "login.invalid", 400: "login.invalid", 429: "login.limited",
});

/** @param {number} status */
function showFault(status) {
  element("fault").textContent = say(faults[status] ?? "login.offline");
}

function showCookiesNeeded() {
  element("fault").textContent = say("login.cookies");
}

/** @param {HTMLFormElement} form */
function values(form) {
  return /** @type {Record<string, string>} */ (Object.fromEntries(new FormData(form)));
}

/** @param {{email: string, password: string}} who */
async function logIn({ email, password }) {
  const answer = await call("POST", "/v1/auth/login", { auth: "none", body: { email, password } });
  if (answer.status !== 200) return showFault(answer.status);
  keepToken(answer.body);
  // With nothing kept here only the cookie is left: if the browser refused that too,
  // the next page would send the fan back to this one.
  if (!tabStore.works() && (await askToken(true)).answer.status === 401) return showCookiesNeeded();
  location.replace(next || address("/"));
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  const given = values(form);
  if (Object.entries(given).some(([name, value]) => name !== "next" && !value.trim())) {
    element("fault").textContent = say("login.missing");
    /** @type {HTMLElement | null} */ (form.querySelector("input:placeholder-shown, input:invalid"))?.focus();
    return;
  }
  button.disabled = true;
  element("fault").textContent = "";
  if (form.id === "signup") {
    const { name, email, password } = given;
    const answer = await call("POST", "/v1/auth/signup", { auth: "none", body: { name, email, password, locale: data.language } });
    if (answer.status === 201) await logIn({ email, password });
    else showFault(answer.status);
  } else {
    await logIn({ email: given.email, password: given.password });
  }
  button.disabled = false;
}

form.addEventListener("submit", submit);
if (cookiesRefused()) showCookiesNeeded();
document.documentElement.dataset.ready = data.language;
