package catalogue

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// compactMap is the compact form of a seat map, as stored and as the seat page
// reads it. Seats are runs: neighbours of one zone, row and grade whose numbers
// follow one another; their order is the map's order. A seat's number is
// "<zone code>-<row>-<col>".
type compactMap struct {
	Hall       string         `json:"hall"`
	Version    int            `json:"version"`
	Width      int            `json:"width"`
	Height     int            `json:"height"`
	Stage      []int          `json:"stage"`
	Grades     []compactGrade `json:"grades"`
	Zones      []compactZone  `json:"zones"`
	Total      int            `json:"total"`
	Runs       []compactRun   `json:"runs"`
	Accessible []int          `json:"accessible"` // indices of seats
}

type compactGrade struct {
	Code   string `json:"code"`
	Name   string `json:"name"`
	Colour string `json:"colour"`
}

type compactZone struct {
	Code    string `json:"code"`
	Name    string `json:"name"`
	Grade   string `json:"grade"`
	Outline []int  `json:"outline"`
}

// compactRun holds the first seat's number and centre, then the steps from each
// seat to the next: XY = x0, y0, dx1, dy1, dx2, dy2, …
type compactRun struct {
	Zone  int    `json:"z"`
	Grade int    `json:"g"`
	Row   string `json:"r"`
	First int    `json:"c"`
	XY    []int  `json:"xy"`
}

// EncodeSeatMap returns the compact JSON of m. It fails when a seat's column is
// no number or its No is not made of zone, row and column.
func EncodeSeatMap(m *SeatMap) ([]byte, error) {
	c := compactMap{
		Hall: m.HallID, Version: m.Version, Width: m.Width, Height: m.Height,
		Stage: m.Stage, Total: len(m.Seats), Accessible: []int{},
	}
	for _, g := range m.Grades {
		c.Grades = append(c.Grades, compactGrade(g))
	}
	for _, z := range m.Zones {
		c.Zones = append(c.Zones, compactZone(z))
	}
	var err error
	if c.Runs, err = encodeRuns(m); err != nil {
		return nil, err
	}
	for i := range m.Seats {
		if m.Seats[i].Accessible {
			c.Accessible = append(c.Accessible, i)
		}
	}
	return json.Marshal(c)
}

func encodeRuns(m *SeatMap) ([]compactRun, error) {
	var runs []compactRun
	var last *Seat
	next := 0
	for i := range m.Seats {
		s := &m.Seats[i]
		col, err := strconv.Atoi(s.Col)
		if err != nil || s.No != SeatNo(m.Zones[s.Zone].Code, s.Row, s.Col) {
			return nil, fmt.Errorf("seat map of %s: seat %q has no compact form", m.HallID, s.No)
		}
		if last != nil && last.Zone == s.Zone && last.Grade == s.Grade && last.Row == s.Row && col == next {
			run := &runs[len(runs)-1]
			run.XY = append(run.XY, s.X-last.X, s.Y-last.Y)
		} else {
			runs = append(runs, compactRun{Zone: s.Zone, Grade: s.Grade, Row: s.Row, First: col, XY: []int{s.X, s.Y}})
		}
		last, next = s, col+1
	}
	return runs, nil
}

// SeatNo composes a seat's number: "1F-A", "12", "7" make "1F-A-12-7".
func SeatNo(zone, row, col string) string { return zone + "-" + row + "-" + col }

// mostSeatsAhead is for how many seats room is made before they are read.
const mostSeatsAhead = 200_000

// DecodeSeatMap reads the compact JSON and indexes the map.
func DecodeSeatMap(body []byte) (*SeatMap, error) {
	var c compactMap
	if err := json.Unmarshal(body, &c); err != nil {
		return nil, fmt.Errorf("seat map: %w", err)
	}
	m := &SeatMap{HallID: c.Hall, Version: c.Version, Width: c.Width, Height: c.Height, Stage: c.Stage}
	for _, g := range c.Grades {
		m.Grades = append(m.Grades, Grade(g))
	}
	for _, z := range c.Zones {
		m.Zones = append(m.Zones, Zone(z))
	}
	m.Seats = make([]Seat, 0, min(max(c.Total, 0), mostSeatsAhead)) // a number in a body is no reason to take memory
	for _, run := range c.Runs {
		if run.Zone < 0 || run.Zone >= len(m.Zones) || run.Grade < 0 || run.Grade >= len(m.Grades) || len(run.XY)%2 != 0 {
			return nil, fmt.Errorf("seat map of %s: a run is out of bounds", c.Hall)
		}
		m.Seats = appendRun(m.Seats, run, m.Zones[run.Zone].Code)
	}
	for _, i := range c.Accessible {
		if i < 0 || i >= len(m.Seats) {
			return nil, fmt.Errorf("seat map of %s: accessible seat %d is out of bounds", c.Hall, i)
		}
		m.Seats[i].Accessible = true
	}
	m.Index()
	return m, nil
}

func appendRun(seats []Seat, run compactRun, zone string) []Seat {
	x, y := 0, 0
	for i := 0; i < len(run.XY); i += 2 {
		x, y = x+run.XY[i], y+run.XY[i+1]
		col := strconv.Itoa(run.First + i/2)
		seats = append(seats, Seat{
			No: SeatNo(zone, run.Row, col), Zone: run.Zone, Grade: run.Grade,
			Row: run.Row, Col: col, X: x, Y: y,
		})
	}
	return seats
}
