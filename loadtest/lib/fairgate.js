// Everything a scenario needs, from one place.
export { accounts, crowd, intruders, options, run, timeLeft } from './run.js';
export { Fan, Outcome, code } from './fan.js';
export { live } from './live.js';
export { summarize } from './report.js';
