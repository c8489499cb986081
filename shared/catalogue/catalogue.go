// Package catalogue is what is on sale: venues and their halls with seat maps,
// performers, performances with showtimes and prices, and sales.
package catalogue

import (
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
)

// The failures of the catalogue.
var (
	ErrVenueNotFound       = errs.New(errs.NotFound, "venue_not_found", "There is no such venue.")
	ErrHallNotFound        = errs.New(errs.NotFound, "hall_not_found", "There is no such hall.")
	ErrPerformerNotFound   = errs.New(errs.NotFound, "performer_not_found", "There is no such performer.")
	ErrPerformanceNotFound = errs.New(errs.NotFound, "performance_not_found", "There is no such performance.")
	ErrShowtimeNotFound    = errs.New(errs.NotFound, "showtime_not_found", "There is no such showtime.")
	ErrSaleNotFound        = errs.New(errs.NotFound, "sale_not_found", "There is no such sale.")
)

// Venue is a building.
type Venue struct {
	ID       string
	Name     string // Korean
	NameEN   string
	Region   string // e.g. "서울"
	Address  string
	Lat, Lng float64 // degrees, WGS 84
	Seats    int     // of its largest hall
}

// Hall is a room of a venue with one seat map.
type Hall struct {
	ID      string
	VenueID string
	Name    string
	Seats   int
	// MapVersion is the version of the hall's current SeatMap.
	MapVersion int
}

// Performer is somebody who appears.
type Performer struct {
	ID   string
	Name string
}

// Performance is a production on sale.
type Performance struct {
	ID        string // KOPIS id where it has one
	Title     string
	Category  string // concert, musical, play, classical, dance, gugak, flight, …
	VenueID   string
	VenueName string
	StartsOn  time.Time // first day, midnight UTC
	EndsOn    time.Time // last day, inclusive
	Runtime   string    // free text: "2시간 30분"
	Age       string    // free text: "만 7세 이상"
	Synopsis  string
	PosterURL string // path on this origin, or empty
	Colour    string // "#rrggbb", stands in for a missing poster
	Cast      []Performer
}

// Showtime is one dated sitting of a performance.
type Showtime struct {
	ID            string
	PerformanceID string
	SaleID        string // empty while it is in no sale
	HallID        string
	StartsAt      time.Time
	Prices        map[string]money.KRW // by grade code
}

// MaxHoldTime is as long as a hold may last.
const MaxHoldTime = time.Hour

// Sale is a window in which showtimes are sold.
type Sale struct {
	ID                 string // [a-z0-9-]{1,40}; also the id of its line
	PerformanceID      string
	ShowtimeIDs        []string
	OpensAt            time.Time
	ClosesAt           time.Time
	Queued             bool
	MaxSeatsPerAccount int
	SoldOut            bool // kept by the worker's sold-out job
	HoldSeconds        int  // 300; at most MaxHoldTime
}

// State returns scheduled, open, sold_out or closed.
func (s Sale) State(now time.Time) string {
	switch {
	case now.Before(s.OpensAt):
		return "scheduled"
	case !now.Before(s.ClosesAt):
		return "closed"
	case s.SoldOut:
		return "sold_out"
	}
	return "open"
}

// Grade is a price level.
type Grade struct {
	Code   string // "VIP", "R", "S", "A"
	Name   string
	Colour string // "#rrggbb"
}

// Zone is an area of a seat map.
type Zone struct {
	Code  string // "1F-A"
	Name  string // "1층 A구역"
	Grade string // of most of its seats
	// Outline is a closed polygon in map units, for drawing from afar: x0,y0,x1,y1,…
	Outline []int
}

// Seat is one seat of a hall, at its index in the map (the bit order of availability).
type Seat struct {
	No         string // unique in the hall: "1F-A-12-7" (floor, zone, row, seat)
	Zone       int    // index into SeatMap.Zones
	Grade      int    // index into SeatMap.Grades
	Row, Col   string // as printed on the seat
	X, Y       int    // centre in map units (a seat is 10 units wide)
	Accessible bool   // a wheelchair place
}

// SeatMap is a hall's map. It is immutable: a change makes a new version.
type SeatMap struct {
	HallID  string
	Version int
	Width   int // map units
	Height  int
	Stage   []int // outline of the stage, like Zone.Outline
	Zones   []Zone
	Grades  []Grade
	Seats   []Seat

	byNo map[string]int
}

// Index builds the lookup by seat number; whoever makes a SeatMap calls it once.
func (m *SeatMap) Index() {
	m.byNo = make(map[string]int, len(m.Seats))
	for i := range m.Seats {
		m.byNo[m.Seats[i].No] = i
	}
}

// Find returns the index of the seat numbered no.
func (m *SeatMap) Find(no string) (int, bool) {
	i, ok := m.byNo[no]
	return i, ok
}
