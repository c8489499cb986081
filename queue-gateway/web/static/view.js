// Puts a screen on the page: texts, numbers, ring, bar, buttons, announcements.
import { clockText, dateTime, dayTime, grouped } from "./format.js";
import { progress, waitText } from "./line.js";

/**
 * @typedef {import("./line.js").Model} Model
 * @typedef {(key: string, values?: Record<string, string | number>) => string} Say
 * @typedef {{say: Say, language: string, claimSeconds: number, sessionSeconds: number, memory: {first: number, best: number},
 *   now: () => number, updatedAt: number, requestId: string, canRestore: boolean}} Surroundings
 */

const announceEvery = 30000;

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

let shownScreen = "";
let shownNumber = -1;
let announcedAt = 0;
let ringTotal = 0;

/**
 * @param {string} screen
 * @param {Model} model
 * @param {Surroundings} around
 */
export function show(screen, model, around) {
  const changed = screen !== shownScreen;
  shownScreen = screen;
  document.documentElement.dataset.state = screen;
  const { say } = around;
  element("eyebrow").textContent = say(`js.${screen}.eyebrow`);
  showHeadline(screen, model, around, changed);
  element("sub").textContent = subText(screen, model, around);
  showBar(screen, model, around);
  showRing(screen, model, around, changed);
  showNotes(screen, model, around);
  showButtons(screen, around);
  element("opens").textContent = model.opensAt ? say("js.opens", { time: dateTime(model.opensAt) }) : "";
  element("updated").textContent = around.updatedAt ? say("js.updated", { time: dayTime(around.updatedAt) }) : "";
  document.title = titleText(screen, model, around);
  announce(screen, changed);
}

/** @param {string} screen @param {Model} model @param {Surroundings} around @param {boolean} changed */
function showHeadline(screen, model, around, changed) {
  const headline = element("headline");
  const number = countOf(screen, model);
  if (screen === "countdown" && model.opensAt) {
    return fill(headline, around.say("js.countdown.headline"), clockText(model.opensAt - around.now()));
  }
  const text = around.say(screen === "nearly" && number === 0 ? "js.nearly.next" : `js.${screen}.headline`);
  if (number === null || !text.includes("{n}")) {
    shownNumber = -1;
    return fill(headline, text.replace("{n}", ""), "");
  }
  roll(changed ? number : shownNumber, number, (n) => fill(headline, text, grouped(n)));
  shownNumber = number;
}

/** @param {string} screen @param {Model} model */
function countOf(screen, model) {
  if (screen === "lobby" || screen === "drawing") return model.line?.waiting ?? null;
  return model.place?.ahead ?? null;
}

/** @param {HTMLElement} target @param {string} text @param {string} number */
function fill(target, text, number) {
  const [before, after] = text.split("{n}");
  const parts = [span("word", before.trim())];
  if (number) parts.push(span("number", number));
  if (after?.trim()) parts.push(span("word", after.trim()));
  target.replaceChildren(...parts.filter((part) => part.textContent));
}

/** @param {string} kind @param {string} text */
function span(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  return made;
}

let rolling = 0;

/** @param {number} from @param {number} to @param {(n: number) => void} draw */
function roll(from, to, draw) {
  cancelAnimationFrame(rolling);
  if (from < 0 || from === to || document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches) return draw(to);
  const start = performance.now();
  /** @param {number} at */
  const step = (at) => {
    const share = Math.min(1, Math.max(0, (at - start) / 700));
    draw(from + (to - from) * (1 - (1 - share) ** 3));
    if (share < 1) rolling = requestAnimationFrame(step);
  };
  rolling = requestAnimationFrame(step);
}

/** @param {string} screen @param {Model} model @param {Surroundings} around */
function subText(screen, model, around) {
  const { say } = around;
  if (screen === "waiting" || screen === "nearly") return waitText(say, model.place?.eta_seconds);
  if (screen === "offline" && model.place?.ahead) return say("js.offline.sub", { n: grouped(model.place.ahead) });
  if (screen === "paused" && model.place?.ahead) return `${say("js.waiting.headline", { n: grouped(model.place.ahead) })}. ${say("js.paused.sub")}`;
  if (screen === "countdown" && !model.opensAt) return say("js.countdown.unknown");
  if (screen === "lapsed" && !around.canRestore) return say("js.lapsed.over");
  if (screen === "error") return say("js.error.sub", { id: model.failure?.requestId || "–" });
  const sub = say(`js.${screen}.sub`);
  return sub.startsWith("js.") ? "" : sub;
}

