// The whole way for every fan: join, wait, enter, hold, book, pay; more fans than seats.
// Most of them must learn that it is sold out. A few intruders try to hold seats
// without a pass all the while.
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { sleep } from 'k6';
import { Fan, accounts, code, crowd, intruders, live, options as promises, run, summarize } from '../lib/fairgate.js';

const intrudersSent = new Counter('intruders_sent');
const intrudersAdmitted = new Counter('intruders_admitted');

export const options = promises(
  {
    fans: crowd({ exec: 'buy' }),
    ...(intruders > 0 && { intruders: { executor: 'per-vu-iterations', exec: 'intrude', vus: intruders, iterations: 4, maxDuration: '60s' } }),
  },
  { intruders_admitted: ['count==0'], outcome_gave_up: ['count==0'], step_status: [`p(99)<${run.p99}`] },
);

export function buy() {
  sleep(Math.random() * run.arrive);
  live((fan) => {
    if (run.queued) {
      fan.join();
      fan.enter();
    }
    fan.hold(1 + (exec.scenario.iterationInTest % 2));
    fan.pay();
  });
}

export function intrude() {
  const fan = new Fan(accounts[run.fans + (exec.scenario.iterationInTest % intruders)]);
  intrudersSent.add(1);
  const answer = fan.askForHold({ best_available: { count: 1 } });
  if (answer.status !== 403 || code(answer) !== 'pass_required') {
    intrudersAdmitted.add(1);
    console.error(`an intruder was answered ${answer.status} ${answer.body}`);
  }
  sleep(1);
}

export const handleSummary = summarize;
