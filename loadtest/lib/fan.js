// A fan as k6 plays one: every method does one step of the way to a ticket, the
// way a browser would, and throws Outcome when the way ends.
import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { run } from './run.js';
import { measure } from './measure.js';

const serverErrors = new Counter('server_errors');
const unclearAnswers = new Counter('unclear_answers');
const holdConflicts = new Counter('hold_conflicts');
const toldToWait = new Counter('told_to_wait');
const placesMoved = new Counter('places_moved');
const seatsBought = new Counter('seats_bought');
const seatsReturned = new Counter('seats_returned');
const waited = new Trend('fan_wait', true);
const confirmed = new Trend('confirm_to_confirmed', true);

// A refusal is an answer; only 5xx and silence count as failed.
http.setResponseCallback(http.expectedStatuses({ min: 200, max: 499 }));

/** @typedef {import('k6/http').RefinedResponse<'text'>} Answer */

/** Thrown to end a fan's way: bought, sold_out, beaten, lapsed, declined, gave_up … */
export class Outcome {
  /**
   * @param {string} name
   * @param {string} [detail]
   */
  constructor(name, detail = '') {
    this.name = name;
    this.detail = detail;
  }
}

export class Fan {
  /**
   * @param {import('./run.js').Account} account
   * @param {{sale?: string, showtime?: string, patience?: number}} [plan] by default the run's; patience in seconds
   */
  constructor(account, { sale = run.sale, showtime = run.showtime, patience = run.patience } = {}) {
    this.account = account;
    this.token = account.access_token || '';
    this.sale = sale;
    this.showtime = showtime;
    this.deadline = Date.now() + patience * 1000;
    /** How the way ends if it goes to its last line. */
    this.outcome = 'done';
    /** @type {any} */ this.place = null;
    /** @type {any} */ this.holding = null;
    /** @type {any} */ this.booking = null;
    this.pass = '';
  }

  /** Logs in with the account's e-mail and password. */
  login() {
    const { email, password } = this.account;
    this.token = '';
    const answer = this.ask('POST', '/v1/auth/login', { email, password }, 'login');
    if (answer.status !== 200) this.end(answer);
    this.token = String(answer.json('access_token'));
  }

  /** Takes a place in the line; joining again gives the same place. */
  join() {
    const answer = this.ask('POST', `/v1/queues/${this.sale}/places`, null, 'join');
    if (answer.status !== 201 && answer.status !== 200) {
      this.end(answer, { sold_out: 'sold_out', sale_closed: 'sold_out' });
    }
    return this.see(answer.json());
  }

  /** Asks once where it stands. */
  standing() {
    const answer = this.ask('GET', `/v1/queues/${this.sale}/places/me`, null, 'status');
    if (answer.status !== 200) this.end(answer, { sold_out: 'sold_out' });
    return this.see(answer.json());
  }

  /**
   * Remembers a place and checks that it is still the same one.
   * @param {any} place
   */
  see(place) {
    const before = this.place;
    if (before && (before.n !== place.n || (before.key !== null && before.key !== place.key))) {
      placesMoved.add(1);
      console.error(`place ${before.n}, key ${before.key} became ${place.n}, key ${place.key}`);
    }
    this.place = { ...before, ...place };
    return this.place;
  }

  /** Waits until its turn comes, asking as often as it is told to. */
  wait() {
    while (this.place.state === 'waiting' || this.place.state === 'lobby') {
      this.rest(this.place.poll_after_ms);
      this.standing();
    }
    if (this.place.state === 'expired' && this.place.reason === 'sold_out') throw new Outcome('sold_out');
  }

  /** Waits for its turn and enters; afterwards the fan has a pass. */
  enter() {
    const since = Date.now();
    this.wait();
    for (;;) {
      const answer = this.ask('POST', `/v1/queues/${this.sale}/places/me/entry`, null, 'entry');
      if (answer.status === 200) {
        this.pass = String(answer.json('entry_pass'));
        break;
      }
      if (code(answer) !== 'not_your_turn') {
        this.end(answer, { sold_out: 'sold_out', offer_lapsed: 'lapsed', sale_closed: 'sold_out' });
      }
      this.rest(answer.json('retry_after_ms'));
    }
    waited.add(Date.now() - since);
  }

