package queue

import (
	"strconv"
	"time"
)

// PlaceRef names one place.
type PlaceRef struct {
	SaleID  string
	Epoch   uint32
	N       uint64 // its number in the line, from 1
	ID      string // public, opaque; derived from sale, epoch and n
	Subject string // account id, or the browser's own id; empty where it is not known
}

// PlaceState is where one fan stands.
type PlaceState string

// The states of a place as fans see them. A claimed place that has not entered
// yet is PlaceOffered without a deadline.
const (
	PlaceLobby    PlaceState = "lobby"
	PlaceWaiting  PlaceState = "waiting"
	PlaceOffered  PlaceState = "offered"
	PlaceActive   PlaceState = "active"
	PlaceLeft     PlaceState = "left"
	PlaceExpired  PlaceState = "expired"
	PlaceFinished PlaceState = "finished"
)

// Over reports whether nothing more comes of the place without an act of the fan.
func (s PlaceState) Over() bool {
	return s == PlaceLeft || s == PlaceExpired || s == PlaceFinished
}

// Reasons of an expired place.
const (
	ReasonLapsed    = "lapsed"    // not claimed in time; a claim within the grace period brings it back, once
	ReasonMissed    = "missed"    // not claimed in time, and nothing brings it back
	ReasonAbandoned = "abandoned" // not seen for longer than the grace period
	ReasonSession   = "session"   // the booking session is over
	ReasonSoldOut   = "sold_out"
	ReasonClosed    = "closed"
)

// Place is where one fan stands at a moment.
type Place struct {
	PlaceRef
	State         PlaceState
	Key           string    // order key in decimal; empty before a draw
	Ahead         *uint64   // live places before this one; 0 once offered; nil in a lobby and when over
	Total         uint64    // live places in the line
	ClaimBefore   time.Time // zero unless offered and not yet claimed
	SessionEndsAt time.Time // zero unless active and the pass was fetched
	Reason        string    // why it has expired; see the Reason constants
	ETA           *ETA      // nil when nobody can know
	PollAfter     time.Duration
}

// ETA is an honest range of the time until a place is offered.
type ETA struct {
	P50, P90 time.Duration
}

// LateKeyBase is the order key of arrivals after a draw, less their number; drawn
// keys are below it.
const LateKeyBase = uint64(1) << 52

// LateKey returns the order key of a place that was not drawn, in decimal.
func LateKey(n uint64) string { return strconv.FormatUint(LateKeyBase+n, 10) }
