// Package loadtest drives a running Fairgate from outside and then proves, from
// the database and the payment provider, that nothing was sold twice or lost. It
// imports nothing of the product: it sees what a stranger sees. README.md is its
// manual.
package loadtest
