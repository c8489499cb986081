package sample

import (
	"strconv"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// MapVersion is the version of every map made here; a change of the generator
// that moves, adds or removes a seat raises it.
const MapVersion = 1

// Kind is the shape of a hall.
type Kind string

// The kinds of halls.
const (
	Theatre Kind = "theatre" // floors one behind the other, curved around a stage
	Arena   Kind = "arena"   // chairs on the flat floor, stands around it
	Stadium Kind = "stadium" // a bowl in three tiers, the stage at one end
)

// SeatMap makes the map of a hall with exactly that many seats.
func SeatMap(hallID string, kind Kind, seats int) *catalogue.SeatMap {
	switch kind {
	case Arena:
		return arena(seats).build(hallID)
	case Stadium:
		return stadium(seats).build(hallID)
	}
	return theatre(seats).build(hallID)
}

// plan is a hall before its seats are placed.
type plan struct {
	stage    []point
	sections []section
}

func (p plan) build(hallID string) *catalogue.SeatMap {
	bounds := newBox()
	bounds.add(p.stage...)
	rows := make([][]int, len(p.sections))
	for i, s := range p.sections {
		rows[i] = s.rows()
		bounds.add(s.outline(len(rows[i]))...)
	}
	m := &catalogue.SeatMap{HallID: hallID, Version: MapVersion, Stage: bounds.flatten(p.stage), Grades: usedGrades(p.sections, rows)}
	m.Width, m.Height = bounds.place(point{bounds.maxX + margin, bounds.maxY + margin})
	for i, s := range p.sections {
		if s.seats > 0 {
			s.place(m, bounds, rows[i])
		}
	}
	m.Index()
	return m
}

// place adds the section's zone and seats to the map.
func (s section) place(m *catalogue.SeatMap, bounds box, rows []int) {
	zone := len(m.Zones)
	count := map[string]int{}
	for k, n := range rows {
		grade := s.grade(float64(k) / float64(len(rows)))
		count[grade] += n
		row := s.row(float64(k))
		spacing := row.length() / float64(n)
		for i := range n {
			x, y := bounds.place(row.at((float64(i) + 0.5) * spacing))
			rowLabel, col := strconv.Itoa(k+1), strconv.Itoa(i+1)
			m.Seats = append(m.Seats, catalogue.Seat{
				No: catalogue.SeatNo(s.code, rowLabel, col), Zone: zone, Grade: gradeIndex(m.Grades, grade),
				Row: rowLabel, Col: col, X: x, Y: y,
				Accessible: s.accessible && k == len(rows)-1 && i < 2,
			})
		}
	}
	m.Zones = append(m.Zones, catalogue.Zone{
		Code: s.code, Name: s.name, Grade: mostOf(m.Grades, count), Outline: bounds.flatten(s.outline(len(rows))),
	})
}

func usedGrades(sections []section, rows [][]int) []catalogue.Grade {
	used := map[string]bool{}
	for i, s := range sections {
		for k := range rows[i] {
			used[s.grade(float64(k)/float64(len(rows[i])))] = true
		}
	}
	var list []catalogue.Grade
	for _, g := range grades {
		if used[g.Code] {
			list = append(list, g)
		}
	}
	return list
}

func gradeIndex(list []catalogue.Grade, code string) int {
	for i, g := range list {
		if g.Code == code {
			return i
		}
	}
	return 0
}

func mostOf(list []catalogue.Grade, count map[string]int) string {
	best := list[0].Code
	for _, g := range list {
		if count[g.Code] > count[best] {
			best = g.Code
		}
	}
	return best
}
