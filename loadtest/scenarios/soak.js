// Steady for as long as asked: RATE fans a second go the whole way to a ticket.
// A share of them (CANCEL) gives it back, so that refunds run too and seats return.
// The report shows whether latency or the services' memory drift.
import { live, options as promises, run, summarize } from '../lib/fairgate.js';

const perMinute = Math.max(1, Math.round((run.rate || 2) * 60));

export const options = promises(
  {
    fans: {
      executor: 'constant-arrival-rate', rate: perMinute, timeUnit: '60s', duration: `${run.seconds}s`,
      preAllocatedVUs: 20 + Math.ceil(perMinute / 10), maxVUs: 100 + perMinute * 2, gracefulStop: `${run.patience}s`,
    },
  },
  { dropped_iterations: ['count==0'], outcome_gave_up: ['count==0'], step_status: [`p(99)<${run.p99}`] },
);

export default function buy() {
  live((fan) => {
    if (run.queued) {
      fan.join();
      fan.enter();
    }
    fan.hold(1);
    fan.pay();
    if (Math.random() < run.cancel) fan.cancel();
  });
}

export const handleSummary = summarize;
