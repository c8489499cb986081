// Draws the hall on a canvas: zones from afar, seats from near. Drag, wheel,
// pinch and tap move it. It draws only when something has changed.
import { FREE, HELD } from "./seatmap.js";

const seatSize = 10; // map units between neighbours
const nearScale = 0.55; // pixels a unit from which seats are drawn
const numberScale = 1.9; // … and their numbers
const smallestText = 7.5; // pixels; a zone too small for it goes without

/**
 * @typedef {import("./seatmap.js").SeatMap} SeatMap
 * @typedef {{map: SeatMap, chosen: Set<number>, cursor: () => number, free: () => {zones: Int32Array}, words: {stage: string}, pick: (seat: number) => void}} Hall
 */

export class MapView {
  /** @param {HTMLCanvasElement} canvas @param {Hall} hall */
  constructor(canvas, hall) {
    this.canvas = canvas;
    this.hall = hall;
    this.context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    this.scale = 1;
    this.left = 0; // map units at the canvas's left edge
    this.top = 0;
    this.frame = 0;
    /** @type {Map<number, {x: number, y: number}>} */
    this.fingers = new Map();
    this.travelled = 0;
    this.boxes = hall.map.ranges.map((seats) => boxOf(hall.map, seats));
    this.rooms = hall.map.zones.map((zone, i) => roomFor(zone.outline, this.boxes[i]));
    this.listen();
    this.resize();
    this.showAll();
  }