  /**
   * Holds seats: the best that are free, fewer when there are not enough, or the
   * given ones, where being too late is the outcome "beaten".
   * @param {number | string[]} what how many at most, or which
   */
  hold(what = 1) {
    this.holding = typeof what === 'number' ? this.holdBest(what) : this.holdThese(what);
    return this.holding;
  }

  /** @param {string[]} seats */
  holdThese(seats) {
    const answer = this.askForHold({ seats });
    if (answer.status === 201) return answer.json();
    if (code(answer) !== 'seat_taken') return this.end(answer, holdEnds);
    holdConflicts.add(1);
    const conflicts = /** @type {any} */ (answer.json('conflicts')) || [];
    if (seats.some((seat) => conflicts.includes(seat))) throw new Outcome('beaten');
    return this.end(answer); // a refusal that names other seats
  }

  /** @param {number} count */
  holdBest(count) {
    for (let want = count; ; want = Math.max(1, want - 1)) {
      const answer = this.askForHold({ best_available: { count: want } });
      if (answer.status === 201) return answer.json();
      if (code(answer) !== 'seat_taken') this.end(answer, holdEnds);
      holdConflicts.add(1);
      if (want === 1) {
        this.lookWhetherSoldOut();
        this.rest(1000);
      }
    }
  }

  /** @param {object} body */
  askForHold(body) {
    return this.ask('POST', `/v1/showtimes/${this.showtime}/holds`, body, 'hold', { key: true });
  }

  lookWhetherSoldOut() {
    const answer = this.ask('GET', `/v1/sales/${this.sale}`, null, 'sale');
    if (answer.status === 200 && answer.json('state') === 'sold_out') {
      if (this.place) this.leave();
      throw new Outcome('sold_out');
    }
  }

  /** Turns the hold into a booking that waits for its payment. */
  book() {
    const answer = this.ask('POST', '/v1/bookings', { hold_id: this.holding.hold_id }, 'book', { key: true });
    if (answer.status !== 201) this.end(answer, { hold_expired: 'lapsed', seat_taken: 'lapsed', pass_invalid: 'lapsed' });
    this.booking = answer.json();
    return this.booking;
  }

  /**
   * Books the hold if that is to be done, approves in the payment simulator's
   * window and confirms; returns the booking when it is final.
   */
  pay() {
    const booking = this.booking || this.book();
    if (!run.provider) {
      this.cancel();
      throw new Outcome('unpaid', 'no payment simulator was given');
    }
    const paymentKey = this.approve();
    const since = Date.now();
    const body = { payment_key: paymentKey, order_id: booking.order_id, amount: booking.amount };
    const answer = this.ask('POST', '/v1/payments/confirm', body, 'confirm', { key: true, headers: { Prefer: 'wait=10' } });
    if (answer.status !== 200 && answer.status !== 202) this.end(answer, { booking_not_payable: 'lapsed' });
    if (answer.json('payment_state') === 'failed') throw new Outcome('declined');
    booking.state = answer.json('booking_state');
    this.awaitBooking((state) => state !== 'pending_payment');
    if (booking.state !== 'confirmed') throw new Outcome('declined', booking.state);
    confirmed.add(Date.now() - since);
    seatsBought.add(booking.seats.length);
    this.outcome = 'bought';
    return booking;
  }

  /** Approves in the payment simulator's window, which is no part of what is tested: it may fail twice. */
  approve() {
    const { order_id, amount } = this.booking;
    for (let tries = 1; ; tries++) {
      const answer = http.post(`${run.provider}/sim/payments`, JSON.stringify({ order_id, amount, method: '카드' }), { tags: { name: 'approve' } });
      if (answer.status === 201) return String(answer.json('payment_key'));
      if (tries === 3) this.end(/** @type {Answer} */ (answer));
      this.rest(500);
    }
  }

