// Package booking is seats, bookings, money and tickets.
//
// # Who decides
//
// A hold is advice, given by Redis (or by Postgres when Redis is down). Bookings
// are decided by Postgres alone: one claim row per taken (showtime, seat), which
// may be taken over once it has lapsed. Times are the database's.
//
// # Life of a booking
//
//	hold ─Book→ pending_payment ─Confirm→ paying ─ExecuteConfirm→ confirmed ─Cancel→ cancelling → cancelled
//	                 │  ↑──────declined──────┘│                        ↑
//	                 └─────────────→ expired ←┘ ───late money, seats free
//
// Book claims the seats until the booking expires. Confirm pins them (until
// infinity) before the provider is asked, so that nothing is freed while the
// outcome of a payment is unknown. ExecuteConfirm talks to the provider outside
// any transaction and then settles the answer in one. What it could not learn is
// never guessed: the payment becomes unknown and ReconcileDue asks until it knows.
//
// # Invariants
//
//   - A (showtime, seat) has at most one live booking.
//   - Captured money is a confirmed booking, or is on its way back.
//   - States move only along the arrows of states.go, by conditional UPDATEs; each
//     move is a row of the append-only ledger, and a payment's ledger sums to its
//     balance.
//   - Locks are taken in one order: advisory (account and sale), booking, payment,
//     refund, seat claims by seat.
//
// Violations counts breaches of these in the database; every figure is 0.
package booking
