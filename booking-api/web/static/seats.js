// Choosing seats: the map, the list and the keyboard's grid show one choice; a
// press on "book" holds the seats, makes the booking and goes to pay.
import { address, data, element, freshKey, goLogin, linkTo, made, onReturn, say } from "./chrome.js";
import { clockOffset, clockText, grouped, timeText } from "./format.js";
import { onHolds, tellHolds } from "./holds.js";
import { Link } from "./link.js";
import { MapView } from "./mapview.js";
import { notice, retry, reviewNotice } from "./notice.js";
import { loadHall } from "./seatload.js";
import { SeatGrid } from "./seatgrid.js";
import { SeatList } from "./seatlist.js";
import { FREE, HELD, countFree, nearestFree, readBitset } from "./seatmap.js";
import { seatText, zoneText } from "./seatwords.js";
import { call, isPassing, knownWho, timeout } from "./session.js";
import { tabStore } from "./storage.js";

const showtime = `/v1/showtimes/${data.showtime}`;
const memoryKey = `fairgate.seats.${data.showtime}`;

/** @type {import("./seatmap.js").SeatMap} */
let map;
/** @type {MapView} */
let view;
/** @type {SeatGrid} */
let grid;
/** @type {SeatList} */
let list;
/** @type {Set<number>} */
const chosen = new Set();
/** @type {{zones: Int32Array, grades: Int32Array}} */
let free;
/** @type {{hold_id: string, seats: string[], amount: number, expires_at: string} | null} */
let hold = null;
// A hold was asked for and no answer came: seats that are no longer free may be ours.
let uncertain = false;
// A booking of this sale waits for its payment.
let unpaid = false;
// Seats are held on another date of this sale.
let elsewhere = false;
// The last answer that mattered did not come.
let troubled = false;
let sessionEnds = 0;
// Without a session on a queued sale nothing can be held.
let over = false;
// Nobody new is taken any more: the way to the line leads nowhere.
const shut = ["closed", "sold_out", "none"].includes(data.state);
let offset = 0;
let busy = false;
// The same choice asked again is the same request.
let holdKey = freshKey();
let bookKey = freshKey();

// ---- words --------------------------------------------------------------

/** @param {number} seat */
const where = (seat) => seatText(data.words, map.numbers[seat]);
/** @param {number} seat */
const priceOf = (seat) => data.prices[map.grades[map.grade[seat]].code] ?? 0;
/** @param {number} seat */
const stateWord = (seat) => say(chosen.has(seat) ? "seats.state.mine" : `seats.state.${map.state[seat]}`);
/** @param {number} seat */
function label(seat) {
  const words = say("seats.label", {
    seat: where(seat), grade: map.grades[map.grade[seat]].code, price: grouped(priceOf(seat)), state: stateWord(seat),
  });
  return map.accessible.has(seat) ? `${words}, ${say("seats.accessible")}` : words;
}

/** Chosen seats as they lie in the hall, whatever the order they were chosen in. */
const inOrder = () => [...chosen].sort((a, b) => a - b);

/** @param {string} text */
function speak(text) { element("say").textContent = text; }

// ---- the choice ---------------------------------------------------------

/** @param {number} seat */
function toggle(seat) {
  if (busy) return;
  if (hold) return noticeOfHold();
  if (over) return noPass(say("seats.session_over"));
  if (chosen.delete(seat)) speak(say("seats.removed", { seat: where(seat), n: chosen.size }));
  else if (map.state[seat] !== FREE) return notice(`${where(seat)}: ${stateWord(seat)}`);
  else if (chosen.size >= data.max_seats) return notice(say("seats.max", { n: data.max_seats }));
  else {
    chosen.add(seat);
    speak(say("seats.added", { seat: where(seat), n: chosen.size }));
  }
  notice("");
  remember();
  changed();
}

