// Counts how every fan's way ended and writes the summary that the verification reads.
import { Counter } from 'k6/metrics';
import { Outcome } from './fan.js';

const names = ['bought', 'sold_out', 'lapsed', 'declined', 'gave_up', 'unclear', 'crashed'];
const counters = Object.fromEntries(names.map((name) => [name, new Counter(`outcome_${name}`)]));

/** Runs one fan's way to its end and counts the outcome. */
export function live(way) {
  try {
    way();
    counters.crashed.add(1);
    console.error('a way ended without an outcome');
  } catch (end) {
    if (!(end instanceof Outcome)) {
      counters.crashed.add(1);
      console.error(`a way crashed: ${end} ${end.stack || ''}`);
      return;
    }
    counters[end.name].add(1);
  }
}

/** k6's handleSummary: a table for people, JSON for the verification. */
export function summarize(data) {
  const count = (metric) => (data.metrics[metric] ? data.metrics[metric].values.count : 0);
  const summary = {
    outcomes: Object.fromEntries(names.map((name) => [name, count(`outcome_${name}`)])),
    server_errors: count('server_errors'),
    unclear_answers: count('unclear_answers'),
    hold_conflicts: count('hold_conflicts'),
    intruders_sent: count('intruders_sent'),
    intruders_admitted: count('intruders_admitted'),
    requests: count('http_reqs'),
    seconds: data.state.testRunDurationMs / 1000,
  };
  const out = { stdout: table(data, summary) };
  if (__ENV.SUMMARY) out[__ENV.SUMMARY] = JSON.stringify(summary, null, 2);
  return out;
}

function table(data, summary) {
  const lines = ['', `  ${summary.requests} requests in ${summary.seconds.toFixed(1)} s, ${(summary.requests / summary.seconds).toFixed(0)}/s`];
  for (const [name, title] of [['http_req_duration', 'any request'], ['fan_wait', 'wait in line'], ['confirm_to_confirmed', 'confirm → confirmed']]) {
    const metric = data.metrics[name];
    if (!metric) continue;
    const v = metric.values;
    lines.push(`  ${title.padEnd(20)} median ${ms(v.med)}  p90 ${ms(v['p(90)'])}  p95 ${ms(v['p(95)'])}  max ${ms(v.max)}`);
  }
  for (const [name, count] of Object.entries(summary.outcomes)) {
    if (count > 0) lines.push(`  fans ${name.padEnd(15)} ${count}`);
  }
  lines.push(`  server errors        ${summary.server_errors}`, '');
  return lines.join('\n');
}

function ms(value) {
  return `${(value || 0).toFixed(0).padStart(6)} ms`;
}
