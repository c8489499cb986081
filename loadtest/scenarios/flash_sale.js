// The whole way for every fan: join, wait, enter, hold, book, pay. More fans than
// seats, so most of them must learn that it is sold out. A few intruders try to
// hold seats without a pass all the while.
import exec from 'k6/execution';
import { SharedArray } from 'k6/data';
import { Counter } from 'k6/metrics';
import { sleep } from 'k6';
import { Fan, code } from '../lib/fan.js';
import { live, summarize } from '../lib/report.js';

const fans = Number(__ENV.FANS || 500);
const intruders = 5; // accounts after the fans'
const arriveWithin = Number(__ENV.ARRIVE_SECONDS || 5);
const patience = Number(__ENV.PATIENCE || 300);
const plan = { sale: __ENV.SALE, showtime: __ENV.SHOWTIME, patience };
const accounts = new SharedArray('accounts', () => JSON.parse(open(__ENV.ACCOUNTS)));

const intrudersSent = new Counter('intruders_sent');
const intrudersAdmitted = new Counter('intruders_admitted');

export const options = {
  scenarios: {
    fans: { executor: 'per-vu-iterations', exec: 'buy', vus: fans, iterations: 1, maxDuration: `${patience + 60}s` },
    intruders: { executor: 'per-vu-iterations', exec: 'intrude', vus: intruders, iterations: 4, maxDuration: '60s' },
  },
  thresholds: {
    server_errors: ['count==0'],
    unclear_answers: ['count==0'],
    intruders_admitted: ['count==0'],
  },
  summaryTrendStats: ['med', 'p(90)', 'p(95)', 'p(99)', 'max'],
};

export function buy() {
  sleep(Math.random() * arriveWithin);
  live(() => {
    const fan = new Fan(accounts[exec.scenario.iterationInTest], plan);
    fan.join();
    fan.enter();
    const hold = fan.hold(1 + (exec.scenario.iterationInTest % 2));
    const booking = fan.book(hold);
    fan.pay(booking);
  });
}

export function intrude() {
  const fan = new Fan(accounts[fans + (exec.scenario.iterationInTest % intruders)], plan);
  intrudersSent.add(1);
  const answer = fan.ask('POST', `/v1/showtimes/${plan.showtime}/holds`, { best_available: { count: 1 } }, 'intrude', { key: true });
  if (answer.status !== 403 || code(answer) !== 'pass_required') {
    intrudersAdmitted.add(1);
    console.error(`an intruder was answered ${answer.status} ${answer.body}`);
  }
  sleep(1);
}

export const handleSummary = summarize;
