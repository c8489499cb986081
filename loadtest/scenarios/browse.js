// Looking around without an account: lists, filters, search, details, seat maps, what is free.
// RATE is pages a second in all.
import { Counter } from 'k6/metrics';
import { sleep } from 'k6';
import { Outcome, crowd, live, options as promises, run, summarize, timeLeft } from '../lib/fairgate.js';

const contradictions = new Counter('contradictions');

export const options = promises(
  { visitors: crowd() },
  { contradictions: ['count==0'], step_list: [`p(99)<${run.p99}`], step_availability: [`p(99)<${run.p99}`] },
);

export default function visit() {
  sleep(Math.random() * run.arrive);
  live((fan) => {
    while (timeLeft() > 0) lookAround(fan);
  });
}

/** @typedef {import('../lib/fan.js').Fan} Fan */

/** @param {Fan} fan */
function lookAround(fan) {
  const query = filters();
  const list = page(fan, `/v1/performances?${query}`, 'list');
  if (list.next_cursor) page(fan, `/v1/performances?${query}&cursor=${encodeURIComponent(list.next_cursor)}`, 'list');
  const chosen = oneOf(list.items);
  if (!chosen) return;
  const word = chosen.title.split(' ')[0].slice(0, 3);
  const found = page(fan, `/v1/performances?limit=100&q=${encodeURIComponent(word)}`, 'list');
  if (found.items.length === 0) contradict(`nothing is found for ${word} of ${chosen.title}`);
  page(fan, `/v1/performances/${chosen.id}`, 'detail');
  page(fan, '/v1/venues?near=37.52,127.12&radius_km=20&limit=5', 'venues');
  const showtime = oneOf(page(fan, `/v1/performances/${chosen.id}/showtimes`, 'showtimes').items);
  if (showtime) lookAtSeats(fan, showtime.id);
}

/**
 * @param {Fan} fan
 * @param {string} showtime
 */
function lookAtSeats(fan, showtime) {
  page(fan, `/v1/showtimes/${showtime}`, 'detail');
  const seats = seatsOf(fan, showtime);
  // A page that shows a map asks for what is free again and again.
  for (let i = 0; i < 3; i++) {
    const free = page(fan, `/v1/showtimes/${showtime}/availability`, 'availability');
    if (free.total !== seats || free.remaining > free.total) contradict(`${showtime}: ${seats} seats in the map, ${free.remaining} of ${free.total} free`);
  }
}

/** The maps that this visitor has, as a browser keeps them. @type {Map<string, {etag: string, seats: number}>} */
const maps = new Map();

/**
 * @param {Fan} fan
 * @param {string} showtime
 */
function seatsOf(fan, showtime) {
  const known = maps.get(showtime);
  /** @type {Record<string, string>} */
  const headers = known ? { 'If-None-Match': known.etag } : {};
  const answer = fan.ask('GET', `/v1/showtimes/${showtime}/seatmap`, null, 'seatmap', { headers });
  think(fan);
  if (known && answer.status === 304) return known.seats;
  if (answer.status !== 200) return fan.end(answer);
  const seats = /** @type {any} */ (answer.json('seats.#'));
  maps.set(showtime, { etag: answer.headers.Etag || '', seats });
  return seats;
}

/**
 * @param {Fan} fan
 * @param {string} path
 * @param {string} name
 * @returns {any}
 */
function page(fan, path, name) {
  const answer = fan.ask('GET', path, null, name);
  if (answer.status !== 200) fan.end(answer);
  think(fan);
  return answer.json();
}

/** @param {Fan} fan */
function think(fan) {
  if (timeLeft() <= 0) throw new Outcome('done');
  fan.rest((run.rate > 0 ? (run.fans / run.rate) * 1000 : 1000) * (0.5 + Math.random()));
}

/** A query as the filters of a page make it. */
function filters() {
  const all = ['limit=20'];
  const category = oneOf(['', 'musical', 'concert', 'classical', 'play']);
  if (category) all.push(`category=${category}`);
  const sort = oneOf(['date', 'title']);
  all.push(`sort=${sort}`);
  if (Math.random() < 0.3) all.push(`from=${new Date(Date.now() + Math.random() * 30 * 86_400_000).toISOString().slice(0, 10)}`);
  return all.join('&');
}

/** @param {string} what */
function contradict(what) {
  contradictions.add(1);
  console.error(`contradiction: ${what}`);
}

/**
 * @template T
 * @param {T[]} list
 */
function oneOf(list) {
  return list[Math.floor(Math.random() * list.length)];
}

export const handleSummary = summarize;
