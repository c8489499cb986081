// What a fan holds is one thing in all tabs of a browser: the tab that changes it says
// so to the others.
import { deviceStore } from "./storage.js";

/** @typedef {{at: number, asking: boolean}} Note asking: it may be about to change */

const key = "fairgate.holds";

/** For browsers that refuse storage and thus its events. @type {BroadcastChannel | null} */
let channel = null;
try {
  if (!deviceStore.works()) channel = new BroadcastChannel(key);
} catch {
  // refused too: then each tab learns it when it is looked at
}

/** Says that the fan's holds have changed, or may in a moment. @param {boolean} [asking] */
export function tellHolds(asking = false) {
  const note = { at: Date.now() + Math.random(), asking };
  deviceStore.set(key, note);
  channel?.postMessage(note);
}

/** Hears of what another tab did. @param {(note: Note) => void} heard */
export function onHolds(heard) {
  addEventListener("storage", (event) => {
    const note = event.key === key && event.newValue ? deviceStore.get(key) : null;
    if (note) heard(note);
  });
  channel?.addEventListener("message", (event) => heard(event.data));
}
