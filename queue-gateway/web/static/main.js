// The life of a waiting page: join, follow the place, enter. It never reloads.
import { keepAddress, thisAddress } from "./address.js";
import { accessToken, askToken, call, hereNow, isPassing, timeout } from "./session.js";
import { cookiesRefused, tabStore } from "./storage.js";
import { clockOffset, isKorean, pageData, speaker } from "./format.js";
import { pollDelay, screenOf } from "./line.js";
import { Link } from "./link.js";
import { element, show } from "./view.js";

const data = pageData();
const say = speaker(data.texts);
const base = `/v1/queues/${data.sale}`;
const auth = data.identity === "browser" ? "none" : "if known";
const query = new URLSearchParams(location.search);
const memoryKey = `fairgate.way.${data.sale}`;

/** @type {import("./line.js").Model} */
const model = {
  line: null, place: null, needsLogin: false, needsCookies: cookiesRefused(), entering: false, offline: false, final: false, failure: null,
  opensAt: Date.parse(document.documentElement.dataset.opens ?? "") || 0,
};
let offset = 0;
let failures = 0;
let unanswered = false; // the last failure was no answer at all
let updatedAt = 0;
let screenNow = "";
/** @type {{id: string, first: number, best: number}} */
let memory = tabStore.get(memoryKey) ?? { id: "", first: 0, best: 0 };
// Whose log-in the place was last asked for with: a cookie may hold somebody else's place.
let owner = "";
// The place is in a cookie: one that is given twice and never comes back was refused.
let joinsUnseen = 0;

const now = () => Date.now() + offset;

function draw() {
  const before = screenNow;
  screenNow = screenOf(model);
  show(screenNow, model, {
    say, language: data.language, words: data.words, claimSeconds: data.claim_seconds, sessionSeconds: data.session_seconds, graceSeconds: data.grace_seconds,
    memory, now, updatedAt, requestId: "",
  });
  if (model.place?.ahead) tabStore.set(memoryKey, memory);
  if (screenNow === "offered" && before !== "offered") attract();
}

// ---- following the line -------------------------------------------------

// An answer that took longer is none: the line answers from memory.
const patience = 4000;

/** @param {import("./session.js").Answer} answer @returns {boolean} whether the server spoke sense */
function heard(answer) {
  if (isPassing(answer)) {
    failures++;
    unanswered = answer.status === 0;
    model.offline = unanswered || failures >= 2;
    return false;
  }
  offset = clockOffset(answer);
  alive();
  return true;
}

function alive() {
  failures = 0;
  unanswered = false;
  model.offline = false;
  updatedAt = now();
}

async function askLine() {
  const answer = await call("GET", base, { auth: "none", signal: timeout(patience) });
  if (!heard(answer)) return false;
  if (answer.status !== 200) {
    model.failure = { requestId: answer.requestId };
    return false;
  }
  setLine(answer.body);
  return true;
}

/** @param {import("./line.js").Line} line */
function setLine(line) {
  model.line = line;
  if (line.opens_at) model.opensAt = Date.parse(line.opens_at);
}

/** @param {import("./line.js").Place} place */
function setPlace(place) {
  if (place.id && place.id !== memory.id) memory = { id: place.id, first: 0, best: 0 };
  // An event leaves out what does not hold now: nothing of an earlier state stays.
  model.place = { ...place, id: place.id ?? model.place?.id, poll_after_ms: place.poll_after_ms ?? model.place?.poll_after_ms };
}

/**
 * Asks for the place; joins when there is none.
 * @param {number} [wait] ms for the answer
 * @returns {Promise<number>} the status of the answer, 0 for none
 */
async function askPlace(wait = patience) {
  const here = auth === "none" ? "" : hereNow();
  // Who cannot be known in time is asked for later: the line does not wait for log-ins.
  const token = here !== owner && here ? await Promise.race([accessToken(), pause(patience)]) : "";
  owner = here;
  const answer = await call("GET", `${base}/places/me`, { auth: "none", headers: token ? { Authorization: `Bearer ${token}` } : {}, signal: timeout(wait) });
  if (!heard(answer)) return answer.status;
  if (answer.status === 200) {
    joinsUnseen = 0;
    setPlace(answer.body);
  } else if (answer.status === 401) {
    model.place = null;
    link.stop();
    if (joinsUnseen > 1) model.needsCookies = true;
    await join();
  } else model.failure = { requestId: answer.requestId };
  return answer.status;
}

