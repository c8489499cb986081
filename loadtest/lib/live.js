// How the way of a fan ends, and how often each end comes.
import exec from 'k6/execution';
import { Counter } from 'k6/metrics';
import { accounts } from './run.js';
import { Fan, Outcome, tellThatNoneHappened } from './fan.js';

const counters = Object.fromEntries(
  [
    'bought', 'cancelled', 'unpaid', 'sold_out', 'beaten', 'lapsed', 'declined', // clear ends
    'done', 'other', // of people's own scenarios
    'gave_up', 'unclear', 'crashed', // broken promises
  ].map((name) => [name, new Counter(`outcome_${name}`)]),
);
const waysStarted = new Counter('ways_started');

/**
 * Lives one fan's way to its end and counts how it ended.
 * @param {(fan: Fan) => void} way throws an Outcome to end early
 */
export function live(way) {
  waysStarted.add(1);
  if (exec.scenario.iterationInTest === 0) tellThatNoneHappened();
  const fan = new Fan(accounts.length > 0 ? accounts[exec.scenario.iterationInTest % accounts.length] : {});
  const end = endOf(() => way(fan)) || fan.outcome;
  (counters[end] || counters.other).add(1);
}

/**
 * @param {() => void} way
 * @returns {string} the outcome that it threw, or '' when it went to its last line
 */
function endOf(way) {
  try {
    way();
    return '';
  } catch (end) {
    if (end instanceof Outcome) return end.name;
    console.error(`a way crashed: ${(end instanceof Error && end.stack) || end}`);
    return 'crashed';
  }
}