function remember() {
  holdKey = freshKey();
  const numbers = inOrder().map((seat) => map.numbers[seat]);
  tabStore.set(memoryKey, numbers);
  // Where the browser keeps nothing for us, a reload at least keeps this.
  if (!tabStore.works()) history.replaceState({ seats: numbers }, "");
}

/** Everything that shows seats shows them anew. */
function changed() {
  free = countFree(map);
  view.redraw();
  grid.refresh();
  list.refresh();
  showLegend();
  showBar();
}

function showLegend() {
  element("legend").replaceChildren(...map.grades.flatMap((grade, i) => {
    if (!(grade.code in data.prices)) return [];
    const item = document.createElement("li");
    item.innerHTML = '<svg width="14" height="14" aria-hidden="true"><circle cx="7" cy="7" r="7"/></svg>';
    item.querySelector("circle")?.setAttribute("fill", grade.colour);
    item.append(made("b", say("seats.grade_line", { grade: grade.code, price: grouped(data.prices[grade.code]) })), made("span", say("seats.left", { n: grouped(free.grades[i]) }), "quiet"));
    return [item];
  }));
}

function showBar() {
  const seats = inOrder();
  const chips = seats.map((seat) => {
    const chip = made("button", where(seat), "chip");
    chip.setAttribute("type", "button");
    chip.setAttribute("aria-label", say("seats.remove", { seat: where(seat) }));
    chip.addEventListener("click", () => toggle(seat));
    /** @type {HTMLButtonElement} */ (chip).disabled = hold !== null;
    return chip;
  });
  // Held seats cannot be taken out one by one: then the row itself is what the keyboard scrolls.
  element("chosen").tabIndex = hold ? 0 : -1;
  element("chosen").replaceChildren(...chips);
  const sum = hold ? hold.amount : seats.reduce((total, seat) => total + priceOf(seat), 0);
  element("sum").textContent = seats.length ? say("seats.sum", { n: seats.length, amount: grouped(sum) }) : say("seats.none");
  element("book").disabled = seats.length === 0 || busy || (over && !hold);
  element("book").textContent = say(busy ? "seats.booking" : hold ? "seats.go_on" : "seats.book");
  element("best-do").disabled = busy || over || hold !== null;
  element("release").hidden = hold === null;
}

// ---- holding and booking ------------------------------------------------

async function book() {
  if (busy || chosen.size === 0) return;
  setBusy(true);
  if (!hold) await takeHold({ seats: inOrder().map((seat) => map.numbers[seat]) });
  if (hold) await makeBooking();
  setBusy(false);
}

/** @param {SubmitEvent} event */
async function bookBest(event) {
  event.preventDefault();
  if (busy || hold || over) return;
  setBusy(true);
  const best = { count: Number(element("best-count").value), grade: element("best-grade").value };
  holdKey = freshKey();
  await takeHold({ best_available: best });
  setBusy(false);
  if (!hold) return;
  notice("");
  speak(say("seats.held_for_you", { n: chosen.size }));
  view.showSeat(inOrder()[0]);
  element("map").scrollIntoView({ block: "center" });
  element("book").focus({ preventScroll: true });
}

/** @param {boolean} on */
function setBusy(on) {
  busy = on;
  showBar();
}

/** @param {any} wish */
async function takeHold(wish) {
  tellHolds(true);
  const answer = await call("POST", `${showtime}/holds`, { body: wish, headers: { "Idempotency-Key": holdKey } });
  tellHolds();
  if (answer.status === 201 || answer.status === 200) {
    troubled = false;
    return setHold(answer.body);
  }
  uncertain = isPassing(answer);
  if (!uncertain && answer.body?.code !== "idempotency_in_progress") holdKey = freshKey();
  refused(answer, "best_available" in wish);
}

/** @param {any} body */
function setHold(body) {
  if (hold?.hold_id !== body.hold_id) bookKey = freshKey();
  hold = body;
  uncertain = false;
  chosen.clear();
  for (const number of body.seats) {
    const seat = map.index.get(number);
    if (seat !== undefined) chosen.add(seat);
  }
  changed();
  tick();
}

