// Log-in and sign-up: both end logged in, where the fan was before.
import { address, data, element, made, say } from "./chrome.js";
import { safeNext } from "./next.js";
import { askToken, call, keepToken } from "./session.js";
import { cookiesRefused, tabStore } from "./storage.js";

const form = /** @type {HTMLFormElement} */ (element("login") ?? element("signup"));
const next = safeNext(values(form).next);
const faults = /** @type {Record<string, string>} */ ({
  0: "login.offline", 401: "login.wrong", 422: "login.invalid", 400: "login.invalid", 429: "login.limited",
});

/** Takes back what an earlier try found. */
function clearFaults() {
  element("fault").textContent = "";
  for (const input of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[aria-invalid]"))) {
    input.removeAttribute("aria-invalid");
    document.getElementById(`${input.id}-fault`)?.remove();
    describe(input);
  }
}

/** Says which texts describe a field: its rule, if it has one, and more. @param {HTMLInputElement} input @param {string} [more] an id */
function describe(input, more) {
  const ids = [document.getElementById(`${input.id}-rule`)?.id, more].filter(Boolean);
  if (ids.length) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

/** Marks a field and says there what is wrong. @param {HTMLInputElement} input @param {string} key of the text, "" when the form says it */
function blame(input, key) {
  input.setAttribute("aria-invalid", "true");
  describe(input, key ? `${input.id}-fault` : "fault");
  if (!key) return;
  const text = made("p", say(key), "alarm small");
  text.id = `${input.id}-fault`;
  (document.getElementById(`${input.id}-rule`) ?? input).after(text);
}

/** Marks fields and takes the fan to the first of them. @param {Map<string, string>} wrong the key of the text by field, "" when the form says it */
function blameFields(wrong) {
  const inputs = /** @type {HTMLInputElement[]} */ ([...form.querySelectorAll("input:not([type=hidden])")]).filter((input) => wrong.has(input.name));
  for (const input of inputs) blame(input, wrong.get(input.name) ?? "");
  inputs[0]?.focus();
  return inputs.length > 0;
}

/** Says what an answer means, at the field if it is one's. @param {import("./session.js").Answer} answer */
function showFault(answer) {
  if (answer.status === 409) return blameFields(new Map([["email", "login.taken"]]));
  const named = (answer.body?.errors ?? []).map((/** @type {{location: string}} */ { location }) => location.replace("body.", ""));
  const known = named.filter((/** @type {string} */ name) => ["name", "email", "password"].includes(name));
  if (answer.status === 422 && blameFields(new Map(known.map((/** @type {string} */ name) => [name, `login.fault.${name}`])))) return;
  element("fault").textContent = say(faults[answer.status] ?? "login.offline");
  // Which of the two is wrong nobody says; the password is what is entered anew.
  if (answer.status === 401) blameFields(new Map([["password", ""]]));
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
  if (answer.status !== 200) return showFault(answer);
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
  clearFaults();
  const missing = Object.entries(given).filter(([name, value]) => name !== "next" && !value.trim());
  if (missing.length) return blameFields(new Map(missing.map(([name]) => [name, "login.missing"])));
  button.disabled = true;
  if (form.id === "signup") {
    const { name, email, password } = given;
    const answer = await call("POST", "/v1/auth/signup", { auth: "none", body: { name, email, password, locale: data.language } });
    if (answer.status === 201) await logIn({ email, password });
    else showFault(answer);
  } else {
    await logIn({ email: given.email, password: given.password });
  }
  button.disabled = false;
  // The focus was on the button while it could not be pressed.
  if (document.activeElement === document.body) button.focus();
}

form.addEventListener("submit", submit);
if (cookiesRefused()) showCookiesNeeded();
document.documentElement.dataset.ready = data.language;
