package api

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
)

// Venue is a building.
type Venue struct {
	ID      string  `json:"id" example:"FC900010"`
	Name    string  `json:"name" example:"KSPO DOME (올림픽체조경기장)"`
	NameEN  string  `json:"name_en" example:"KSPO Dome"`
	Region  string  `json:"region" example:"서울"`
	Address string  `json:"address" example:"서울특별시 송파구 올림픽로 424"`
	Lat     float64 `json:"lat" example:"37.5192"`
	Lng     float64 `json:"lng" example:"127.1273"`
	Seats   int     `json:"seats" doc:"Of its largest hall." example:"15000"`
}

// VenueDetail is a venue with its halls.
type VenueDetail struct {
	Venue
	Halls []Hall `json:"halls"`
}

// Hall is a room with a seat map.
type Hall struct {
	ID    string `json:"id" example:"FC900010-01"`
	Name  string `json:"name"`
	Seats int    `json:"seats" example:"15000"`
}

// Performer is somebody who appears.
type Performer struct {
	ID   string `json:"id"`
	Name string `json:"name" example:"파란밤"`
}

// Performance is a production on sale.
type Performance struct {
	ID        string      `json:"id" example:"PF900001"`
	Title     string      `json:"title" example:"파란밤 월드투어: 처음의 빛"`
	Category  string      `json:"category" example:"concert"`
	VenueID   string      `json:"venue_id" example:"FC900010"`
	VenueName string      `json:"venue_name"`
	StartsOn  string      `json:"starts_on" format:"date" example:"2026-12-12"`
	EndsOn    string      `json:"ends_on" format:"date" doc:"The last day." example:"2026-12-13"`
	Runtime   string      `json:"runtime" example:"2시간 30분"`
	Age       string      `json:"age" example:"만 7세 이상"`
	Synopsis  string      `json:"synopsis"`
	PosterURL string      `json:"poster_url" doc:"A path on this origin, or empty."`
	Colour    string      `json:"colour" doc:"Stands in for a missing poster." example:"#7a3b4e"`
	Cast      []Performer `json:"cast"`
}

func venueOf(v catalogue.Venue) Venue             { return Venue(v) }
func performerOf(p catalogue.Performer) Performer { return Performer(p) }

func performanceOf(p catalogue.Performance) Performance {
	cast := make([]Performer, len(p.Cast))
	for i, performer := range p.Cast {
		cast[i] = Performer(performer)
	}
	return Performance{
		ID: p.ID, Title: p.Title, Category: p.Category, VenueID: p.VenueID, VenueName: p.VenueName,
		StartsOn: p.StartsOn.Format(time.DateOnly), EndsOn: p.EndsOn.Format(time.DateOnly),
		Runtime: p.Runtime, Age: p.Age, Synopsis: p.Synopsis, PosterURL: p.PosterURL, Colour: p.Colour, Cast: cast,
	}
}

// NearInput restricts a list to a circle.
type NearInput struct {
	Near     string  `query:"near" text:"opaque" maxLength:"60" doc:"lat,lng: only what is within radius_km." example:"37.52,127.12"`
	RadiusKM float64 `query:"radius_km" minimum:"0.1" maximum:"500" default:"20"`
}

// point reads near; nil when it is absent.
func (n NearInput) point() (*catalogue.Near, error) {
	if n.Near == "" {
		return nil, nil
	}
	latText, lngText, _ := strings.Cut(n.Near, ",")
	lat, latErr := strconv.ParseFloat(strings.TrimSpace(latText), 64)
	lng, lngErr := strconv.ParseFloat(strings.TrimSpace(lngText), 64)
	if latErr != nil || lngErr != nil || !(math.Abs(lat) <= 90) || !(math.Abs(lng) <= 180) {
		return nil, errs.ErrValidationFailed.WithField("query.near", "must be lat,lng in degrees")
	}
	return &catalogue.Near{Lat: lat, Lng: lng, RadiusKM: n.RadiusKM}, nil
}

// IDInput is the id in the path.
type IDInput struct {
	ID string `path:"id" maxLength:"80"`
}

type venuesInput struct {
	PageInput
	NearInput
	Q      string `query:"q" text:"query" maxLength:"100" doc:"Part of the name."`
	Region string `query:"region" text:"query" maxLength:"20" example:"서울"`
}

type performersInput struct {
	PageInput
	Q string `query:"q" text:"query" maxLength:"100" doc:"Part of the name."`
}

type performancesInput struct {
	PageInput
	NearInput
	Category  string `query:"category" text:"query" maxLength:"20" example:"concert"`
	From      string `query:"from" format:"date" doc:"Plays on this day or later." example:"2026-12-01"`
	To        string `query:"to" format:"date" doc:"Plays on this day or earlier."`
	Q         string `query:"q" text:"query" maxLength:"100" doc:"Part of the title, the venue's or a performer's name."`
	Venue     string `query:"venue" maxLength:"80" doc:"A venue's id."`
	Performer string `query:"performer" maxLength:"80" doc:"A performer's id."`
	Sort      string `query:"sort" enum:"date,title,distance" default:"date" doc:"distance needs near."`
}

