// Puts a screen on the page: texts, numbers, ring, bar, buttons, announcements.
import { clockText, durationText, grouped, isKorean, momentText, timeText } from "./format.js";
import { progress, waitText } from "./line.js";

/**
 * @typedef {import("./line.js").Model} Model
 * @typedef {(key: string, values?: Record<string, string | number>) => string} Say
 * @typedef {{say: Say, language: string, words: import("./format.js").Words, claimSeconds: number, sessionSeconds: number, graceSeconds: number, memory: {first: number, best: number},
 *   now: () => number, updatedAt: number, requestId: string}} Surroundings
 */

const announceEvery = 30000;

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

let shownScreen = "";
let shownCut = false;
let announcedAt = 0;
let ringTotal = 0;

/**
 * @param {string} screen
 * @param {Model} model
 * @param {Surroundings} around
 */
export function show(screen, model, around) {
  const changed = screen !== shownScreen;
  const cut = isCut(screen, model);
  const told = changed || cut !== shownCut;
  shownScreen = screen;
  shownCut = cut;
  document.documentElement.dataset.state = screen;
  const { say } = around;
  const eyebrow = say(`js.${cut ? "offline" : screen}.eyebrow`);
  const headline = headlineOf(screen, model, around);
  const sub = subText(screen, model, around);
  element("eyebrow").textContent = eyebrow;
  showHeadline(headline, changed);
  element("sub").textContent = sub;
  showBar(screen, model, around);
  showRing(screen, model, around, changed);
  showNotes(screen, model, around);
  showButtons(screen, model, around);
  element("opens").textContent = model.opensAt ? say("js.opens", { time: momentText(around.words, model.opensAt) }) : "";
  element("updated").textContent = around.updatedAt ? say("js.updated", { time: timeText(around.words, around.updatedAt, true) }) : "";
  document.title = titleText(screen, model, around, eyebrow, headline);
  announce(screen, told, [eyebrow, whole(headline), sub]);
}

/** Whether a screen that stays without a network has to say that there is none. @param {string} screen @param {Model} model */
const isCut = (screen, model) => model.offline && ["offered", "entering", "active"].includes(screen);

// ---- the headline and its number ----------------------------------------

/**
 * A headline: its text, and what stands in the place of {n}. A count rolls.
 * @typedef {{text: string, number: string, count: number | null}} Headline
 */

/** @param {string} screen @param {Model} model @param {Surroundings} around @returns {Headline} */
function headlineOf(screen, model, around) {
  const count = countOf(screen, model);
  if (screen === "countdown" && model.opensAt) {
    return { text: around.say("js.countdown.headline"), number: clockText(model.opensAt - around.now()), count: null };
  }
  let key = `js.${screen}.headline`;
  if (screen === "entering" && model.offline) key = "js.loading.headline";
  if (screen === "nearly" && count === 0) key = "js.nearly.next";
  const text = around.say(key);
  if (count === null || !text.includes("{n}")) return { text: text.replace("{n}", "").trim(), number: "", count: null };
  return { text, number: grouped(count), count };
}

/** The headline as one sentence. @param {Headline} headline */
const whole = (headline) => headline.text.replace("{n}", headline.number);

/** @param {string} screen @param {Model} model */
function countOf(screen, model) {
  if (screen === "lobby" || screen === "drawing") return model.line?.waiting ?? null;
  return model.place?.ahead ?? null;
}

// The count on the page: where it goes, its own node, the running animation.
/** @type {{to: number, text: string, frame: number, node: HTMLElement | null}} */
const shownCount = { to: -1, text: "", frame: 0, node: null };

/** @param {Headline} headline @param {boolean} changed another screen than before: whatever moved is over */
function showHeadline(headline, changed) {
  const { text, number, count } = headline;
  const goesOn = !changed && count !== null && text === shownCount.text && shownCount.node !== null;
  if (goesOn && count === shownCount.to) return; // it is there, or on its way
  cancelAnimationFrame(shownCount.frame);
  const from = shownCount.to;
  if (!goesOn) shownCount.node = fill(element("headline"), text, number);
  Object.assign(shownCount, { to: count ?? -1, text });
  if (goesOn && shownCount.node) roll(shownCount.node, from, count);
}

/**
 * Writes the text with the number in a node of its own, which it returns.
 * @param {HTMLElement} target @param {string} text @param {string} number
 */
function fill(target, text, number) {
  const [before, after = ""] = text.split("{n}");
  const node = span("number", number);
  target.replaceChildren(...[span("word", before), node, span("word", after)].filter((part) => part.textContent));
  return node;
}

