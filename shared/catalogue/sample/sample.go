// Package sample is the catalogue of a development system: real Korean venues with
// halls of their true size, and invented performances, in the KOPIS format.
package sample

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/kopis"
	"github.com/fairgate/fairgate/shared/money"
)

//go:embed data/venues.xml
var venuesXML []byte

//go:embed data/performances.xml
var performancesXML []byte

//go:embed data/halls.csv
var hallsCSV []byte // what KOPIS does not say: English name, kind of hall

// The performances that are on sale: see api.md, Development data.
const (
	OnSalePerformance = "PF900001"
	PlainPerformance  = "PF900002"
)

// Hall is a hall and the shape of its map.
type Hall struct {
	catalogue.Hall
	Kind Kind
}

// Show is a performance with what its showtimes are made of.
type Show struct {
	catalogue.Performance
	HallID string
	Starts []time.Time
	Prices map[string]money.KRW // by grade code
}

// Set is the whole sample.
type Set struct {
	Venues []catalogue.Venue
	Halls  []Hall
	Shows  []Show
}

// written is the Monday that the dates in the files count from.
var written = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

const week = 7 * 24 * time.Hour

// Load reads the sample and moves its dates so that its first week begins on the
// Monday two weeks after now's.
func Load(now time.Time) (Set, error) {
	var set Set
	if err := set.readVenues(); err != nil {
		return Set{}, err
	}
	shows, err := kopis.ReadPerformances(bytes.NewReader(performancesXML))
	if err != nil {
		return Set{}, err
	}
	weeks := int(now.Sub(written)/week) + 2
	venues := map[string]string{}
	for _, v := range set.Venues {
		venues[v.ID] = v.Name
	}
	for _, p := range shows {
		show, err := showOf(p, venues[p.VenueID])
		if err != nil {
			return Set{}, err
		}
		set.Shows = append(set.Shows, show.Later(weeks))
	}
	return set, nil
}

func (s *Set) readVenues() error {
	venues, err := kopis.ReadVenues(bytes.NewReader(venuesXML))
	if err != nil {
		return err
	}
	lines, err := csv.NewReader(bytes.NewReader(hallsCSV)).ReadAll()
	if err != nil {
		return fmt.Errorf("sample: %w", err)
	}
	type detail struct {
		nameEN string
		kind   Kind
	}
	details := map[string]detail{}
	for _, line := range lines[1:] {
		details[line[0]] = detail{line[1], Kind(line[2])}
	}
	for _, v := range venues {
		s.Venues = append(s.Venues, catalogue.Venue{
			ID: v.ID, Name: v.Name, NameEN: details[v.ID].nameEN, Region: v.Region,
			Address: v.Address, Lat: v.Lat, Lng: v.Lng, Seats: v.Seats,
		})
		for _, h := range v.Halls {
			s.Halls = append(s.Halls, Hall{
				Hall: catalogue.Hall{ID: h.ID, VenueID: v.ID, Name: h.Name, Seats: h.Seats, MapVersion: MapVersion},
				Kind: details[v.ID].kind,
			})
		}
	}
	return nil
}

var categories = map[string]string{
	"대중음악": "concert", "뮤지컬": "musical", "연극": "play", "서양음악(클래식)": "classical",
	"무용(서양/한국무용)": "dance", "한국음악(국악)": "gugak",
}

var colours = []string{"#7a3b4e", "#2f4a7a", "#3f6b57", "#7a5a2a", "#5a3f7a", "#2a6a7a", "#7a402a", "#4a5568"}

func showOf(p kopis.Performance, venueName string) (Show, error) {
	category, ok := categories[p.Genre]
	if !ok || venueName == "" {
		return Show{}, fmt.Errorf("sample: performance %s: genre %q, venue %q", p.ID, p.Genre, p.VenueID)
	}
	show := Show{
		Performance: catalogue.Performance{
			ID: p.ID, Title: p.Title, Category: category, VenueID: p.VenueID, VenueName: venueName,
			StartsOn: p.From, EndsOn: p.To, Runtime: p.Runtime, Age: p.Age, Synopsis: p.Synopsis,
			Colour: colours[int(p.ID[len(p.ID)-1]-'0')%len(colours)],
		},
		HallID: p.HallID, Starts: p.Showtimes(), Prices: map[string]money.KRW{},
	}
	for _, name := range p.Cast() {
		show.Cast = append(show.Cast, catalogue.Performer{ID: performerID(name), Name: name})
	}
	for _, price := range p.Prices() {
		code, err := gradeCode(price.Name)
		if err != nil {
			return Show{}, err
		}
		show.Prices[code] = price.Amount
	}
	return show, nil
}

// performerID is the same for the same name, as KOPIS gives performers no ids.
func performerID(name string) string {
	sum := sha256.Sum256([]byte(name))
	return "prf-" + hex.EncodeToString(sum[:6])
}

func gradeCode(name string) (string, error) {
	for _, g := range grades {
		if g.Name == strings.TrimSpace(name) {
			return g.Code, nil
		}
	}
	return "", fmt.Errorf("sample: no grade is called %q", name)
}

// Later returns the show moved by whole weeks.
func (s Show) Later(weeks int) Show {
	move := func(t time.Time) time.Time { return t.AddDate(0, 0, 7*weeks) }
	s.StartsOn, s.EndsOn = move(s.StartsOn), move(s.EndsOn)
	starts := make([]time.Time, len(s.Starts))
	for i, t := range s.Starts {
		starts[i] = move(t)
	}
	s.Starts = starts
	return s
}

// Showtimes returns the show's showtimes in the sale, or in none when saleID is empty.
func (s Show) Showtimes(saleID string) []catalogue.Showtime {
	showtimes := make([]catalogue.Showtime, len(s.Starts))
	for i, start := range s.Starts {
		showtimes[i] = catalogue.Showtime{
			ID:            s.ID + "-" + start.In(kopis.Seoul).Format("20060102-1504"),
			PerformanceID: s.ID, SaleID: saleID, HallID: s.HallID, StartsAt: start, Prices: s.Prices,
		}
	}
	return showtimes
}
