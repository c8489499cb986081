// Many fans reach for one seat at the same moment: one gets it, the others a clear 409.
// With SEATS=20 they go for one seat after the other, every two seconds.
import { Counter } from 'k6/metrics';
import { sleep } from 'k6';
import { Fan, Outcome, code, crowd, live, options as promises, run, summarize } from '../lib/fairgate.js';

const seatsWon = new Counter('seats_won');
const betweenSeats = 2000; // ms
const getReady = 2000; // ms for k6 to have everybody at the start

export const options = promises({ fans: crowd() }, { seats_won: [`count==${run.seats}`], step_hold: [`p(99)<${run.p99}`] });

export function setup() {
  const map = new Fan({}).ask('GET', `/v1/showtimes/${run.showtime}/seatmap`, null, 'seatmap');
  const seats = /** @type {any[]} */ (/** @type {unknown} */ (map.json('seats'))).slice(0, run.seats).map((seat) => seat.no);
  return { seats, start: Date.now() + getReady };
}

/** @param {{seats: string[], start: number}} plan */
export default function reach({ seats, start }) {
  live((fan) => {
    if (run.queued) {
      fan.join();
      fan.enter();
    }
    seats.forEach((seat, i) => {
      if (fan.booking) return;
      sleep(Math.max(0, start + i * betweenSeats - Date.now()) / 1000);
      reachFor(fan, seat);
    });
    if (!fan.booking) throw new Outcome('beaten');
  });
}

/**
 * @param {Fan} fan
 * @param {string} seat
 */
function reachFor(fan, seat) {
  const answer = fan.askForHold({ seats: [seat] });
  if (answer.status === 201) {
    seatsWon.add(1);
    fan.holding = answer.json();
    fan.pay();
  } else if (code(answer) !== 'seat_taken' || String(answer.json('conflicts')) !== seat) {
    fan.end(answer);
  }
}

export const handleSummary = summarize;