/** @param {string} kind @param {string} text */
function span(kind, text) {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = text;
  return made;
}

/** Lets a number run to its new value. It writes into that number's node and nowhere else. @param {HTMLElement} node @param {number} from @param {number} to */
function roll(node, from, to) {
  const still = document.hidden || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const start = performance.now();
  /** @param {number} at */
  const step = (at) => {
    const share = still ? 1 : Math.min(1, Math.max(0, (at - start) / 700));
    node.textContent = grouped(from + (to - from) * (1 - (1 - share) ** 3));
    if (share < 1) shownCount.frame = requestAnimationFrame(step);
  };
  if (still) step(start);
  else shownCount.frame = requestAnimationFrame(step);
}

// ---- the rest -----------------------------------------------------------

/** @param {string} screen @param {Model} model @param {Surroundings} around */
function subText(screen, model, around) {
  const { say } = around;
  if (screen === "waiting" || screen === "nearly") return waitText(say, model.place?.eta_seconds);
  if (screen === "offline") return offlineText(say, model.place?.ahead ?? null);
  if (isCut(screen, model)) return say(screen === "offered" ? "js.offline.turn" : "js.offline.unknown");
  if (screen === "paused" && model.place?.ahead) return `${say("js.waiting.headline", { n: grouped(model.place.ahead) })}. ${say("js.paused.sub")}`;
  if (screen === "countdown" && !model.opensAt) return say("js.countdown.unknown");
  if (screen === "countdown" && model.needsLogin) return say("js.countdown.login");
  if (screen === "error") return say("js.error.sub", { id: model.failure?.requestId || "–" });
  const sub = say(`js.${screen}.sub`);
  return sub.startsWith("js.") ? "" : sub;
}

/** Where the fan stood when the line was last heard of. @param {Say} say @param {number | null} ahead null: not known */
function offlineText(say, ahead) {
  if (ahead === null) return say("js.offline.unknown");
  return ahead === 0 ? say("js.offline.next") : say("js.offline.sub", { n: grouped(ahead) });
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
  const time = (/** @type {number} */ seconds) => durationText(around.language, seconds);
  if (["waiting", "nearly", "lobby", "paused", "offline"].includes(screen)) {
    if (around.claimSeconds) notes.push(say("js.note.turn", { n: time(around.claimSeconds), m: time(around.sessionSeconds) }));
    if (around.graceSeconds) notes.push(say("js.note.away", { n: time(around.graceSeconds) }));
  }
  if (screen === "offered" && around.sessionSeconds) notes.push(say("js.note.session", { m: time(around.sessionSeconds) }));
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
  element("words").lang = isKorean(words) ? "ko" : around.language;
}

const primary = new Set(["offered", "active", "lapsed", "missed", "abandoned", "left", "finished", "login", "cookies", "error", "soldout", "closed"]);
const leavable = new Set(["lobby", "waiting", "nearly", "offered", "entering", "paused", "offline", "active"]);

/** @param {string} screen @param {Model} model @param {Surroundings} around */
function showButtons(screen, model, around) {
  const button = element("go");
  button.hidden = !primary.has(screen) && !(screen === "countdown" && model.needsLogin);
  if (!button.hidden) button.textContent = around.say(`js.${screen}.go`);
  element("leave").hidden = !leavable.has(screen);
  element("sound").hidden = screen !== "waiting" && screen !== "nearly" && screen !== "lobby";
}

/**
 * Each state has a title of its own: with a number it is the number, else what the
 * headline says.
 * @param {string} screen @param {Model} model @param {Surroundings} around @param {string} eyebrow @param {Headline} headline
 */
function titleText(screen, model, around, eyebrow, headline) {
  const name = element("title").textContent;
  if ((screen === "waiting" || screen === "nearly") && model.place?.ahead !== null) {
    const wait = waitText(around.say, model.place?.eta_seconds, true);
    return [grouped(model.place?.ahead ?? 0), wait, name].filter(Boolean).join(" · ");
  }
  return `${headline.number ? eyebrow : headline.text} · ${name}`;
}

/** @param {string} screen @param {boolean} changed what it says is other than before @param {string[]} sentences */
function announce(screen, changed, sentences) {
  const now = Date.now();
  const counts = screen === "waiting" || screen === "nearly";
  if (!changed && !(counts && now - announcedAt >= announceEvery)) return;
  announcedAt = now;
  element("announce").textContent = inOneBreath(sentences);
}

/** Sentences one after the other, each with its end. @param {string[]} sentences */
function inOneBreath(sentences) {
  return sentences.filter(Boolean).map((one) => (/[.!?。]$/.test(one) ? one : `${one}.`)).join(" ");
}
