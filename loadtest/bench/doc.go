// Package bench measures the running system against baselines on the same machine,
// in the same run, with the same load generator: round by round, product and
// baseline in turn. It sees the system as a stranger does: HTTP, Redis, Postgres.
//
// A row is one line of the table in RESULTS.md. What counts is the ratio; the
// absolute figures beside it are this machine's on that day.
package bench