async function makeBooking() {
  const answer = await call("POST", "/v1/bookings", { body: { hold_id: hold?.hold_id }, headers: { "Idempotency-Key": bookKey } });
  if (answer.status === 201 || answer.status === 200) {
    tabStore.remove(memoryKey);
    tellHolds();
    return location.assign(address(`/bookings/${answer.body.id}/pay`));
  }
  if (answer.body?.booking_id) return location.assign(address(`/bookings/${answer.body.booking_id}/pay`));
  if (answer.status === 410 || answer.status === 404) return dropHold(say("seats.hold_over"));
  if (answer.status === 409 && answer.body?.conflicts) hold = null;
  refused(answer, false);
}

/** @param {import("./session.js").Answer} answer @param {boolean} best */
function refused(answer, best) {
  const code = answer.body?.code;
  if (answer.status === 401) return goLogin();
  if (code === "pass_required" || code === "pass_invalid") return noPass(say("seats.pass"));
  if (code === "seat_limit") return notice(say("seats.limit"));
  if (code === "seat_taken" && answer.body.conflicts?.length) return conflict(answer.body.conflicts);
  if (best && (answer.status === 409 || answer.status === 422)) return notice(say("seats.best.none"));
  troubled = isPassing(answer);
  if (troubled) return notice(say("seats.offline"), best ? [] : [retry(book)], () => troubled);
  notice(say("seats.error", { id: answer.requestId || "–" }), best ? [] : [retry(book)]);
}

/** Says which seats are gone, keeps the others, offers the nearest free ones. @param {string[]} numbers */
function conflict(numbers) {
  const lost = numbers.flatMap((number) => map.index.get(number) ?? []);
  for (const seat of lost) {
    chosen.delete(seat);
    if (map.state[seat] === FREE) map.state[seat] = HELD;
  }
  const taken = new Set(chosen);
  const offers = lost.flatMap((seat) => {
    const near = nearestFree(map, seat, taken);
    if (near < 0) return [];
    taken.add(near);
    const button = made("button", say("seats.nearest", { seat: where(near) }), "chip");
    button.addEventListener("click", () => { button.remove(); toggle(near); view.showSeat(near); });
    return [button];
  });
  remember();
  changed();
  if (lost.length) view.showSeat(lost[0]);
  const names = lost.sort((a, b) => a - b).map(where).join(", ");
  notice(say(chosen.size ? "seats.conflict" : "seats.lost", { seats: names }), offers);
}

/** @param {string} text */
function noPass(text) {
  over = data.queued;
  showBar();
  if (shut) return notice(say("seats.closed"));
  notice(text, [linkTo(say("seats.to_line"), address(`/q/${data.sale}`, { showtime: data.showtime }))], () => over && !hold);
}

async function release() {
  if (!hold || busy) return;
  setBusy(true);
  const answer = await call("DELETE", `/v1/holds/${encodeURIComponent(hold.hold_id)}`);
  setBusy(false);
  if (answer.status === 401) return goLogin();
  if (isPassing(answer)) return notice(say("seats.release_failed"), [retry(release)], () => hold !== null);
  tellHolds();
  dropHold("");
  element("map").scrollIntoView({ block: "nearest" });
  element("grid").focus({ preventScroll: true });
}

/** @param {string} text */
function dropHold(text) {
  // What the focus is on may go with the hold.
  if (element("bar").contains(document.activeElement)) element("grid").focus({ preventScroll: true });
  hold = null;
  chosen.clear();
  remember();
  notice(text);
  changed();
}

/**
 * Whoever held and chose here is gone, or somebody else is here now. Gone without a
 * successor, they find their choice again at their next log-in.
 */
function handOver() {
  const kept = knownWho() ? [] : tabStore.get(memoryKey);
  if (!view) return tabStore.set(memoryKey, kept);
  unpaid = false;
  dropHold("");
  tabStore.set(memoryKey, kept);
  refresh();
}

