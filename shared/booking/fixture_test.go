package booking

import (
	"fmt"
	"strconv"

	"github.com/fairgate/fairgate/shared/catalogue"
)

// testMap is a hall of rows of 50 seats, its front rows VIP, the stage above.
func testMap(seats int) *catalogue.SeatMap {
	m := &catalogue.SeatMap{
		HallID: "hall", Version: 1, Width: 600, Height: 100 + seats/50*12, Stage: []int{200, 0, 400, 0, 400, 40, 200, 40},
		Zones:  []catalogue.Zone{{Code: "1F-A", Grade: "VIP"}},
		Grades: []catalogue.Grade{{Code: "VIP"}, {Code: "R"}},
	}
	for i := range seats {
		row, col := i/50+1, i%50+1
		grade := 1
		if row <= 2 {
			grade = 0
		}
		m.Seats = append(m.Seats, catalogue.Seat{
			No: fmt.Sprintf("1F-A-%d-%d", row, col), Grade: grade,
			Row: strconv.Itoa(row), Col: strconv.Itoa(col), X: col * 12, Y: 60 + row*12,
		})
	}
	m.Index()
	return m
}
