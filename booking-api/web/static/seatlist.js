// The plain list: does everything without the map.
import { element, made } from "./chrome.js";
import { FREE } from "./seatmap.js";

/**
 * @typedef {{map: import("./seatmap.js").SeatMap, chosen: Set<number>, free: () => {zones: Int32Array}, pick: (seat: number) => void}} Hall
 * @typedef {{none: string, zone: (code: string) => string, where: (seat: number) => string, price: (seat: number) => string}} Words
 */

const most = 300; // seats listed at once

export class SeatList {
  /** @param {Hall} hall @param {Words} words */
  constructor(hall, words) {
    this.hall = hall;
    this.words = words;
    this.drawn = "";
    element("list").addEventListener("toggle", () => this.refresh());
    element("list-zone").addEventListener("change", () => this.refresh());
    element("list-grade").addEventListener("change", () => { this.fillZones(); this.refresh(); });
    element("list-seats").addEventListener("click", (/** @type {MouseEvent} */ event) => {
      const button = /** @type {HTMLElement} */ (event.target).closest("button");
      if (button) hall.pick(Number(button.dataset.seat));
    });
    this.fillZones();
  }

  fillZones() {
    const { map, free } = this.hall;
    const grade = element("list-grade").value;
    const options = map.zones.flatMap((zone, i) => {
      const fits = !grade || map.ranges[i].some((seat) => map.grades[map.grade[seat]].code === grade);
      return fits ? [new Option(`${this.words.zone(zone.code)} (${free().zones[i]})`, String(i))] : [];
    });
    element("list-zone").replaceChildren(...options);
  }

  refresh() {
    if (!element("list").open) return;
    const { map, chosen } = this.hall;
    const grade = element("list-grade").value;
    const seats = [...(map.ranges[Number(element("list-zone").value)] ?? [])]
      .filter((seat) => (map.state[seat] === FREE || chosen.has(seat)) && (!grade || map.grades[map.grade[seat]].code === grade))
      .slice(0, most);
    const now = seats.map((seat) => (chosen.has(seat) ? `*${seat}` : seat)).join();
    if (now === this.drawn) return;
    this.drawn = now;
    const focused = /** @type {HTMLElement | null} */ (document.activeElement)?.dataset.seat;
    element("list-seats").replaceChildren(...(seats.length ? seats.map((seat) => this.item(seat)) : [made("li", this.words.none, "quiet")]));
    if (focused) /** @type {HTMLElement | null} */ (element("list-seats").querySelector(`[data-seat="${focused}"]`))?.focus();
  }

  /** @param {number} seat */
  item(seat) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.seat = String(seat);
    button.setAttribute("aria-pressed", String(this.hall.chosen.has(seat)));
    button.append(made("span", this.words.where(seat)), made("span", this.words.price(seat), "quiet number"));
    item.append(button);
    return item;
  }
}
