// The keyboard's and the screen reader's way over the map: one cell at a time.
import { FREE, neighbour } from "./seatmap.js";

/**
 * @typedef {{map: import("./seatmap.js").SeatMap, chosen: Set<number>, label: (seat: number) => string, pick: (seat: number) => void}} Hall
 * @type {Record<string, [number, number]>}
 */
const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class SeatGrid {
  /** @param {HTMLElement} root @param {Hall} hall @param {(seat: number) => void} show */
  constructor(root, hall, show) {
    this.root = root;
    this.hall = hall;
    this.show = show;
    this.seat = Math.max(0, hall.map.state.indexOf(FREE));
    this.turn = 0;
    root.addEventListener("keydown", (event) => this.press(event));
    root.addEventListener("focus", () => this.go(this.seat));
    root.addEventListener("blur", () => show(this.seat));
    this.refresh();
  }

  /** The seat under the cursor while the grid has the focus, else −1. */
  get shown() { return document.activeElement === this.root ? this.seat : -1; }

  /** @param {KeyboardEvent} event */
  press(event) {
    const arrow = arrows[event.key];
    const { map } = this.hall;
    if (arrow) this.go(neighbour(map, this.seat, arrow[0], arrow[1]));
    else if (event.key === "PageDown" || event.key === "PageUp") this.go(this.otherZone(event.key === "PageDown" ? 1 : -1));
    else if (event.key === "Enter" || event.key === " ") this.hall.pick(this.seat);
    else return;
    event.preventDefault();
  }

  /** The first free seat of the next or previous zone. @param {number} step */
  otherZone(step) {
    const { map } = this.hall;
    const zone = (map.zone[this.seat] + step + map.zones.length) % map.zones.length;
    const seats = map.ranges[zone];
    return seats.find((seat) => map.state[seat] === FREE) ?? seats[0] ?? this.seat;
  }

  /** @param {number} seat */
  go(seat) {
    this.seat = seat;
    // A cell with a new id each time, or screen readers would not speak again.
    this.turn = 1 - this.turn;
    this.refresh();
    this.show(seat);
  }

  refresh() {
    const cell = document.createElement("div");
    cell.id = `cell-${this.turn}`;
    cell.setAttribute("role", "gridcell");
    cell.setAttribute("aria-selected", String(this.hall.chosen.has(this.seat)));
    cell.textContent = this.hall.label(this.seat);
    document.getElementById("grid-row")?.replaceChildren(cell);
    this.root.setAttribute("aria-activedescendant", cell.id);
  }
}
