package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// SeatMap is a hall's map.
type SeatMap struct {
	Version int         `json:"version"`
	Width   int         `json:"width" doc:"Map units; a seat is 10 wide."`
	Height  int         `json:"height"`
	Stage   []int       `json:"stage" doc:"Polygon: x0,y0,x1,y1,…"`
	Zones   []SeatZone  `json:"zones"`
	Grades  []SeatGrade `json:"grades"`
	Seats   []Seat      `json:"seats" doc:"In the order of the bits of availability."`
}

// SeatZone is an area of the map.
type SeatZone struct {
	Code    string `json:"code" example:"1F-A"`
	Name    string `json:"name" example:"1층 A구역"`
	Grade   string `json:"grade" doc:"Of most of its seats."`
	Outline []int  `json:"outline"`
}

// SeatGrade is a price level.
type SeatGrade struct {
	Code   string `json:"code" example:"VIP"`
	Name   string `json:"name" example:"VIP석"`
	Colour string `json:"colour" example:"#8e5bd0"`
}

// Seat is one seat.
type Seat struct {
	No         string `json:"no" doc:"What holds name it by." example:"1F-A-12-7"`
	Row        string `json:"row" example:"12"`
	Col        string `json:"col" example:"7"`
	X          int    `json:"x"`
	Y          int    `json:"y"`
	Grade      string `json:"grade" example:"VIP"`
	Zone       string `json:"zone" example:"1F-A"`
	Accessible bool   `json:"accessible,omitempty"`
}

// CompactSeatMap is a hall's map as pages read it: `?format=compact`. It is stored in this
// form; here it is only described.
type CompactSeatMap struct {
	Hall       string      `json:"hall" example:"FC900010-01"`
	Version    int         `json:"version"`
	Width      int         `json:"width" doc:"Map units; a seat is 10 wide."`
	Height     int         `json:"height"`
	Stage      []int       `json:"stage" doc:"Polygon: x0,y0,x1,y1,…"`
	Grades     []SeatGrade `json:"grades"`
	Zones      []SeatZone  `json:"zones"`
	Total      int         `json:"total" doc:"Seats."`
	Runs       []SeatRun   `json:"runs" doc:"In the order of the bits of availability."`
	Accessible []int       `json:"accessible" doc:"Indices of seats."`
}

// SeatRun is neighbours of one zone, row and grade whose numbers follow one another.
type SeatRun struct {
	Zone  int    `json:"z" doc:"Index."`
	Grade int    `json:"g" doc:"Index."`
	Row   string `json:"r" example:"12"`
	First int    `json:"c" doc:"The first seat's number."`
	XY    []int  `json:"xy" doc:"The first centre, then the steps to the next seats."`
}

func seatMapOf(m *catalogue.SeatMap) SeatMap {
	out := SeatMap{
		Version: m.Version, Width: m.Width, Height: m.Height, Stage: m.Stage,
		Zones: make([]SeatZone, len(m.Zones)), Grades: make([]SeatGrade, len(m.Grades)), Seats: make([]Seat, len(m.Seats)),
	}
	for i, z := range m.Zones {
		out.Zones[i] = SeatZone(z)
	}
	for i, g := range m.Grades {
		out.Grades[i] = SeatGrade(g)
	}
	for i, s := range m.Seats {
		out.Seats[i] = Seat{
			No: s.No, Row: s.Row, Col: s.Col, X: s.X, Y: s.Y,
			Grade: m.Grades[s.Grade].Code, Zone: m.Zones[s.Zone].Code, Accessible: s.Accessible,
		}
	}
	return out
}

// mapBodies are the full maps, rendered and compressed once.
type mapBodies struct {
	catalogue Catalogue

	mu     sync.Mutex
	bodies map[string]*mapBody // by hall and version
}

type mapBody struct {
	once sync.Once
	gzip []byte
	err  error
}

func newMapBodies(c Catalogue) *mapBodies {
	return &mapBodies{catalogue: c, bodies: map[string]*mapBody{}}
}

const maxMapBodies = 200 // of at most 1 MB; then it starts afresh

// full returns the gzip of the map's JSON; whoever asks first renders it.
func (b *mapBodies) full(ctx context.Context, hallID string, version int) ([]byte, error) {
	key := strconv.Itoa(version) + "/" + hallID
	b.mu.Lock()
	body, ok := b.bodies[key]
	if !ok {
		if len(b.bodies) >= maxMapBodies {
			clear(b.bodies)
		}
		body = &mapBody{}
		b.bodies[key] = body
	}
	b.mu.Unlock()
	body.once.Do(func() { body.gzip, body.err = b.render(context.WithoutCancel(ctx), hallID) })
	if body.err != nil {
		b.mu.Lock()
		delete(b.bodies, key)
		b.mu.Unlock()
	}
	return body.gzip, body.err
}

func (b *mapBodies) render(ctx context.Context, hallID string) ([]byte, error) {
	m, err := b.catalogue.SeatMap(ctx, hallID)
	if err != nil {
		return nil, err
	}
	plain, err := json.Marshal(seatMapOf(m))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

type seatMapInput struct {
	IDInput
	Format         string `query:"format" enum:"full,compact" default:"full"`
	AcceptEncoding string `header:"Accept-Encoding" hidden:"true"`
	IfNoneMatch    string `header:"If-None-Match"`
}

func (a *api) seatMap(ctx context.Context, in *seatMapInput) (*raw, error) {
	t, err := a.Catalogue.Showtime(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body, version, err := a.Catalogue.SeatMapBody(ctx, t.HallID)
	if err != nil {
		return nil, err
	}
	out := &raw{
		Status: http.StatusOK, Type: jsonType, Vary: "Accept-Encoding", Cache: "public, max-age=31536000, immutable",
		ETag: fmt.Sprintf(`"%s-%d-%s"`, t.HallID, version, in.Format),
	}
	if httpd.MatchesTag(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
		return out, nil
	}
	if in.Format == "full" {
		if body, err = a.maps.full(ctx, t.HallID, version); err != nil {
			return nil, err
		}
	}
	if strings.Contains(in.AcceptEncoding, "gzip") {
		out.Encoding, out.Body = "gzip", body
		return out, nil
	}
	out.Body, err = catalogue.Unpack(body)
	return out, err
}

// jsonResponse describes a body that is not made by huma: one of the bodies.
func (a *api) jsonResponse(description string, bodies ...any) *huma.Response {
	schemas := make([]*huma.Schema, len(bodies))
	for i, body := range bodies {
		schemas[i] = huma.SchemaFromType(a.huma.OpenAPI().Components.Schemas, reflect.TypeOf(body))
	}
	schema := schemas[0]
	if len(schemas) > 1 {
		schema = &huma.Schema{OneOf: schemas}
	}
	return &huma.Response{Description: description, Content: map[string]*huma.MediaType{jsonType: {Schema: schema}}}
}
