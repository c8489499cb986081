package queue

import (
	"math"
	"math/rand/v2"
	"time"
)

// Status is what everybody may know about a line; the body of GET /v1/queues/{sale}.
type Status struct {
	Sale          string            `json:"sale"`
	Epoch         uint32            `json:"epoch"`
	State         State             `json:"state"` // sold_out while the sale is
	OpensAt       *time.Time        `json:"opens_at"`
	Waiting       uint64            `json:"waiting"`
	Active        uint64            `json:"active"`
	Capacity      int               `json:"capacity"`
	RatePerMinute int               `json:"rate_per_minute"`
	Serving       string            `json:"serving"` // the highest order key offered, decimal; "0" before the first
	Anchors       []Anchor          `json:"anchors"`
	Draw          *struct{}         `json:"draw"`
	Message       map[string]string `json:"message"`
	PollAfterMS   int64             `json:"poll_after_ms"`
	AsOf          time.Time         `json:"as_of"` // of the last change
}

// Anchor is [rank, order key] of one live place: rank live places are before it.
type Anchor [2]any

// Figures are the live numbers of a line, for operators and metrics.
type Figures struct {
	Waiting uint64 `json:"waiting"`
	Offered uint64 `json:"offered"`
	Ready   uint64 `json:"ready"`
	Active  uint64 `json:"active"`
	Serving string `json:"serving"`

	// Since the line's epoch began.
	Joined   uint64 `json:"joined"`
	Offers   uint64 `json:"offers"`
	Claims   uint64 `json:"claims"`
	Entered  uint64 `json:"entered"`
	Lapsed   uint64 `json:"lapsed"`
	Exited   uint64 `json:"exited"` // sessions ended, for whatever reason
	Finished uint64 `json:"finished"`
	// Abandoned counts removals of places that nobody looked at; some come back.
	Abandoned uint64 `json:"abandoned"`

	NoShowShare       float64 `json:"no_show_share"`         // 0 … 1, of recent offers
	ClaimDelay        float64 `json:"claim_delay_seconds"`   // of recent claims
	EnteringPerMinute float64 `json:"entering_per_minute"`   // measured over the last minute
	Correction        float64 `json:"offer_correction_fans"` // the controller's integral
}

// The bounds of the time between two polls of a fan.
const (
	minPoll = 2 * time.Second
	maxPoll = 25 * time.Second
)

// PollAfter returns when a fan whose turn is eta away should ask again: a tenth of
// it within 2 … 25 s, ±20 % so that fans spread. A nil eta (nobody can know) gives the longest.
func PollAfter(eta *ETA) time.Duration {
	wait := maxPoll
	if eta != nil {
		wait = min(max(eta.P50/10, minPoll), maxPoll)
	}
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

// Estimate returns how long ahead live places take at perMinute entering fans,
// when share of them do not show up; nil when nobody enters. The range widens
// with the square root of the places ahead, as counts of independent fans do.
func Estimate(ahead uint64, perMinute, noShowShare float64) *ETA {
	if perMinute <= 0 {
		return nil
	}
	comers := float64(ahead) * (1 - noShowShare)
	seconds := comers / perMinute * 60
	spread := (1.3*math.Sqrt(comers)/perMinute*60 + 0.15*seconds)
	return &ETA{P50: toSeconds(seconds), P90: toSeconds(seconds + spread + 5)}
}

func toSeconds(s float64) time.Duration {
	const century = 100 * 365 * 24 * 3600
	return time.Duration(math.Ceil(min(s, century))) * time.Second
}
