// k6's handleSummary: a table for people, and everything as JSON for the
// verification and the report page.

/** @param {any} data what k6 gives */
export function summarize(data) {
  /** @type {Record<string, string>} */
  const out = { stdout: table(data) };
  if (__ENV.SUMMARY) out[__ENV.SUMMARY] = JSON.stringify({ seconds: data.state.testRunDurationMs / 1000, metrics: data.metrics });
  return out;
}

/** @param {any} data */
function table({ metrics, state }) {
  const count = (/** @type {string} */ name) => (metrics[name] ? metrics[name].values.count : 0);
  const seconds = state.testRunDurationMs / 1000;
  const lines = ['', `  ${count('http_reqs')} requests in ${seconds.toFixed(1)} s, ${(count('http_reqs') / seconds).toFixed(0)}/s`, ''];
  lines.push(`  ${'ms'.padEnd(22)}${['count', 'median', 'p90', 'p99', 'max'].map((t) => t.padStart(8)).join('')}`);
  const row = (/** @type {string} */ title, /** @type {string} */ name) => {
    const values = metrics[name] && metrics[name].values;
    if (!values || !values.count) return;
    const cells = [values.count, values.med, values['p(90)'], values['p(99)'], values.max];
    lines.push(`  ${title.padEnd(22)}${cells.map((v) => v.toFixed(0).padStart(8)).join('')}`);
  };
  row('any request', 'http_req_duration');
  for (const name of Object.keys(metrics).sort()) if (/^step_\w+$/.test(name)) row(`  ${name.slice(5)}`, name);
  row('wait in line', 'fan_wait');
  row('confirm → confirmed', 'confirm_to_confirmed');
  lines.push('');
  for (const name of Object.keys(metrics)) {
    if (name.startsWith('outcome_') && count(name) > 0) lines.push(`  fans ${name.slice(8).replace('_', ' ').padEnd(16)} ${count(name)}`);
  }
  lines.push(`  server errors         ${count('server_errors')}`);
  if (count('told_to_wait') > 0) {
    lines.push(`  told to wait (429)    ${count('told_to_wait')}: a limit of the system was met, JOINS_PER_MINUTE if it was joins`);
  }
  for (const [name, metric] of Object.entries(metrics)) {
    for (const [rule, { ok }] of Object.entries(metric.thresholds || {})) {
      if (!ok) lines.push(`  THRESHOLD FAILED      ${name} ${rule}`);
    }
  }
  return `${lines.join('\n')}\n\n`;
}
