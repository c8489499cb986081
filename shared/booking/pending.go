package booking

import "time"

// Pending is how much money waits for an outcome, of one kind and state. States with
// nothing in them are listed too.
type Pending struct {
	Kind   string // "payment" or "refund"
	State  string // a payment's confirming or unknown; a refund's requested, sending or unknown
	Count  int
	Oldest time.Duration // since it was asked for; 0 when there is none
}
