// What a run was asked for, from the environment that `make load` sets; README.md
// explains each name. The values given here are those of a plain `k6 run`.
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';

/**
 * @param {string} name
 * @param {number} otherwise
 */
function number(name, otherwise) {
  const text = __ENV[name] || '';
  const value = text === '' ? otherwise : Number(text);
  if (!(value >= 0)) throw new Error(`${name}=${text}: give a number`);
  return value;
}

export const run = {
  fans: number('FANS', 100),
  seats: number('SEATS', 50),
  /** How long a scenario without an end of its own goes on, in seconds. */
  seconds: number('SECONDS', 30),
  /** Fans, polls or visits a second; 0 lets the scenario choose. */
  rate: number('RATE', 0),
  /** Within how many seconds the fans come. */
  arrive: number('ARRIVE', 5),
  /** For how many seconds a fan stays. */
  patience: number('PATIENCE', 300),
  /** The share of buyers who give their ticket back, 0 to 1. */
  cancel: number('CANCEL', 0),
  /** The 99th percentile that the scenario's main request may take, in ms. */
  p99: number('P99', 2000),
  sale: __ENV.SALE || '',
  showtime: __ENV.SHOWTIME || '',
  queued: __ENV.QUEUED !== 'false',
  base: __ENV.BASE_URL || 'http://127.0.0.1:8080',
  /** The payment simulator; without one nobody can pay. */
  provider: __ENV.PROVIDER_URL || '',
};

/**
 * @typedef {{access_token?: string, email?: string, password?: string}} Account
 * @type {Account[]}
 */
export const accounts = new SharedArray('accounts', () => (__ENV.ACCOUNTS ? JSON.parse(open(__ENV.ACCOUNTS)) : []));

/** Accounts after the fans', for whoever must be refused. */
export const intruders = Math.max(0, accounts.length - run.fans);

/**
 * k6's options: the given executors, and the promises of every run as thresholds.
 * @param {import('k6/options').Options['scenarios']} scenarios
 * @param {Record<string, string[]>} [thresholds] more of them
 * @returns {import('k6/options').Options}
 */
export function options(scenarios, thresholds = {}) {
  return {
    scenarios,
    thresholds: { server_errors: ['count==0'], unclear_answers: ['count==0'], places_moved: ['count==0'], outcome_crashed: ['count==0'], ...thresholds },
    // Only tags of few values: each combination is a series of its own.
    systemTags: ['name', 'status', 'expected_response'],
    summaryTrendStats: ['avg', 'min', 'med', 'p(90)', 'p(95)', 'p(99)', 'max', 'count'],
    setupTimeout: '120s',
  };
}

/**
 * One fan for each of k6's users, each once.
 * @returns {import('k6/options').Scenario}
 */
export function crowd({ exec = 'default', vus = run.fans } = {}) {
  return { executor: 'per-vu-iterations', exec, vus, iterations: 1, maxDuration: `${run.patience + 60}s` };
}

/** Milliseconds until a scenario without an end of its own should end. */
export function timeLeft() {
  return run.seconds * 1000 - exec.instance.currentTestRunDuration;
}
