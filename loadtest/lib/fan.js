// A fan as k6 plays one: every method does one step of the way to a ticket, the
// way a browser would, and throws Outcome when the way ends.
import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const serverErrors = new Counter('server_errors');
const unclearAnswers = new Counter('unclear_answers');
const holdConflicts = new Counter('hold_conflicts');
const waited = new Trend('fan_wait', true);
const confirmed = new Trend('confirm_to_confirmed', true);

/** The end of a fan's way: bought, sold_out, lapsed, declined, gave_up. */
export class Outcome {
  constructor(name, detail = '') {
    this.name = name;
    this.detail = detail;
  }
}

/** Where the parts of the system listen. */
export const target = {
  base: __ENV.BASE_URL || 'http://127.0.0.1:8080',
  provider: __ENV.PROVIDER_URL || 'http://127.0.0.1:8090',
};

export class Fan {
  /**
   * @param {{access_token: string}} account
   * @param {{sale: string, showtime: string, patience?: number}} options patience in seconds
   */
  constructor(account, options) {
    this.token = account.access_token;
    this.sale = options.sale;
    this.showtime = options.showtime;
    this.deadline = Date.now() + (options.patience || 300) * 1000;
    this.placeToken = null;
    this.pass = null;
  }

  /** Takes a place in the line. */
  join() {
    const answer = this.ask('POST', `/v1/queues/${this.sale}/places`, null, 'join');
    if (answer.status !== 201 && answer.status !== 200) {
      this.end(answer, { sold_out: 'sold_out', sale_closed: 'sold_out' });
    }
    const place = answer.json();
    this.placeToken = place.place_token;
    return place;
  }

  /** Waits for its turn and enters; afterwards the fan has a pass. */
  enter() {
    const since = Date.now();
    let place = { state: 'waiting', poll_after_ms: 0 };
    while (place.state === 'waiting' || place.state === 'lobby') {
      this.rest(place.poll_after_ms);
      place = this.standing();
    }
    if (place.state === 'expired' && place.reason === 'sold_out') {
      throw new Outcome('sold_out');
    }
    this.claim();
    waited.add(Date.now() - since);
  }

  /** Asks once where it stands. */
  standing() {
    const answer = this.ask('GET', `/v1/queues/${this.sale}/places/me`, null, 'status');
    if (answer.status !== 200) {
      this.end(answer, { sold_out: 'sold_out' });
    }
    return answer.json();
  }

  claim() {
    for (;;) {
      const answer = this.ask('POST', `/v1/queues/${this.sale}/places/me/entry`, null, 'entry');
      if (answer.status === 200) {
        this.pass = answer.json('entry_pass');
        return;
      }
      if (code(answer) !== 'not_your_turn') {
        this.end(answer, { sold_out: 'sold_out', offer_lapsed: 'lapsed', sale_closed: 'sold_out' });
      }
      this.rest(answer.json('retry_after_ms'));
    }
  }

  /**
   * Holds the best seats that are free, fewer when there are not enough.
   * @param {number} count at most
   */
  hold(count) {
    for (let want = count; ; want = Math.max(1, want - 1)) {
      const answer = this.ask('POST', `/v1/showtimes/${this.showtime}/holds`, { best_available: { count: want } }, 'hold', { key: true });
      if (answer.status === 201) {
        return answer.json();
      }
      if (code(answer) !== 'seat_taken') {
        this.end(answer, { pass_invalid: 'lapsed', sold_out: 'sold_out', sale_closed: 'sold_out' });
      }
      holdConflicts.add(1);
      if (want === 1) {
        this.lookWhetherSoldOut();
        this.rest(1000);
      }
    }
  }

  lookWhetherSoldOut() {
    const answer = this.ask('GET', `/v1/sales/${this.sale}`, null, 'sale');
    if (answer.status === 200 && answer.json('state') === 'sold_out') {
      this.leave();
      throw new Outcome('sold_out');
    }
  }

  /** Turns a hold into a booking that waits for its payment. */
  book(hold) {
    const answer = this.ask('POST', '/v1/bookings', { hold_id: hold.hold_id }, 'book', { key: true });
    if (answer.status !== 201) {
      this.end(answer, { hold_expired: 'lapsed', seat_taken: 'lapsed', pass_invalid: 'lapsed' });
    }
    return answer.json();
  }

  /** Approves in the provider's window and confirms; returns when the booking is final. */
  pay(booking) {
    const approval = http.post(`${target.provider}/sim/payments`, JSON.stringify({ order_id: booking.order_id, amount: booking.amount, method: '카드' }), { tags: { name: 'approve' } });
    const since = Date.now();
    const body = { payment_key: approval.json('payment_key'), order_id: booking.order_id, amount: booking.amount };
    const answer = this.ask('POST', '/v1/payments/confirm', body, 'confirm', { key: true, headers: { Prefer: 'wait=10' } });
    if (answer.status !== 200 && answer.status !== 202) {
      this.end(answer, { booking_not_payable: 'lapsed' });
    }
    let state = answer.json('booking_state');
    if (answer.json('payment_state') === 'failed') {
      throw new Outcome('declined');
    }
    while (state === 'pending_payment') {
      this.rest(1000);
      state = this.ask('GET', `/v1/bookings/${booking.id}`, null, 'booking').json('state');
    }
    if (state !== 'confirmed') {
      throw new Outcome('declined', state);
    }
    confirmed.add(Date.now() - since);
    throw new Outcome('bought');
  }

  /** Leaves the line, or ends the booking session. */
  leave() {
    this.ask('DELETE', `/v1/queues/${this.sale}/places/me`, null, 'leave');
  }

  /** Sends one request with the fan's credentials and counts what must not happen. */
  ask(method, path, body, name, { key = false, headers = {} } = {}) {
    const all = Object.assign({ Authorization: `Bearer ${this.token}`, 'Content-Type': 'application/json' }, headers);
    if (this.placeToken) all['Place-Token'] = this.placeToken;
    if (this.pass) all['Entry-Pass'] = this.pass;
    if (key) all['Idempotency-Key'] = `${__VU}-${__ITER}-${Date.now()}-${Math.random()}`;
    const answer = http.request(method, target.base + path, body === null ? null : JSON.stringify(body), { headers: all, tags: { name }, timeout: '30s' });
    if (answer.status >= 500 || answer.status === 0) {
      serverErrors.add(1, { name, status: String(answer.status) });
    }
    return answer;
  }

  /** Ends the way for a refusal that a fan understands; any other counts as unclear. */
  end(answer, outcomes) {
    const outcome = outcomes[code(answer)];
    if (!outcome) {
      unclearAnswers.add(1);
      console.error(`unclear answer ${answer.status} from ${answer.request.method} ${answer.request.url}: ${answer.body}`);
      throw new Outcome('unclear', code(answer));
    }
    throw new Outcome(outcome, code(answer));
  }

  rest(ms) {
    if (Date.now() > this.deadline) {
      throw new Outcome('gave_up');
    }
    sleep(Math.max(0, ms || 0) / 1000);
  }
}

/** The stable code of an error answer, or ''. */
export function code(answer) {
  try {
    return answer.json('code') || '';
  } catch (_) {
    return '';
  }
}
