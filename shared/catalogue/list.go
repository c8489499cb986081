package catalogue

import (
	"time"

	"github.com/fairgate/fairgate/shared/money"
)

// Mark is a position in a list: the sort key and the id of the last item read.
type Mark struct {
	Key string
	ID  string
}

// Page asks for at most Limit items after After (nil: from the start).
type Page struct {
	Limit int
	After *Mark
}

// Near restricts a list to a circle and allows sorting by distance.
type Near struct {
	Lat, Lng float64 // degrees, WGS 84
	RadiusKM float64
}

// The orders of a list of performances.
const (
	SortDate     = "date"     // first day, earliest first
	SortTitle    = "title"    // by title
	SortDistance = "distance" // nearest venue first; needs Near
)

// LoadRun is the category of performances and the region of venues that were made
// for load runs. Lists leave them out unless asked for by that name.
const LoadRun = "load"

// PerformanceQuery selects performances; zero members do not restrict.
type PerformanceQuery struct {
	Page
	Category    string
	From, To    time.Time // performances that play on a day in [From, To]
	Text        string    // part of the title, the venue's name or a performer's
	VenueID     string
	PerformerID string
	Near        *Near
	Sort        string // SortDate when empty
}

// VenueQuery selects venues.
type VenueQuery struct {
	Page
	Text   string // part of the name, Korean or English
	Region string
	Near   *Near // sorts by distance
}

// PerformerQuery selects performers by part of their name.
type PerformerQuery struct {
	Page
	Text string
}

// ShowtimeQuery selects a performance's showtimes that start in [From, To).
type ShowtimeQuery struct {
	Page
	PerformanceID string
	From, To      time.Time
}

// TestSale describes a sale made for a load run.
type TestSale struct {
	Seats              int // of its hall
	Price              money.KRW
	Queued             bool
	MaxSeatsPerAccount int
	HoldSeconds        int
}
