// Deleting an account: the password is asked, and whoever was here is forgotten here.
import { address, data, element, goLogin, say } from "./chrome.js";
import { askToken, call, forgetToken, hereNow, isPassing, knownWho } from "./session.js";

const form = /** @type {HTMLFormElement} */ (element("delete"));
const password = /** @type {HTMLInputElement} */ (element("password"));
/** @type {Record<number, string>} */
const faults = { 403: "delete.wrong", 422: "delete.wrong", 429: "delete.limited" };

/** @param {string} key of a text, "" for none */
function fault(key) {
  element("fault").textContent = key && say(key);
  if (!key) {
    password.removeAttribute("aria-invalid");
    return password.removeAttribute("aria-describedby");
  }
  if (key === "delete.wrong" || key === "delete.missing") password.setAttribute("aria-invalid", "true");
  password.setAttribute("aria-describedby", "fault");
  password.focus();
}

/** @param {SubmitEvent} event */
async function submit(event) {
  event.preventDefault();
  if (!password.value) return fault("delete.missing");
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button"));
  button.disabled = true;
  fault("");
  const answer = await call("DELETE", "/v1/me", { body: { password: password.value } });
  button.disabled = false;
  if (answer.status === 204) return gone();
  if (answer.status === 401) return goLogin();
  fault(faults[answer.status] ?? (isPassing(answer) ? "delete.offline" : "delete.failed"));
}

/** Forgets whoever was here, as a log-out does. */
function gone() {
  data.personal = false;
  password.value = "";
  forgetToken();
  location.replace(address("/goodbye"));
}

form.addEventListener("submit", submit);
if (!knownWho() && !hereNow()) askToken().then(({ answer }) => { if (answer.status === 401) goLogin(); });
document.documentElement.dataset.ready = "delete";
