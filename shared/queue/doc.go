// Package queue is the waiting line in front of a sale.
//
// # Life of a line
//
//	draft → scheduled → lobby → drawing → open ⇄ paused → draining → closed
//
// A line becomes lobby and open by itself when its dates come. paused lets nobody
// in and takes nobody's turn away. draining takes no new fans and closes itself
// when the last has gone. rebuilding is a line that is being put together again
// after its store was lost.
//
// # Life of a place
//
//	waiting → offered → ready → active → gone
//
// A fan joins and gets a place: a number n, which is never given twice, and an
// order key, which never changes while the place lives. When the turn comes the
// place is offered and must be claimed within the claim window. A claimed place is
// ready and enters at the next free slot, paced by the line's rate. Then it is
// active: a booking session with an end, proven by a signed pass. It is gone when
// the session ends or the fan leaves, does not claim or is not seen any more; who
// was only away comes back to the same key within the grace period.
//
// # Invariants
//
//   - Never more than capacity places are active, never more than the rate enter,
//     with any number of gateways.
//   - A live place's key never changes; nobody is offered a turn past a live place
//     with a lower key.
//   - One place per subject; no place is in two states.
//   - A pass is good only while its session is active.
package queue
