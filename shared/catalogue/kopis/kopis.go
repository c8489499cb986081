// Package kopis reads the XML of the KOPIS open API (the Korea Performing Arts Box
// Office Information System): details of venues and of performances.
//
// Prices and times are free text there; what can be read of them is, the rest is
// left out.
package kopis

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/text"
)

// Seoul is the zone of all its dates and times.
var Seoul = time.FixedZone("KST", 9*60*60)

// Venue is the detail of a venue (/prfplc/{mt10id}).
type Venue struct {
	ID       string `xml:"mt10id"`
	Name     string `xml:"fcltynm"`
	Region   string `xml:"sidonm"`
	Address  string `xml:"adres"`
	SeatText string `xml:"seatscale"` // "1,241"
	LatText  string `xml:"la"`
	LngText  string `xml:"lo"`
	Halls    []Hall `xml:"mt13s>mt13"`

	Seats    int     `xml:"-"`
	Lat, Lng float64 `xml:"-"`
}

// Hall is a room of a venue.
type Hall struct {
	ID       string `xml:"mt13id"`
	Name     string `xml:"prfplcnm"`
	SeatText string `xml:"seatscale"`
	Seats    int    `xml:"-"`
}

// Performance is the detail of a performance (/pblprfr/{mt20id}).
type Performance struct {
	ID        string `xml:"mt20id"`
	Title     string `xml:"prfnm"`
	FromText  string `xml:"prfpdfrom"` // "2026.01.10"
	ToText    string `xml:"prfpdto"`
	VenueID   string `xml:"mt10id"`
	HallID    string `xml:"mt13id"`
	Genre     string `xml:"genrenm"`
	CastText  string `xml:"prfcast"`
	Runtime   string `xml:"prfruntime"`
	Age       string `xml:"prfage"`
	PriceText string `xml:"pcseguidance"`
	Synopsis  string `xml:"sty"`
	Poster    string `xml:"poster"`
	TimeText  string `xml:"dtguidance"`

	From, To time.Time `xml:"-"` // first and last day, midnight UTC
}

// item is one <db> before it is known what it holds.
type item struct {
	ReturnCode string `xml:"returncode"`
	Message    string `xml:"errmsg"`
	Inner      []byte `xml:",innerxml"`
}

// read decodes <dbs><db>…; errors come as HTTP 200 with a returncode in a <db>.
func read[T any](r io.Reader, finish func(*T) error) ([]T, error) {
	var raw struct {
		Items []item `xml:"db"`
	}
	if err := xml.NewDecoder(r).Decode(&raw); err != nil {
		return nil, fmt.Errorf("kopis: %w", err)
	}
	values := make([]T, 0, len(raw.Items))
	for _, item := range raw.Items {
		const ok, noData = "00", "04"
		switch item.ReturnCode {
		case "", ok:
		case noData:
			continue
		default:
			return nil, fmt.Errorf("kopis: code %s: %s", item.ReturnCode, item.Message)
		}
		var value T
		if err := xml.Unmarshal(slices.Concat([]byte("<db>"), item.Inner, []byte("</db>")), &value); err != nil {
			return nil, fmt.Errorf("kopis: %w", err)
		}
		if err := finish(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// ReadVenues reads details of venues.
func ReadVenues(r io.Reader) ([]Venue, error) {
	return read(r, func(v *Venue) error {
		var err error
		tidy(&v.ID, &v.Name, &v.Region, &v.Address)
		v.Seats = number(v.SeatText)
		for i := range v.Halls {
			tidy(&v.Halls[i].ID, &v.Halls[i].Name)
			v.Halls[i].Seats = number(v.Halls[i].SeatText)
		}
		if v.Lat, err = strconv.ParseFloat(v.LatText, 64); err != nil {
			return fmt.Errorf("kopis: venue %s: latitude %q", v.ID, v.LatText)
		}
		if v.Lng, err = strconv.ParseFloat(v.LngText, 64); err != nil {
			return fmt.Errorf("kopis: venue %s: longitude %q", v.ID, v.LngText)
		}
		return nil
	})
}

// ReadPerformances reads details of performances.
func ReadPerformances(r io.Reader) ([]Performance, error) {
	return read(r, func(p *Performance) error {
		var err error
		tidy(&p.ID, &p.Title, &p.VenueID, &p.HallID, &p.Genre, &p.CastText, &p.Runtime, &p.Age, &p.PriceText, &p.Poster, &p.TimeText)
		if synopsis, err := text.Note(p.Synopsis); err == nil { // of many lines
			p.Synopsis = synopsis
		} else {
			tidy(&p.Synopsis)
		}
		if p.From, err = time.Parse("2006.01.02", p.FromText); err != nil {
			return fmt.Errorf("kopis: performance %s: first day %q", p.ID, p.FromText)
		}
		if p.To, err = time.Parse("2006.01.02", p.ToText); err != nil {
			return fmt.Errorf("kopis: performance %s: last day %q", p.ID, p.ToText)
		}
		return nil
	})
}

// tidy brings texts into the form in which they are searched and compared: people type
// them in the offices of venues.
func tidy(texts ...*string) {
	for _, s := range texts {
		*s = text.Query(*s)
	}
}

func number(digits string) int {
	n, _ := strconv.Atoi(strings.ReplaceAll(strings.TrimSpace(digits), ",", ""))
	return n
}

// Cast returns the names in prfcast, without a final "등" (and others).
func (p Performance) Cast() []string {
	var names []string
	for _, name := range strings.Split(p.CastText, ",") {
		if name = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(name), " 등")); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Price is one price level as it is worded: "VIP석", 165,000.
type Price struct {
	Name   string
	Amount money.KRW
}

// Prices reads pcseguidance: "VIP석 165,000원, R석 140,000원".
func (p Performance) Prices() []Price {
	var prices []Price
	for _, part := range strings.Split(p.PriceText, "원") {
		part = strings.TrimLeft(part, ", ")
		at := strings.LastIndexByte(part, ' ')
		if at < 0 {
			continue
		}
		if amount := number(part[at+1:]); amount > 0 {
			prices = append(prices, Price{Name: strings.TrimSpace(part[:at]), Amount: money.KRW(amount)})
		}
	}
	return prices
}
