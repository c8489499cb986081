// Waiting only: fans stand in a line that hardly moves and ask where they are.
// STREAMS more fans watch their place as server-sent events; k6 has no client for
// those, so the load command opens them beside it.
import { sleep } from 'k6';
import { crowd, live, options as promises, run, summarize, timeLeft } from '../lib/fairgate.js';

export const options = promises({ fans: crowd() }, { step_status: [`p(99)<${run.p99}`] });

export default function stand() {
  sleep(Math.random() * run.arrive);
  live((fan) => {
    fan.join();
    while (timeLeft() > 0) {
      // With RATE polls a second in all; else each as often as it is told to.
      const pause = run.rate > 0 ? (run.fans / run.rate) * 1000 * (0.5 + Math.random()) : fan.place.poll_after_ms;
      fan.rest(Math.min(pause, timeLeft()));
      fan.standing();
    }
    fan.leave();
  });
}

export const handleSummary = summarize;