// ---- what the fan has already -------------------------------------------

/**
 * Finds again what was held or booked before this page was loaded, in another tab,
 * or by a request whose answer was lost.
 */
async function findMine() {
  if (busy) return;
  const before = hold;
  const answer = await call("GET", "/v1/me/holds");
  if (answer.status !== 200 || busy || hold !== before) return;
  offset = clockOffset(answer);
  uncertain = false;
  troubled = false;
  /** @type {any[]} */
  const items = answer.body.items ?? [];
  const here = items.filter((item) => item.showtime_id === data.showtime).sort((a, b) => Date.parse(b.expires_at) - Date.parse(a.expires_at));
  const same = here.find((item) => item.hold_id === hold?.hold_id) ?? here[0];
  if (same) {
    setHold(same);
    if (same.hold_id === before?.hold_id) return;
    view.showSeat(inOrder()[0]);
    return noticeOfHold();
  }
  if (hold) dropHold("");
  const other = items.find((item) => item.sale_id === data.sale);
  elsewhere = Boolean(other);
  if (other) notice(say("seats.yours_elsewhere"), [linkTo(say("seats.see_them"), address(`/sales/${data.sale}/seats`, { showtime: other.showtime_id }))], () => elsewhere);
  await findUnpaid();
}

/** A booking that waits for its payment holds seats too. */
async function findUnpaid() {
  const answer = await call("GET", "/v1/bookings?state=pending_payment&limit=20");
  if (answer.status !== 200) return;
  const waits = answer.body.items.find((/** @type {any} */ item) => item.sale_id === data.sale && Date.parse(item.pay_before) > Date.now() + offset);
  unpaid = Boolean(waits);
  if (waits) notice(say("seats.unpaid"), [linkTo(say("seats.go_on"), address(`/bookings/${waits.id}/pay`))], () => unpaid);
}

function noticeOfHold() {
  if (hold) notice(say("seats.yours", { time: timeText(data.words, Date.parse(hold.expires_at), true) }), [], () => hold !== null);
}

/**
 * Another tab takes seats, or has: those that are no longer free here may be the fan's
 * own, and what was held here may be held no more.
 * @param {import("./holds.js").Note} note
 */
function heardOfHolds({ asking }) {
  if (!view) return;
  if (!hold) uncertain = true;
  if (!asking) findMine();
}

// ---- time ---------------------------------------------------------------

function tick() {
  reviewNotice();
  const until = hold ? Date.parse(hold.expires_at) : sessionEnds;
  element("time").hidden = !until;
  if (!until) return;
  const left = until - Date.now() - offset;
  element("time-label").textContent = say(hold ? "seats.time.hold" : "seats.time.session");
  element("left").textContent = clockText(left);
  element("time").classList.toggle("alarm", left < 60000);
  if (left > 0 || busy) return;
  if (hold) {
    if (sessionEnds && sessionEnds - Date.now() - offset <= 0) over = true;
    dropHold(say("seats.hold_over"));
  } else {
    sessionEnds = 0;
    noPass(say("seats.session_over"));
  }
}

async function askSession() {
  if (!data.queued) return;
  const answer = await call("GET", `/v1/queues/${data.sale}/places/me`, { auth: "none" });
  if (isPassing(answer)) return;
  offset = clockOffset(answer);
  if (answer.status === 200 && answer.body.state === "active") {
    sessionEnds = Date.parse(answer.body.session_ends_at ?? "") || 0;
    over = false;
    showBar();
  } else if ((answer.status === 401 || answer.status === 200) && !hold && !unpaid) noPass(say("seats.pass"));
  tick();
}

// ---- loading and following ----------------------------------------------

/** @param {any} delta {changes: [[seat, state], …]} */
function applyDelta(delta) {
  for (const [seat, state] of delta.changes) map.state[seat] = state;
  settle();
}