async function join() {
  if (model.needsCookies) return;
  if (!joinable()) return lookWhoIsHere();
  if (data.identity !== "browser") {
    const { token, answer } = await askToken();
    // No answer does not say that nobody is logged in.
    if (!token && !heard(answer)) return;
    model.needsLogin = data.identity === "account" && !token;
    if (model.needsLogin) return;
  }
  const answer = await call("POST", `${base}/places`, { auth, body: {} });
  if (!heard(answer)) return;
  if (answer.status === 200 || answer.status === 201) {
    joinsUnseen++;
    return setPlace(answer.body);
  }
  if (answer.status === 401) model.needsLogin = true;
  else if (answer.status === 409) await askLine();
  else model.failure = { requestId: answer.requestId };
}

let looked = false;

/** Before the start: only who is logged in will join by itself. */
async function lookWhoIsHere() {
  if (looked || data.identity !== "account") return;
  const { token, answer } = await askToken();
  looked = token !== null || answer.status === 401;
  model.needsLogin = answer.status === 401;
}

function joinable() {
  const state = model.line?.state;
  if (state === "scheduled") return model.opensAt > 0 && now() >= model.opensAt;
  return state !== "draft" && state !== "closed" && state !== "sold_out";
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;
let busy = false;

async function poll() {
  if (busy || screenNow === "left") return;
  busy = true;
  clearTimeout(timer);
  if ((await askLine()) && !model.entering) await askPlace();
  listen();
  busy = false;
  draw();
  schedule();
}

function schedule() {
  clearTimeout(timer);
  if (model.failure) return;
  let delay = pollDelay(model.place?.poll_after_ms ?? model.line?.poll_after_ms, failures, unanswered);
  const opensIn = model.opensAt - now();
  if (screenNow === "countdown" && opensIn > 0) delay = Math.min(delay, opensIn + Math.random() * 2000);
  if (linked()) {
    // The stream tells all but how many are in the lobby.
    if (screenNow !== "lobby" && screenNow !== "drawing") return;
    delay = Math.max(delay, 40000);
  }
  timer = setTimeout(poll, delay);
}

// ---- the stream ---------------------------------------------------------

const followed = new Set(["lobby", "waiting", "offered", "active"]);

const link = new Link({
  address: `${base}/places/me/events`,
  ask: async (wait) => {
    const status = await askPlace(wait);
    if (status) {
      draw();
      listen();
      schedule();
    }
    return status;
  },
  event: (name, text) => {
    if (name === "place") setPlace(JSON.parse(text));
    else if (name === "status") setLine({ ...model.line, ...JSON.parse(text) });
    else return;
    alive();
    draw();
    listen();
    schedule();
  },
  changed: (up) => {
    model.offline = !up;
    draw();
  },
  refused: schedule,
});

/** Whether the link speaks for the line, so that polls are not needed. */
const linked = () => link.wanted && link.state !== "refused";

/** Keeps one stream open while there is something to follow. */
function listen() {
  if (followed.has(model.place?.state ?? "")) link.start();
  else link.stop();
}

/** Sleep and lost networks end here: ask at once. */
function wake() {
  if (document.hidden) return;
  link.nudge();
  if (!linked()) poll();
}

// ---- entering, restoring, leaving ---------------------------------------

const pause = (/** @type {number} */ ms) => new Promise((done) => { setTimeout(done, ms); });

async function enter() {
  if (model.entering) return;
  model.entering = true;
  draw();
  for (let tries = 0; model.entering; tries++) {
    const answer = await call("POST", `${base}/places/me/entry`, { auth: "if known", body: {} });
    if (!model.entering) return; // left meanwhile
    if (answer.status === 200) return location.assign(seatsAddress());
    heard(answer);
    draw();
    if (answer.status === 409) {
      await pause(answer.body?.retry_after_ms ?? 1000);
      if (tries % 3 === 2 && (await fellBack())) break;
    } else if (answer.status === 410 || answer.status === 401) {
      break; // the place says why
    } else await pause(pollDelay(1000, tries, unanswered));
  }
  model.entering = false;
  await poll();
}

/** Whether the place is no longer on its way in. */
async function fellBack() {
  const answer = await call("GET", `${base}/places/me`, { auth: "none" });
  if (!heard(answer) || answer.status !== 200) return false;
  setPlace(answer.body);
  return answer.body.state !== "offered" && answer.body.state !== "active";
}

/** A turn went by: take the place back. Whether that was in time, the place says. */
async function restore() {
  const answer = await call("POST", `${base}/places/me/entry`, { auth: "if known", body: {} });
  if (answer.status === 200) return location.assign(seatsAddress());
  await poll();
}

async function rejoin() {
  model.place = null;
  screenNow = "";
  await join();
  listen();
  draw();
  schedule();
}

async function leave() {
  const answer = await call("DELETE", `${base}/places/me`, { auth });
  if (!heard(answer)) return draw();
  link.stop();
  clearTimeout(timer);
  model.entering = false;
  model.place = { state: "left", ahead: null };
  draw();
}

function seatsAddress() {
  const kept = new URLSearchParams();
  for (const name of ["showtime", "lang"]) if (query.has(name)) kept.set(name, query.get(name) ?? "");
  return `/sales/${data.sale}/seats${kept.size ? `?${kept}` : ""}`;
}

function loginAddress() {
  const kept = new URLSearchParams({ next: thisAddress() });
  if (query.has("lang")) kept.set("lang", query.get("lang") ?? "");
  return `/login?${kept}`;
}

/** The list of shows, in the language chosen here. */
function showsAddress() {
  return query.has("lang") ? `/?lang=${encodeURIComponent(query.get("lang") ?? "")}` : "/";
}

/** @type {Record<string, () => any>} */
const actions = {
  offered: enter, active: enter, lapsed: restore, missed: rejoin, abandoned: rejoin, countdown: () => location.assign(loginAddress()), left: rejoin, finished: rejoin,
  login: () => location.assign(loginAddress()),
  error: () => { model.failure = null; return poll(); },
  soldout: () => location.assign(showsAddress()),
  closed: () => location.assign(showsAddress()),
  cookies: () => { model.needsCookies = cookiesRefused(); joinsUnseen = 0; return poll(); },
};

// ---- attention ----------------------------------------------------------

/** @type {AudioContext | null} */
let audio = null;

function attract() {
  // Refused, and logged as an error, before the fan has touched the page.
  if (navigator.userActivation?.hasBeenActive) navigator.vibrate?.([180, 90, 180]);
  chime(0.18);
  element("go").focus({ preventScroll: true });
}

/** @param {number} loudness */
function chime(loudness) {
  if (!audio) return;
  for (const [index, pitch] of [523.25, 659.25, 783.99].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const start = audio.currentTime + index * 0.18;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(loudness, start + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.9);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 1);
  }
}