/** @param {string} screen @param {Model} model @param {Surroundings} around */
function showBar(screen, model, around) {
  const bar = element("bar");
  const ahead = model.place?.ahead;
  bar.hidden = !["waiting", "nearly", "offline", "paused"].includes(screen) || ahead === null || ahead === undefined;
  if (bar.hidden) return;
  const share = progress(around.memory, ahead ?? 0);
  bar.setAttribute("aria-valuenow", String(Math.floor(share * 100)));
  bar.firstElementChild.style.transform = `scaleX(${Math.max(0.01, share)})`;
}

/** @param {string} screen @param {Model} model @param {Surroundings} around @param {boolean} changed */
function showRing(screen, model, around, changed) {
  const until = Date.parse((screen === "offered" ? model.place?.claim_before : screen === "active" ? model.place?.session_ends_at : "") || "");
  const ring = element("ring");
  ring.hidden = Number.isNaN(until);
  if (ring.hidden) return;
  const left = Math.max(0, until - around.now());
  const planned = (screen === "offered" ? around.claimSeconds : around.sessionSeconds) * 1000;
  if (changed) ringTotal = 0;
  ringTotal = Math.max(ringTotal, planned, left);
  element("arc").style.strokeDashoffset = String(100 - (100 * left) / ringTotal);
  element("left").textContent = clockText(left);
}

/** @param {string} screen @param {Model} model @param {Surroundings} around */
function showNotes(screen, model, around) {
  const { say } = around;
  const notes = [];
  if (["waiting", "nearly", "lobby", "paused", "offline"].includes(screen)) {
    if (around.claimSeconds) notes.push(say("js.note.turn", { n: Math.round(around.claimSeconds), m: Math.round(around.sessionSeconds / 60) }));
    notes.push(say("js.note.away"));
  }
  if (screen === "offered" && around.sessionSeconds) notes.push(say("js.note.session", { m: Math.round(around.sessionSeconds / 60) }));
  const list = element("notes");
  list.replaceChildren(...notes.map((note) => {
    const item = document.createElement("li");
    item.textContent = note;
    return item;
  }));
  list.hidden = notes.length === 0;
  const words = model.line?.message?.[around.language] || model.line?.message?.ko || model.line?.message?.en || "";
  element("message").hidden = !words;
  if (element("words").textContent !== words) element("words").textContent = words;
}

const primary = new Set(["offered", "active", "lapsed", "left", "finished", "login", "error", "soldout", "closed"]);
const leavable = new Set(["lobby", "waiting", "nearly", "offered", "paused", "offline", "active"]);

/** @param {string} screen @param {Surroundings} around */
function showButtons(screen, around) {
  const button = element("go");
  button.hidden = !primary.has(screen);
  const key = screen === "lapsed" && !around.canRestore ? "js.lapsed.rejoin" : `js.${screen}.go`;
  if (!button.hidden) button.textContent = around.say(key);
  element("leave").hidden = !leavable.has(screen);
  element("sound").hidden = screen !== "waiting" && screen !== "nearly" && screen !== "lobby";
}

/** @param {string} screen @param {Model} model @param {Surroundings} around */
function titleText(screen, model, around) {
  const name = element("title").textContent;
  if ((screen === "waiting" || screen === "nearly") && model.place?.ahead !== null) {
    const wait = waitText(around.say, model.place?.eta_seconds, true);
    return [grouped(model.place?.ahead ?? 0), wait, name].filter(Boolean).join(" · ");
  }
  return `${around.say(`js.${screen}.eyebrow`)} · ${name}`;
}

/** @param {string} screen @param {boolean} changed */
function announce(screen, changed) {
  const now = Date.now();
  const counts = screen === "waiting" || screen === "nearly";
  if (!changed && !(counts && now - announcedAt >= announceEvery)) return;
  announcedAt = now;
  // The rolling number is not yet at its end, so the words wait for it.
  setTimeout(() => {
    element("announce").textContent = [element("eyebrow"), element("headline"), element("sub")].map((e) => e.textContent).filter(Boolean).join(". ");
  }, 800);
}