  listen() {
    const { canvas } = this;
    new ResizeObserver(() => { this.resize(); this.redraw(); }).observe(canvas);
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerup", (event) => this.up(event));
    canvas.addEventListener("pointercancel", (event) => { this.fingers.delete(event.pointerId); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * 0.0016), event.offsetX, event.offsetY);
    }, { passive: false });
    matchMedia("(prefers-color-scheme: light)").addEventListener("change", () => this.redraw());
  }

  resize() {
    const dense = Math.min(2, devicePixelRatio || 1);
    this.width = this.canvas.clientWidth || 300;
    this.height = this.canvas.clientHeight || 300;
    this.canvas.width = Math.round(this.width * dense);
    this.canvas.height = Math.round(this.height * dense);
    this.dense = dense;
  }

  /** The whole hall. */
  showAll() {
    const { map } = this.hall;
    this.frameBox(0, 0, map.width, map.height * 1.04, 0.94);
  }

  /** @param {number} zone */
  showZone(zone) {
    const [x0, y0, x1, y1] = this.boxes[zone];
    this.frameBox(x0 - 20, y0 - 20, x1 + 20, y1 + 20, 1);
    if (this.scale < nearScale * 1.4) this.zoomTo(nearScale * 1.6, (x0 + x1) / 2, (y0 + y1) / 2);
  }

  /** @param {number} seat */
  showSeat(seat) {
    const { map } = this.hall;
    const x = (map.x[seat] - this.left) * this.scale;
    const y = (map.y[seat] - this.top) * this.scale;
    const width = this.width ?? 0;
    const height = this.height ?? 0;
    const inside = x > 30 && y > 30 && x < width - 30 && y < height - 30;
    if (inside && this.scale >= nearScale * 1.4) return this.redraw();
    // The whole zone where it fits, else the seat in the middle.
    const [x0, y0, x1, y1] = this.boxes[map.zone[seat]];
    const fit = Math.min(width / (x1 - x0 + 60), height / (y1 - y0 + 60));
    const scale = Math.max(this.scale, Math.min(2.2, Math.max(fit, nearScale * 1.6)));
    const across = (x1 - x0 + 40) * scale <= width;
    const along = (y1 - y0 + 40) * scale <= height;
    this.zoomTo(scale, across ? (x0 + x1) / 2 : map.x[seat], along ? (y0 + y1) / 2 : map.y[seat]);
  }

  /** @param {number} x0 @param {number} y0 @param {number} x1 @param {number} y1 @param {number} share */
  frameBox(x0, y0, x1, y1, share) {
    const scale = Math.min((this.width ?? 0) / (x1 - x0), (this.height ?? 0) / (y1 - y0)) * share;
    this.zoomTo(Math.min(scale, 3.5), (x0 + x1) / 2, (y0 + y1) / 2);
  }

  /** @param {number} scale @param {number} x centre @param {number} y centre */
  zoomTo(scale, x, y) {
    this.scale = scale;
    this.left = x - (this.width ?? 0) / 2 / scale;
    this.top = y - (this.height ?? 0) / 2 / scale;
    this.redraw();
  }

  /** @param {number} factor @param {number} [px] fixed point @param {number} [py] */
  zoom(factor, px = (this.width ?? 0) / 2, py = (this.height ?? 0) / 2) {
    const { map } = this.hall;
    const whole = Math.min((this.width ?? 0) / map.width, (this.height ?? 0) / map.height);
    const scale = Math.min(5, Math.max(whole * 0.7, this.scale * factor));
    this.left += px / this.scale - px / scale;
    this.top += py / this.scale - py / scale;
    this.scale = scale;
    this.redraw();
  }

  /** Closer, towards seats: the middle of a stadium has none. */
  zoomIn() {
    const x = this.left + (this.width ?? 0) / 2 / this.scale;
    const y = this.top + (this.height ?? 0) / 2 / this.scale;
    this.zoom(1.6);
    if (this.boxes.some((box) => this.visible(box))) return;
    const distance = (/** @type {number[]} */ [x0, y0, x1, y1]) => Math.hypot((x0 + x1) / 2 - x, (y0 + y1) / 2 - y);
    const nearest = this.boxes.reduce((best, box) => (distance(box) < distance(best) ? box : best));
    this.zoomTo(this.scale, (nearest[0] + nearest[2]) / 2, (nearest[1] + nearest[3]) / 2);
  }

  // ---- fingers ----------------------------------------------------------

  /** @param {PointerEvent} event */
  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    if (this.fingers.size === 1) this.travelled = 0;
  }

  /** @param {PointerEvent} event */
  move(event) {
    const finger = this.fingers.get(event.pointerId);
    if (!finger) return;
    const before = this.spread();
    const dx = event.offsetX - finger.x;
    const dy = event.offsetY - finger.y;
    finger.x = event.offsetX;
    finger.y = event.offsetY;
    this.travelled += Math.abs(dx) + Math.abs(dy);
    this.left -= dx / this.scale / this.fingers.size;
    this.top -= dy / this.scale / this.fingers.size;
    const after = this.spread();
    if (before && after) this.zoom(after.distance / before.distance, after.x, after.y);
    this.redraw();
  }

  /** @param {PointerEvent} event */
  up(event) {
    const single = this.fingers.size === 1;
    this.fingers.delete(event.pointerId);
    if (single && this.travelled < 10) this.tap(event.offsetX, event.offsetY);
  }

  /** The distance and centre of two fingers. */
  spread() {
    if (this.fingers.size !== 2) return null;
    const [a, b] = [...this.fingers.values()];
    return { distance: Math.max(1, Math.hypot(a.x - b.x, a.y - b.y)), x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  }

  /** @param {number} px @param {number} py */
  tap(px, py) {
    const x = px / this.scale + this.left;
    const y = py / this.scale + this.top;
    if (this.scale < nearScale) {
      const zone = this.zoneAt(x, y);
      return zone < 0 ? this.zoom(2, px, py) : this.showZone(zone);
    }
    const seat = this.seatAt(x, y);
    if (seat >= 0) this.hall.pick(seat);
  }

  /** @param {number} x @param {number} y */
  zoneAt(x, y) {
    return this.hall.map.zones.findIndex((zone, i) => (zone.outline.length ? inside(zone.outline, x, y) : within(this.boxes[i], x, y)));
  }

  /** @param {number} x @param {number} y */
  seatAt(x, y) {
    const { map } = this.hall;
    // A finger is about 20 pixels wide, however small the seats are drawn.
    const reach = Math.max(seatSize * 0.6, 14 / this.scale);
    let best = -1;
    let bestDistance = reach * reach;
    for (let i = 0; i < map.total; i++) {
      const distance = (map.x[i] - x) ** 2 + (map.y[i] - y) ** 2;
      if (distance < bestDistance) [best, bestDistance] = [i, distance];
    }
    return best;
  }

  // ---- drawing ----------------------------------------------------------

  redraw() {
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.draw(); });
  }

  /** The hall never leaves more than half of the window empty. */
  stay() {
    const { map } = this.hall;
    this.left = kept(this.left, map.width, (this.width ?? 0) / this.scale);
    this.top = kept(this.top, map.height, (this.height ?? 0) / this.scale);
  }

  draw() {
    this.stay();
    const { context: c, scale } = this;
    const dense = this.dense ?? 1;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    c.setTransform(scale * dense, 0, 0, scale * dense, -this.left * scale * dense, -this.top * scale * dense);
    this.ink = colours(this.canvas);
    this.drawStage();
    const near = scale >= nearScale;
    this.canvas.dataset.near = near ? "yes" : "no";
    this.hall.map.zones.forEach((zone, i) => {
      if (!this.visible(this.boxes[i])) return;
      this.drawZone(i, near);
      if (near) this.drawSeats(i);
    });
    if (near) this.drawSpecial();
  }

  /** @param {number[]} box */
  visible([x0, y0, x1, y1]) {
    const right = this.left + (this.width ?? 0) / this.scale;
    const bottom = this.top + (this.height ?? 0) / this.scale;
    return x1 + 40 > this.left && x0 - 40 < right && y1 + 40 > this.top && y0 - 40 < bottom;
  }

  drawStage() {
    const { context: c, ink } = this;
    const { stage } = this.hall.map;
    if (!ink || stage.length < 6) return;
    trace(c, stage);
    c.fillStyle = ink.stage;
    c.fill();
    const [x0, y0, x1, y1] = extent(stage);
    this.write(this.hall.words.stage, (x0 + x1) / 2, (y0 + y1) / 2, Math.min(15 / this.scale, (y1 - y0) * 0.6), ink.quiet, "600");
  }

  /** @param {number} i @param {boolean} near */
  drawZone(i, near) {
    const { context: c, ink } = this;
    const { map } = this.hall;
    const zone = map.zones[i];
    if (!ink) return;
    const colour = map.grades.find((grade) => grade.code === zone.grade)?.colour ?? ink.quiet;
    const left = this.hall.free().zones[i];
    const box = this.boxes[i];
    if (zone.outline.length >= 6) trace(c, zone.outline);
    else { c.beginPath(); c.rect(box[0] - 8, box[1] - 8, box[2] - box[0] + 16, box[3] - box[1] + 16); }
    c.globalAlpha = near ? 0.1 : left ? 0.62 : 0.16;
    c.fillStyle = colour;
    c.fill();
    c.globalAlpha = 1;
    if (near) return;
    const x = (box[0] + box[2]) / 2;
    const y = (box[1] + box[3]) / 2;
    const [wide, high] = this.rooms[i].map((side) => side * this.scale);
    const both = Math.min(13, wide / 3.3, high / 2.6);
    const alone = Math.min(11, wide / 3.3, high / 1.3);
    if (both >= smallestText) {
      const size = both / this.scale;
      this.write(zone.code, x, y - size * 0.62, size, ink.text, "700");
      this.write(left.toLocaleString("en-US"), x, y + size * 0.62, size, ink.text, "500");
    } else if (alone >= smallestText) {
      this.write(zone.code, x, y, alone / this.scale, ink.text, "700");
    }
  }

  /** @param {number} i zone */
  drawSeats(i) {
    const { context: c, ink } = this;
    const { map, chosen } = this.hall;
    if (!ink) return;
    const right = this.left + (this.width ?? 0) / this.scale;
    const bottom = this.top + (this.height ?? 0) / this.scale;
    const round = this.scale > 0.9;
    const size = seatSize * 0.74;
    for (const seat of map.ranges[i]) {
      const x = map.x[seat];
      const y = map.y[seat];
      if (x < this.left - 10 || y < this.top - 10 || x > right + 10 || y > bottom + 10 || chosen.has(seat)) continue;
      const state = map.state[seat];
      if (state === HELD) {
        c.strokeStyle = ink.quiet;
        c.lineWidth = 1;
        if (round) { circle(c, x, y, size / 2 - 0.5); c.stroke(); } else c.strokeRect(x - size / 2 + 0.5, y - size / 2 + 0.5, size - 1, size - 1);
        continue;
      }
      c.fillStyle = state === FREE ? map.grades[map.grade[seat]].colour : ink.gone;
      if (round) { circle(c, x, y, size / 2); c.fill(); } else c.fillRect(x - size / 2, y - size / 2, size, size);
      if (state === FREE && this.scale > numberScale) this.write(map.col[seat], x, y, 4, "#fff", "600");
      if (map.accessible.has(seat) && round) { c.strokeStyle = ink.text; c.lineWidth = 0.8; circle(c, x, y, size / 2 + 0.8); c.stroke(); }
    }
  }

  /** Chosen seats and the keyboard's cursor, above the rest. */
  drawSpecial() {
    const { context: c, ink } = this;
    const { map, chosen } = this.hall;
    if (!ink) return;
    for (const seat of chosen) {
      c.save();
      c.shadowColor = "rgba(0,0,0,.5)";
      c.shadowBlur = 8;
      c.shadowOffsetY = 3;
      c.fillStyle = ink.accent;
      circle(c, map.x[seat], map.y[seat] - 1, seatSize * 0.52);
      c.fill();
      c.restore();
      if (this.scale > 1.2) this.write(map.col[seat], map.x[seat], map.y[seat] - 1, 4.4, "#1a1405", "700");
    }
    const cursor = this.hall.cursor();
    if (cursor < 0) return;
    c.strokeStyle = ink.text;
    c.lineWidth = 2 / this.scale;
    circle(c, map.x[cursor], map.y[cursor], seatSize * 0.75);
    c.stroke();
  }

  /** @param {string} text @param {number} x @param {number} y @param {number} size @param {string} colour @param {string} weight */
  write(text, x, y, size, colour, weight) {
    const { context: c } = this;
    c.font = `${weight} ${size}px system-ui, "Noto Sans KR", NanumGothic, sans-serif`;
    c.textAlign = "center";
    c.textBaseline = "middle";
    c.fillStyle = colour;
    c.fillText(text, x, y);
  }
}

