// Loads the hall of a showtime, however long that takes, with a way to hurry it.
import { element, patiently, say } from "./chrome.js";
import { notice, retry } from "./notice.js";
import { readBitset, readSeatMap } from "./seatmap.js";
import { call, timeout } from "./session.js";

/** @typedef {import("./seatmap.js").SeatMap} SeatMap */

/** @param {string} showtime its address in the API @returns {Promise<SeatMap>} with the state of all seats */
export async function loadHall(showtime) {
  for (;;) {
    const map = await tryHall(showtime);
    notice("");
    if (map) return map;
    element("map-note").textContent = say("seats.failed");
    await new Promise((done) => {
      const timer = setTimeout(done, 3000 + 3000 * Math.random());
      notice(say("seats.failed"), [retry(() => { clearTimeout(timer); done(null); })]);
    });
    element("map-note").textContent = say("seats.loading");
  }
}

/** @param {string} showtime @returns {Promise<SeatMap | null>} */
async function tryHall(showtime) {
  const stop = new AbortController();
  const late = timeout(15000);
  late?.addEventListener("abort", () => stop.abort());
  const options = /** @type {const} */ ({ auth: "none", signal: stop.signal });
  const both = Promise.all([
    call("GET", `${showtime}/seatmap?format=compact`, options),
    call("GET", `${showtime}/availability`, options),
  ]);
  let anew = false;
  const hurry = () => {
    anew = true;
    notice("");
    stop.abort();
  };
  const [seatmap, availability] = await patiently(both, () => notice(say("seats.slow"), [retry(hurry)]));
  // What the fan gave up has not failed: it begins again without a word or a pause.
  if (anew) return tryHall(showtime);
  if (seatmap.status !== 200 || availability.status !== 200) return null;
  const map = readSeatMap(seatmap.body);
  readBitset(map, availability.body.bitset);
  return map;
}
