// Package rabbit publishes and consumes events over RabbitMQ 3.10 and later, and
// loses none of them.
//
// # The way of a message
//
//	fairgate.events (topic) → work queue → handler → ack
//	                              │ failed
//	                              ├→ fairgate.delay.{1s,10s,1m,10m} ─ TTL ─→ the same work queue
//	                              └→ fairgate.parked, where an operator lists and replays it
//
// All queues are quorum queues, all publishes are mandatory and confirmed: a
// message counts as published when a queue has it. A failed message is published
// to the next rung of the ladder, with its work queue as the routing key, and is
// acked only once that is confirmed; it may then exist twice, never zero times.
//
// # Invariants
//
//   - Nothing is nacked or requeued by us. A message whose handler's process died
//     comes back by itself, at most 20 times, then it is parked.
//   - Handlers see a message at least once and must not mind the second time.
//   - One rung of the ladder has one TTL: expiry happens only at a queue's head.
//   - A work queue is never deleted or renamed while the ladder holds messages for
//     it: 32 of them would block that rung for everyone.
//   - There are two connections, one to publish and one to consume, so that a
//     publisher under back-pressure cannot keep acks from arriving. Each comes back
//     by itself with jittered backoff and declares the topology anew.
package rabbit
