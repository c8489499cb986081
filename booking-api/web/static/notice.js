// The note above the bar of the seats page: what happened, and what can be done about it.
import { element, made, say } from "./chrome.js";

// Whether what the note says is still so.
let stillSo = () => true;

/**
 * Shows a note in place of the last one; "" for none.
 * @param {string} text
 * @param {HTMLElement[]} [offers] what can be done
 * @param {() => boolean} [still] whether it is still so; without it the note stays until the next
 */
export function notice(text, offers = [], still = () => true) {
  stillSo = still;
  element("notice").hidden = !text;
  element("notice-text").textContent = text;
  element("offers").replaceChildren(...offers);
}

/** Takes away what is no longer so. */
export function reviewNotice() {
  if (!stillSo()) notice("");
}

/** A button that does something again. @param {() => any} again */
export function retry(again) {
  const button = made("button", say("seats.retry"), "chip");
  button.addEventListener("click", again);
  return button;
}

element("notice-close").addEventListener("click", () => {
  notice("");
  element("main").focus({ preventScroll: true });
});