/** Sound may be missing or refused. @returns {AudioContext | null} */
function openAudio() {
  try {
    return new AudioContext();
  } catch {
    return null;
  }
}

function toggleSound() {
  audio?.close();
  audio = audio ? null : openAudio();
  element("sound").setAttribute("aria-pressed", String(audio !== null));
  element("sound").textContent = say(audio ? "js.sound.on" : "js.sound.off");
  chime(0.06);
}

// ---- the sale's name, when the gateway did not know it -------------------

async function nameSale() {
  if (element("title").dataset.known) return;
  const sale = await call("GET", `/v1/sales/${data.sale}`, { auth: "none" });
  if (sale.status !== 200) return;
  const performance = await call("GET", `/v1/performances/${sale.body.performance_id}`, { auth: "none" });
  if (performance.status !== 200) return;
  fillWithData("title", performance.body.title);
  element("poster").dataset.letter = performance.body.title.slice(0, 1);
  if (performance.body.colour) element("poster").querySelector("rect")?.setAttribute("fill", performance.body.colour);
  fillWithData("venue", performance.body.venue?.name ?? performance.body.venue_name ?? "");
  draw();
}

/** Data may be Korean on a page that is not. @param {string} id @param {string} text */
function fillWithData(id, text) {
  element(id).textContent = text;
  if (data.language !== "ko" && isKorean(text)) element(id).lang = "ko";
}

element("go").addEventListener("click", () => actions[screenNow]?.());
element("sound").addEventListener("click", toggleSound);
element("leave").addEventListener("click", () => element("confirm").showModal());
element("confirm").addEventListener("close", () => { if (element("confirm").returnValue === "leave") leave(); });
document.addEventListener("visibilitychange", wake);
window.addEventListener("online", wake);
window.addEventListener("offline", () => { model.offline = true; link.cut(); draw(); });
window.addEventListener("fairgate:who", () => { owner = ""; if (auth !== "none") poll(); });
window.addEventListener("pagehide", () => link.stop());
window.addEventListener("pageshow", (event) => { if (event.persisted) { model.entering = false; listen(); wake(); } });
setInterval(() => { if (["countdown", "offered", "active"].includes(screenNow)) draw(); }, 1000);
// Renew the access token while waiting, so that the way on needs no new log-in.
setInterval(() => { if (data.identity !== "browser" && model.place) accessToken(); }, 60000);

keepAddress();
draw();
nameSale();
poll();
