// Deleting an account: the password is asked, and whoever was here is forgotten here.
import { address, data, element, goLogin, say } from "./chrome.js";
import { askToken, call, forgetToken, hereNow, isPassing, knownWho } from "./session.js";

const form = /** @type {HTMLFormElement} */ (element("delete"));
const password = /** @type {HTMLInputElement} */ (element("password"));
// A request to delete found no answer: the account may be gone since.
let perhapsGone = false;

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
  // The log-in of an account that is gone has ended: that is no reason to go to the log-in.
  data.personal = !perhapsGone;
  const answer = await erase();
  data.personal = true;
  button.disabled = false;
  if (answer.status === 204 || (answer.status === 401 && perhapsGone)) return gone();
  if (answer.status === 401) return goLogin();
  fault(faultOf(answer));
}

/** @param {import("./session.js").Answer} answer @returns {string} key of the text that says why nothing was deleted */
function faultOf(answer) {
  if (answer.body?.code === "wrong_password" || answer.status === 422) return "delete.wrong";
  if (answer.status === 429) return "delete.limited";
  return isPassing(answer) ? "delete.offline" : "delete.failed";
}

/**
 * Asks for the deletion, and notes when what became of that is not known. A 401 says
 * that the log-in could not be renewed either; after a lost answer that is because the
 * account is gone.
 * @param {boolean} [renew] with a new access token
 * @returns {Promise<import("./session.js").Answer>}
 */
async function erase(renew = false) {
  const { token, answer } = await askToken(renew);
  if (!token) return answer;
  const headers = { Authorization: `Bearer ${token}` };
  const erased = await call("DELETE", "/v1/me", { auth: "none", headers, body: { password: password.value } });
  if (erased.status === 401 && !renew) return erase(true);
  if (isPassing(erased) && erased.status !== 429) perhapsGone = true;
  if (erased.body?.code === "wrong_password") perhapsGone = false;
  return erased;
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
