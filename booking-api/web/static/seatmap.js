// A hall's seats and their states, as plain columns of numbers: 15,000 seats and
// more must be quick to read, to search and to draw.
//
// GET /v1/showtimes/{id}/seatmap?format=compact answers
//   {version, width, height, stage: [x,y,…], grades: [{code,name,colour}],
//    zones: [{code,name,grade,outline:[x,y,…]}], total,
//    runs: [{z, g, r, c, xy}], accessible: [index…]}
// where a run is neighbours of zone z, grade g and row r from column c on, and xy
// is the centre of the first seat, then the steps from each seat to the next.
// A seat's number is "<zone code>-<row>-<column>"; seats are in bitset order.

export const FREE = 0;
export const HELD = 1;
export const SOLD = 2;

/**
 * @typedef {{code: string, name: string, colour: string}} Grade
 * @typedef {{code: string, name: string, grade: string, outline: number[]}} Zone
 * @typedef {{
 *   width: number, height: number, stage: number[], grades: Grade[], zones: Zone[], total: number,
 *   x: Int32Array, y: Int32Array, zone: Uint16Array, grade: Uint8Array, row: string[], col: string[], accessible: Set<number>,
 *   numbers: string[], index: Map<string, number>, state: Uint8Array, ranges: Int32Array[],
 * }} SeatMap
 */

/**
 * Reads the compact form.
 * @param {any} body
 * @returns {SeatMap}
 */
export function readSeatMap(body) {
  const total = body.total;
  /** @type {SeatMap} */
  const map = {
    width: body.width, height: body.height, stage: body.stage ?? [], grades: body.grades, zones: body.zones, total,
    x: new Int32Array(total), y: new Int32Array(total), zone: new Uint16Array(total), grade: new Uint8Array(total),
    row: new Array(total), col: new Array(total), accessible: new Set(body.accessible ?? []),
    numbers: new Array(total), index: new Map(), state: new Uint8Array(total), ranges: [],
  };
  let i = 0;
  for (const run of body.runs) i = readRun(map, run, i);
  const members = body.zones.map(() => /** @type {number[]} */ ([]));
  for (let seat = 0; seat < total; seat++) members[map.zone[seat]].push(seat);
  map.ranges = members.map((/** @type {number[]} */ list) => Int32Array.from(list));
  return map;
}

/**
 * @param {SeatMap} map
 * @param {{z: number, g: number, r: string, c: number, xy: number[]}} run
 * @param {number} i index of its first seat
 */
function readRun(map, run, i) {
  let x = 0;
  let y = 0;
  for (let k = 0; k < run.xy.length; k += 2, i++) {
    x += run.xy[k];
    y += run.xy[k + 1];
    map.x[i] = x;
    map.y[i] = y;
    map.zone[i] = run.z;
    map.grade[i] = run.g;
    map.row[i] = run.r;
    map.col[i] = String(run.c + k / 2);
    map.numbers[i] = `${map.zones[run.z].code}-${run.r}-${map.col[i]}`;
    map.index.set(map.numbers[i], i);
  }
  return i;
}

/**
 * Puts a bitset into the states: 2 bits a seat, least significant first.
 * @param {SeatMap} map
 * @param {string} bitset base64
 */
export function readBitset(map, bitset) {
  const bytes = atob(bitset);
  for (let i = 0; i < map.total; i++) map.state[i] = (bytes.charCodeAt(i >> 2) >> (2 * (i & 3))) & 3;
}

/**
 * How many seats are free: by zone and by grade.
 * @param {SeatMap} map
 */
export function countFree(map) {
  const zones = new Int32Array(map.zones.length);
  const grades = new Int32Array(map.grades.length);
  for (let i = 0; i < map.total; i++) {
    if (map.state[i] !== FREE) continue;
    zones[map.zone[i]]++;
    grades[map.grade[i]]++;
  }
  return { zones, grades };
}

/**
 * The free seat nearest to another, of its grade if there is one; −1 if none.
 * @param {SeatMap} map
 * @param {number} from
 * @param {Set<number>} except
 */
export function nearestFree(map, from, except) {
  let best = -1;
  let bestDistance = Infinity;
  for (let i = 0; i < map.total; i++) {
    if (map.state[i] !== FREE || except.has(i)) continue;
    const otherGrade = map.grade[i] === map.grade[from] ? 0 : 1e9;
    const distance = (map.x[i] - map.x[from]) ** 2 + (map.y[i] - map.y[from]) ** 2 + otherGrade;
    if (distance < bestDistance) [best, bestDistance] = [i, distance];
  }
  return best;
}

/**
 * The seat one step away, as one sees it; the same seat at the edge.
 * @param {SeatMap} map
 * @param {number} from
 * @param {number} dx −1, 0 or 1
 * @param {number} dy −1, 0 or 1
 */
export function neighbour(map, from, dx, dy) {
  let best = from;
  let bestDistance = Infinity;
  for (let i = 0; i < map.total; i++) {
    const along = (map.x[i] - map.x[from]) * dx + (map.y[i] - map.y[from]) * dy;
    if (along <= 2) continue;
    const aside = Math.abs((map.x[i] - map.x[from]) * dy) + Math.abs((map.y[i] - map.y[from]) * dx);
    const distance = along + 3 * aside;
    if (distance < bestDistance) [best, bestDistance] = [i, distance];
  }
  return best;
}