  /** Gives the booking back and waits until it is cancelled. */
  cancel() {
    const paid = this.booking.state === 'confirmed';
    const answer = this.ask('POST', `/v1/bookings/${this.booking.id}/cancel`, { reason: '일정 변경' }, 'cancel', { key: true });
    if (answer.status !== 200 && answer.status !== 202) this.end(answer, { not_cancellable: 'lapsed' });
    this.booking.state = answer.json('state');
    this.awaitBooking((state) => state === 'cancelled');
    if (paid) seatsReturned.add(this.booking.seats.length);
    this.outcome = 'cancelled';
  }

  /** @param {(state: string) => boolean} reached */
  awaitBooking(reached) {
    while (!reached(this.booking.state)) {
      this.rest(1000);
      const answer = this.ask('GET', `/v1/bookings/${this.booking.id}`, null, 'booking');
      if (answer.status === 200) this.booking.state = answer.json('state');
    }
  }

  /** Leaves the line, or ends the booking session. */
  leave() {
    this.ask('DELETE', `/v1/queues/${this.sale}/places/me`, null, 'leave');
  }

  /**
   * Sends one request with the fan's credentials, again when it is told to wait
   * or its login has lapsed, and counts what must not happen.
   * @param {string} method
   * @param {string} path
   * @param {object | null} body
   * @param {string} name of the step, for the figures: the same for every id in the path
   * @param {{key?: boolean, headers?: Record<string, string>}} [more] key: send an Idempotency-Key
   * @returns {Answer}
   */
  ask(method, path, body, name, { key = false, headers = {} } = {}) {
    const idempotency = key ? `${__VU}-${__ITER}-${Date.now()}-${Math.random()}` : '';
    let renewed = false;
    for (;;) {
      const answer = /** @type {Answer} */ (
        http.request(method, run.base + path, body === null ? null : JSON.stringify(body), {
          headers: { ...this.credentials(idempotency), ...headers }, tags: { name }, timeout: '30s', responseType: 'text',
        })
      );
      measure(name, answer.timings.duration);
      if (answer.status >= 500 || answer.status === 0) {
        serverErrors.add(1, { name, status: String(answer.status) });
        if (__VU <= 20) console.error(`${answer.status} ${answer.error || ''} from ${method} ${path}: ${answer.body}`);
      }
      if (answer.status === 429) {
        toldToWait.add(1, { name });
        this.rest(Number(answer.json('retry_after_ms')) || 1000);
      } else if (answer.status === 401 && code(answer) === 'unauthenticated' && this.account.password && name !== 'login' && !renewed) {
        renewed = true;
        this.login();
      } else {
        return answer;
      }
    }
  }

  /** @param {string} idempotency the key, or '' */
  credentials(idempotency) {
    /** @type {Record<string, string>} */
    const all = { 'Content-Type': 'application/json' };
    if (this.token) all.Authorization = `Bearer ${this.token}`;
    if (this.place) all['Place-Token'] = this.place.place_token;
    if (this.pass) all['Entry-Pass'] = this.pass;
    if (idempotency) all['Idempotency-Key'] = idempotency;
    return all;
  }

  /**
   * Ends the way for a refusal that a fan understands; any other counts as unclear.
   * @param {Answer} answer
   * @param {Record<string, string>} [outcomes] the answer's code → how the way ends
   * @returns {never}
   */
  end(answer, outcomes = {}) {
    const outcome = outcomes[code(answer)];
    if (outcome) throw new Outcome(outcome, code(answer));
    unclearAnswers.add(1);
    if (__VU <= 20) console.error(`unclear answer ${answer.status} from ${answer.request.method} ${answer.request.url}: ${answer.body}`);
    throw new Outcome('unclear', code(answer));
  }

  /** @param {any} ms */
  rest(ms) {
    if (Date.now() > this.deadline) throw new Outcome('gave_up');
    sleep(Math.max(0, Number(ms) || 0) / 1000);
  }
}

const holdEnds = { pass_invalid: 'lapsed', sold_out: 'sold_out', sale_closed: 'sold_out' };

/** Makes the counters of what should not happen exist, so that a dashboard shows 0. */
export function tellThatNoneHappened() {
  serverErrors.add(0);
  unclearAnswers.add(0);
}

/**
 * The stable code of an error answer, or ''.
 * @param {Answer} answer
 */
export function code(answer) {
  try {
    return String(answer.json('code') || '');
  } catch {
    return '';
  }
}
