// The times of the steps: one Trend for each, and for the course of a run how many
// requests stayed within each bound (Trends only tell about the run so far).
import { Counter, Trend } from 'k6/metrics';

/** Milliseconds; drive/series.go reads the same. */
const bounds = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000];
const within = bounds.map((bound) => new Counter(`within_${bound}ms`));
const longer = new Counter('within_longer');

const steps = Object.fromEntries(
  [
    'join', 'status', 'entry', 'hold', 'book', 'confirm', 'booking', 'cancel', 'leave', 'sale', 'login',
    'list', 'detail', 'showtimes', 'seatmap', 'availability', 'venues', 'own',
  ].map((name) => [name, new Trend(`step_${name}`, true)]),
);

/**
 * Waiting for a payment is no sign of slowness, so its confirmation is left out of the course.
 * @param {string} name
 * @param {number} ms
 */
export function measure(name, ms) {
  (steps[name] || steps.own).add(ms);
  if (name === 'confirm') return;
  const i = bounds.findIndex((bound) => ms <= bound);
  (i < 0 ? longer : within[i]).add(1);
}
