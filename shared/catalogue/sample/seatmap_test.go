package sample

import (
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/locale"
)

var sizes = []struct {
	kind  Kind
	seats int
}{
	{Theatre, 1}, {Theatre, 100}, {Theatre, 620}, {Theatre, 841}, {Theatre, 1221}, {Theatre, 3022},
	{Arena, 11069}, {Arena, 15000}, {Arena, 16744}, {Stadium, 66704},
}

func TestMapsHaveExactlyTheSeatsAskedForAndNoTwoTouch(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		t.Run(fmt.Sprintf("%s %d", size.kind, size.seats), func(t *testing.T) {
			t.Parallel()
			m := SeatMap("h", size.kind, size.seats)
			if len(m.Seats) != size.seats {
				t.Fatalf("%d seats", len(m.Seats))
			}
			numbers := map[string]bool{}
			for i, s := range m.Seats {
				if numbers[s.No] {
					t.Fatalf("seat %s twice", s.No)
				}
				numbers[s.No] = true
				if s.X < 0 || s.Y < 0 || s.X > m.Width || s.Y > m.Height {
					t.Fatalf("seat %s lies outside of the map: %d,%d", s.No, s.X, s.Y)
				}
				if at, ok := m.Find(s.No); !ok || at != i {
					t.Fatalf("Find(%s) = %d, %v; want %d", s.No, at, ok, i)
				}
			}
			if d, a, b := closest(m.Seats); d < 9.5 {
				t.Errorf("%s and %s are %.1f apart", a, b, d)
			}
		})
	}
}

// closest looks for the nearest pair with a grid of 20 units.
func closest(seats []catalogue.Seat) (distance float64, a, b string) {
	const cell = 20
	grid := map[[2]int][]int{}
	distance = math.Inf(1)
	for i, s := range seats {
		for dx := -1; dx <= 1; dx++ {
			for dy := -1; dy <= 1; dy++ {
				for _, j := range grid[[2]int{s.X/cell + dx, s.Y/cell + dy}] {
					if d := math.Hypot(float64(s.X-seats[j].X), float64(s.Y-seats[j].Y)); d < distance {
						distance, a, b = d, s.No, seats[j].No
					}
				}
			}
		}
		key := [2]int{s.X / cell, s.Y / cell}
		grid[key] = append(grid[key], i)
	}
	return distance, a, b
}

func TestMapsHaveSeveralGradesAndWheelchairPlaces(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		if size.seats < 500 {
			continue
		}
		m := SeatMap("h", size.kind, size.seats)
		seen := map[int]int{}
		accessible := 0
		for _, s := range m.Seats {
			seen[s.Grade]++
			if s.Accessible {
				accessible++
			}
		}
		if len(seen) != len(m.Grades) || len(seen) < 3 {
			t.Errorf("%s %d: grades %v used, %v listed", size.kind, size.seats, seen, m.Grades)
		}
		if accessible == 0 {
			t.Errorf("%s %d: no wheelchair place", size.kind, size.seats)
		}
	}
}

func TestCompactFormGivesTheSameMapBack(t *testing.T) {
	t.Parallel()
	m := SeatMap("h", Arena, 11069)
	body, err := catalogue.EncodeSeatMap(m)
	if err != nil {
		t.Fatal(err)
	}
	back, err := catalogue.DecodeSeatMap(body)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(m, back) {
		t.Error("the map changed on the way")
	}
	t.Logf("%d seats: %d bytes", len(m.Seats), len(body))
}

// TestZonesAreCalledAsTheirCodesSay: mails know a seat only by its number, and must
// say of it what the map says.
func TestZonesAreCalledAsTheirCodesSay(t *testing.T) {
	t.Parallel()
	for _, size := range sizes {
		for _, zone := range SeatMap("h", size.kind, size.seats).Zones {
			if said := locale.For("ko").Zone(zone.Code); said != zone.Name {
				t.Errorf("%s %d: zone %s is called %q on the map and %q in mails", size.kind, size.seats, zone.Code, zone.Name, said)
			}
		}
	}
}
