// Package outbox carries events from transactions to the broker without losing
// one.
//
// # Life of an event
//
// Insert stores it in the transaction that makes it true: both happen or neither.
// A Relay takes the oldest rows with FOR UPDATE SKIP LOCKED, publishes them
// mandatory and pipelined, waits for the broker's confirms, and deletes exactly
// the confirmed rows in the same transaction. If anything fails between, the
// rows are still there and are published again: at least once, with the same
// message id.
//
// # Invariants
//
//   - A row disappears only after the broker has confirmed and routed its event.
//   - Two relays never publish the same row at the same time.
//   - There is no global order; consumers compare Envelope.Version.
//   - An empty outbox means that every event has reached its queues.
package outbox
