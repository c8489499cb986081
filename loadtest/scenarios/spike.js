// Everybody joins within five seconds, and one in ten presses reload meanwhile.
// Each must get a place of its own and keep it; then they wait a little and leave.
import exec from 'k6/execution';
import { Trend } from 'k6/metrics';
import { sleep } from 'k6';
import { crowd, live, options as promises, run, summarize, timeLeft } from '../lib/fairgate.js';

const placeNumber = new Trend('place_number');

export const options = promises({ fans: crowd() }, { step_join: [`p(99)<${run.p99}`] });

export default function rush() {
  sleep(Math.random() * run.arrive);
  live((fan) => {
    placeNumber.add(fan.join().n);
    if (exec.scenario.iterationInTest % 10 === 0) fan.join();
    while (timeLeft() > 0) {
      fan.rest(Math.min(fan.place.poll_after_ms, timeLeft()));
      fan.standing();
    }
    fan.leave();
  });
}

export const handleSummary = summarize;