/** A choice that somebody else holds now is gone; what we hold ourselves is not. */
function settle() {
  if (!hold && !busy) {
    const lost = [...chosen].filter((seat) => map.state[seat] !== FREE).map((seat) => map.numbers[seat]);
    if (lost.length && uncertain) findMine().then(() => { if (!uncertain) settle(); });
    else if (lost.length) return conflict(lost);
  }
  changed();
}

const link = new Link({
  address: `${showtime}/availability/events`,
  ask: async (patience) => (await call("GET", "/healthz", { auth: "none", signal: timeout(patience) })).status,
  event: (name, text) => {
    if (name === "delta") return applyDelta(JSON.parse(text));
    if (name !== "snapshot") return;
    readBitset(map, JSON.parse(text).bitset);
    settle();
  },
  changed: (up) => {
    element("map-note").textContent = say(up ? "seats.hint" : "seats.cut");
    element("map-note").classList.toggle("alarm", !up);
    if (!up) speak(say("seats.cut"));
    else refresh();
  },
  refused: refresh,
});

/** The page is looked at again: what happened meanwhile, to the hall and to what is ours. */
async function refresh() {
  if (document.hidden || !view) return;
  findMine().then(askSession);
  const answer = await call("GET", `${showtime}/availability`, { auth: "none" });
  if (answer.status !== 200) return;
  readBitset(map, answer.body.bitset);
  settle();
}

function recall() {
  /** @type {string[]} */
  const numbers = tabStore.get(memoryKey) ?? history.state?.seats ?? [];
  for (const number of numbers) {
    const seat = map.index.get(number);
    if (seat !== undefined && map.state[seat] === FREE) chosen.add(seat);
  }
}

function fillChoices() {
  for (let n = 1; n <= data.max_seats; n++) element("best-count").append(new Option(say("seats.people", { n }), String(n), n === 2, n === Math.min(2, data.max_seats)));
  for (const grade of map.grades.filter((g) => g.code in data.prices)) {
    const text = say("seats.grade_line", { grade: grade.code, price: grouped(data.prices[grade.code]) });
    element("best-grade").append(new Option(text, grade.code));
    element("list-grade").append(new Option(text, grade.code));
  }
}

async function start() {
  map = await loadHall(showtime);
  free = countFree(map);
  notice("");
  recall();
  fillChoices();
  const hall = { map, chosen, free: () => free, cursor: () => grid?.shown ?? -1, words: { stage: say("seats.stage") }, pick: toggle, label };
  view = new MapView(element("map"), hall);
  grid = new SeatGrid(element("grid"), hall, (seat) => view.showSeat(seat));
  list = new SeatList(hall, { none: say("seats.list.none"), zone: (code) => zoneText(data.words, code), where, price: (seat) => say("seats.won", { n: grouped(priceOf(seat)) }) });
  element("map-note").textContent = say("seats.hint");
  changed();
  link.start();
  document.documentElement.dataset.ready = "seats";
  await findMine();
  await askSession();
}

element("book").addEventListener("click", book);
element("release").addEventListener("click", release);
element("best").addEventListener("submit", bookBest);
element("zoom-in").addEventListener("click", () => view?.zoomIn());
element("zoom-out").addEventListener("click", () => view?.zoom(1 / 1.6));
element("zoom-all").addEventListener("click", () => view?.showAll());
element("showtime")?.addEventListener("change", (/** @type {Event} */ event) => /** @type {HTMLSelectElement} */ (event.target).form?.submit());
onHolds(heardOfHolds);
window.addEventListener("offline", () => link.cut());
window.addEventListener("fairgate:other", handOver);
window.addEventListener("pagehide", () => link.stop());
// "Back" may bring this page as it was left, in the middle of going to pay, its stream ended.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted || !view) return;
  setBusy(false);
  link.start();
});
onReturn(() => {
  if (document.hidden || !view) return;
  link.nudge();
  refresh();
});
setInterval(tick, 1000);
start();