func (a *api) catalogueRoutes() {
	read := func(id, path, summary, description string, fails ...*errs.Error) route {
		return route{tagged: true, fails: fails, Operation: huma.Operation{
			OperationID: id, Method: http.MethodGet, Path: path, Tags: []string{"catalogue"},
			Summary: summary, Description: description,
		}}
	}
	add(a, read("list-venues", "/v1/venues", "Venues", "By name; by distance with `near`."), a.venues)
	add(a, read("get-venue", "/v1/venues/{id}", "A venue", "With its halls.", catalogue.ErrVenueNotFound), a.venue)
	add(a, read("list-performers", "/v1/performers", "Performers", "By name."), a.performers)
	add(a, read("get-performer", "/v1/performers/{id}", "A performer", "Their performances: `GET /v1/performances?performer=`.", catalogue.ErrPerformerNotFound), a.performer)
	add(a, read("list-performances", "/v1/performances", "Performances", "By first day, title or distance, filtered."), a.performances)
	add(a, read("get-performance", "/v1/performances/{id}", "A performance", "With its cast.", catalogue.ErrPerformanceNotFound), a.performance)
	add(a, read("list-showtimes", "/v1/performances/{id}/showtimes", "A performance's showtimes", "By time, with the sale each belongs to.", catalogue.ErrPerformanceNotFound), a.showtimes)
	add(a, read("get-sale", "/v1/sales/{id}", "A sale", "Its window, its line and its state: `scheduled`, `open`, `sold_out` or `closed`.", catalogue.ErrSaleNotFound), a.sale)
}

func (a *api) venues(ctx context.Context, in *venuesInput) (*cached[listBody[Venue]], error) {
	near, err := in.point()
	if err != nil {
		return nil, err
	}
	order := "venues"
	if near != nil {
		order = "venues-near"
	}
	page, err := in.page(order)
	if err != nil {
		return nil, err
	}
	items, next, err := a.Catalogue.Venues(ctx, catalogue.VenueQuery{Page: page, Text: in.Q, Region: in.Region, Near: near})
	if err != nil {
		return nil, err
	}
	return listOf(order, items, next, venueOf)
}

func (a *api) venue(ctx context.Context, in *IDInput) (*cached[VenueDetail], error) {
	v, err := a.Catalogue.Venue(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	halls, err := a.Catalogue.Halls(ctx, v.ID)
	if err != nil {
		return nil, err
	}
	detail := VenueDetail{Venue: venueOf(v), Halls: make([]Hall, len(halls))}
	for i, h := range halls {
		detail.Halls[i] = Hall{ID: h.ID, Name: h.Name, Seats: h.Seats}
	}
	return forAMinute(detail), nil
}

func (a *api) performers(ctx context.Context, in *performersInput) (*cached[listBody[Performer]], error) {
	page, err := in.page("performers")
	if err != nil {
		return nil, err
	}
	items, next, err := a.Catalogue.Performers(ctx, catalogue.PerformerQuery{Page: page, Text: in.Q})
	if err != nil {
		return nil, err
	}
	return listOf("performers", items, next, performerOf)
}

func (a *api) performer(ctx context.Context, in *IDInput) (*cached[Performer], error) {
	p, err := a.Catalogue.Performer(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return forAMinute(performerOf(p)), nil
}

func (a *api) performances(ctx context.Context, in *performancesInput) (*cached[listBody[Performance]], error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	items, next, err := a.Catalogue.Performances(ctx, q)
	if err != nil {
		return nil, err
	}
	return listOf("performances-"+q.Sort, items, next, performanceOf)
}

func (in *performancesInput) query() (catalogue.PerformanceQuery, error) {
	q := catalogue.PerformanceQuery{
		Category: in.Category, Text: in.Q, VenueID: in.Venue, PerformerID: in.Performer, Sort: in.Sort,
	}
	var err error
	if q.Near, err = in.point(); err != nil {
		return q, err
	}
	if q.Sort == catalogue.SortDistance && q.Near == nil {
		return q, errs.ErrValidationFailed.WithField("query.sort", "distance needs near")
	}
	// The formats were checked with the schema; an absent day is the zero time.
	q.From, _ = time.Parse(time.DateOnly, in.From)
	q.To, _ = time.Parse(time.DateOnly, in.To)
	q.Page, err = in.page("performances-" + q.Sort)
	return q, err
}

func (a *api) performance(ctx context.Context, in *IDInput) (*cached[Performance], error) {
	p, err := a.Catalogue.Performance(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return forAMinute(performanceOf(p)), nil
}

// Sale is a window in which showtimes are sold.
type Sale struct {
	ID                 string    `json:"id" example:"demo-onsale"`
	PerformanceID      string    `json:"performance_id" example:"PF900001"`
	ShowtimeIDs        []string  `json:"showtime_ids" doc:"Earliest first."`
	OpensAt            time.Time `json:"opens_at"`
	ClosesAt           time.Time `json:"closes_at"`
	Queued             bool      `json:"queued" doc:"Whether holds and bookings need an entry pass."`
	QueueURL           string    `json:"queue_url" doc:"The waiting page; empty when not queued." example:"/q/demo-onsale"`
	MaxSeatsPerAccount int       `json:"max_seats_per_account" example:"4"`
	State              string    `json:"state" enum:"scheduled,open,sold_out,closed" example:"open"`
}

func (a *api) sale(ctx context.Context, in *IDInput) (*cached[Sale], error) {
	s, err := a.Catalogue.Sale(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	sale := Sale{
		ID: s.ID, PerformanceID: s.PerformanceID, ShowtimeIDs: s.ShowtimeIDs, OpensAt: s.OpensAt, ClosesAt: s.ClosesAt,
		Queued: s.Queued, MaxSeatsPerAccount: s.MaxSeatsPerAccount, State: s.State(a.Clock.Now()),
	}
	if s.Queued {
		sale.QueueURL = "/q/" + s.ID
	}
	return &cached[Sale]{Cache: "public, max-age=1", Body: sale}, nil
}
