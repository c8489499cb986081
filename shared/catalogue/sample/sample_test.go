package sample

import (
	"testing"
	"time"
)

func TestSampleIsComplete(t *testing.T) {
	t.Parallel()
	now := time.Date(2027, 3, 10, 15, 0, 0, 0, time.UTC)
	set, err := Load(now)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Venues) != 20 || len(set.Halls) != 20 || len(set.Shows) < 60 {
		t.Fatalf("%d venues, %d halls, %d shows", len(set.Venues), len(set.Halls), len(set.Shows))
	}
	halls := map[string]Hall{}
	for _, h := range set.Halls {
		halls[h.ID] = h
	}
	categories, ids := map[string]int{}, map[string]bool{}
	for _, s := range set.Shows {
		categories[s.Category]++
		if s.StartsOn.Before(now.AddDate(0, 0, 7)) || s.EndsOn.Before(s.StartsOn) {
			t.Errorf("%s plays %s – %s", s.ID, s.StartsOn, s.EndsOn)
		}
		if len(s.Starts) == 0 || len(s.Cast) == 0 || halls[s.HallID].VenueID != s.VenueID {
			t.Errorf("%s: %d showtimes, %d performers, hall %q", s.ID, len(s.Starts), len(s.Cast), s.HallID)
		}
		for _, showtime := range s.Showtimes("") {
			if ids[showtime.ID] {
				t.Errorf("showtime %s twice", showtime.ID)
			}
			ids[showtime.ID] = true
		}
	}
	if len(categories) < 6 {
		t.Errorf("categories %v", categories)
	}
}

func TestEveryGradeOfAHallHasAPrice(t *testing.T) {
	t.Parallel()
	set, err := Load(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	codes := map[string][]string{}
	for _, h := range set.Halls {
		for _, g := range SeatMap(h.ID, h.Kind, h.Seats).Grades {
			codes[h.ID] = append(codes[h.ID], g.Code)
		}
	}
	for _, s := range set.Shows {
		for _, code := range codes[s.HallID] {
			if s.Prices[code] < 10_000 {
				t.Errorf("%s: grade %s costs %d", s.ID, code, s.Prices[code])
			}
		}
	}
}