/** @param {Element} of */
function colours(of) {
  const style = getComputedStyle(of);
  const token = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return { text: token("--text"), quiet: token("--quiet"), accent: token("--accent"), gone: token("--line"), stage: token("--stage") };
}

/** @param {CanvasRenderingContext2D} c @param {number[]} outline */
function trace(c, outline) {
  c.beginPath();
  for (let i = 0; i < outline.length; i += 2) c.lineTo(outline[i], outline[i + 1]);
  c.closePath();
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} radius */
function circle(c, x, y, radius) {
  c.beginPath();
  c.arc(x, y, radius, 0, 2 * Math.PI);
}

/** @param {number} from @param {number} whole @param {number} seen */
function kept(from, whole, seen) {
  const spare = seen / 2.2;
  const [low, high] = seen < whole ? [-spare, whole - seen + spare] : [whole - seen - spare, spare];
  return Math.min(high, Math.max(low, from));
}

/** @param {number[]} outline @returns {[number, number, number, number]} */
function extent(outline) {
  const xs = outline.filter((_, i) => i % 2 === 0);
  const ys = outline.filter((_, i) => i % 2 === 1);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** @param {SeatMap} map @param {Int32Array} seats @returns {[number, number, number, number]} */
function boxOf(map, seats) {
  const box = /** @type {[number, number, number, number]} */ ([Infinity, Infinity, -Infinity, -Infinity]);
  for (const seat of seats) {
    box[0] = Math.min(box[0], map.x[seat]);
    box[1] = Math.min(box[1], map.y[seat]);
    box[2] = Math.max(box[2], map.x[seat]);
    box[3] = Math.max(box[3], map.y[seat]);
  }
  return box;
}

/**
 * The width and height that upright words have in a zone: in a slanted one not
 * more than its short side.
 * @param {number[]} outline
 * @param {number[]} box around its seats
 * @returns {[number, number]}
 */
function roomFor(outline, box) {
  const [width, height] = [box[2] - box[0], box[3] - box[1]];
  let area = 0;
  let round = 0;
  for (let i = 0, j = outline.length - 2; i < outline.length; j = i, i += 2) {
    area += (outline[j] * outline[i + 1] - outline[i] * outline[j + 1]) / 2;
    round += Math.hypot(outline[i] - outline[j], outline[i + 1] - outline[j + 1]);
  }
  area = Math.abs(area);
  if (area > 0.85 * width * height || outline.length < 6) return [width, height];
  const short = (round / 2 - Math.sqrt(Math.max(0, (round * round) / 4 - 4 * area))) / 2;
  return [Math.min(width, short * 1.2), Math.min(height, short * 1.2)];
}

/** @param {number[]} box @param {number} x @param {number} y */
function within([x0, y0, x1, y1], x, y) {
  return x >= x0 && x <= x1 && y >= y0 && y <= y1;
}

/** Whether a point is in a polygon. @param {number[]} outline @param {number} x @param {number} y */
function inside(outline, x, y) {
  let odd = false;
  for (let i = 0, j = outline.length - 2; i < outline.length; j = i, i += 2) {
    const [ax, ay, bx, by] = [outline[i], outline[i + 1], outline[j], outline[j + 1]];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  }
  return odd;
}
