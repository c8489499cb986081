package bookingapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
)

func seededWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	if _, err := cataloguepg.Seed(context.Background(), w.pool, time.Now()); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestCatalogueReads(t *testing.T) {
	t.Parallel()
	w := seededWorld(t)

	seen := map[string]bool{}
	pages := 0
	for cursor := ""; ; pages++ {
		page := w.call("GET", "/v1/performances?limit=25&cursor="+cursor, nil).is(200)
		last := ""
		for _, p := range page.items() {
			id, day := p["id"].(string), p["starts_on"].(string)
			if seen[id] || day < last {
				t.Errorf("%s again, or out of order: %s after %s", id, day, last)
			}
			seen[id], last = true, day
		}
		if page.body["next_cursor"] == nil {
			break
		}
		cursor = page.str("next_cursor")
	}
	if len(seen) < 60 || pages < 2 {
		t.Errorf("%d performances on %d pages", len(seen), pages+1)
	}
	w.call("GET", "/v1/performances?cursor=rubbish", nil).is(400, "bad_cursor")
	titles := w.call("GET", "/v1/performances?sort=title&limit=1", nil).is(200).str("next_cursor")
	w.call("GET", "/v1/performances?cursor="+titles, nil).is(400, "bad_cursor")
	w.call("GET", "/v1/performances?limit=0", nil).is(422, "validation_failed")
	w.call("GET", "/v1/performances?limit=many", nil).is(422, "validation_failed")
	w.call("GET", "/v1/performances?sort=distance", nil).is(422, "validation_failed")
	w.call("GET", "/v1/performances?near=here", nil).is(422, "validation_failed")
	w.call("GET", "/v1/performances?from=yesterday", nil).is(422, "validation_failed")

	for query, want := range map[string]func(p map[string]any) bool{
		"category=musical":               func(p map[string]any) bool { return p["category"] == "musical" },
		"q=%ED%8C%8C%EB%9E%80%EB%B0%A4":  func(p map[string]any) bool { return strings.Contains(fmt.Sprint(p["title"], p["cast"]), "파란밤") },
		"venue=FC900010":                 func(p map[string]any) bool { return p["venue_id"] == "FC900010" },
		"near=35.15,129.06&radius_km=20": func(p map[string]any) bool { return p["venue_id"] == "FC900016" || p["venue_id"] == "FC900017" },
	} {
		items := w.call("GET", "/v1/performances?limit=100&"+query, nil).is(200).items()
		if len(items) == 0 {
			t.Errorf("%s: nothing", query)
		}
		for _, p := range items {
			if !want(p) {
				t.Errorf("%s: %v", query, p)
			}
		}
	}
	if later := w.call("GET", "/v1/performances?from=2199-01-01", nil).is(200).items(); len(later) != 0 {
		t.Errorf("%d performances in 2199", len(later))
	}

	venues := w.call("GET", "/v1/venues?near=37.5192,127.1273&radius_km=10", nil).is(200).items()
	if len(venues) < 3 || venues[0]["id"] != "FC900010" {
		t.Errorf("venues near the dome: %v", venues)
	}
	if venue := w.call("GET", "/v1/venues/FC900013", nil).is(200); venue.body["seats"] != 66704.0 || venue.str("name_en") != "Seoul World Cup Stadium" {
		t.Errorf("stadium: %s", venue.text)
	}
	w.call("GET", "/v1/venues/none", nil).is(404, "venue_not_found")
	performers := w.call("GET", "/v1/performers?limit=1", nil).is(200).items()
	w.call("GET", "/v1/performers/"+performers[0]["id"].(string), nil).is(200)
	w.call("GET", "/v1/performers/none", nil).is(404, "performer_not_found")
	w.call("GET", "/v1/performances/none", nil).is(404, "performance_not_found")
	w.call("GET", "/v1/performances/none/showtimes", nil).is(404, "performance_not_found")
	w.call("GET", "/v1/sales/none", nil).is(404, "sale_not_found")
	w.call("GET", "/v1/showtimes/none", nil).is(404, "showtime_not_found")
	w.call("GET", "/v1/nothing", nil).is(404, "not_found")
	w.call("POST", "/v1/venues", nil).is(405, "method_not_allowed")

	sale := w.call("GET", "/v1/sales/demo-onsale", nil).is(200)
	if sale.str("state") != "open" || sale.body["queued"] != true || sale.str("queue_url") != "/q/demo-onsale" || sale.body["max_seats_per_account"] != 4.0 {
		t.Errorf("sale: %s", sale.text)
	}
	showtimes := w.call("GET", "/v1/performances/"+sale.str("performance_id")+"/showtimes", nil).is(200).items()
	first := sale.body["showtime_ids"].([]any)[0].(string)
	if len(showtimes) == 0 || showtimes[0]["id"] != first {
		t.Errorf("showtimes %v, sale begins with %s", showtimes, first)
	}
	showtime := w.call("GET", "/v1/showtimes/"+first, nil).is(200)
	remaining := 0.0
	for _, p := range showtime.body["prices"].([]any) {
		remaining += p.(map[string]any)["remaining"].(float64)
	}
	if showtime.body["total"] != 15000.0 || remaining != 15000.0 {
		t.Errorf("showtime: %s", showtime.text)
	}

	for _, path := range []string{"/", "/performances/" + sale.str("performance_id")} {
		if a := w.call("GET", path, nil); a.status != 200 || !strings.Contains(a.text, "파란밤") {
			t.Errorf("page %s: %d %s", path, a.status, cut(a.text))
		}
	}
}

func TestReadsHaveETags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, showtime := w.sale(map[string]any{"seats": 100, "queued": false})
	for _, path := range []string{"/v1/venues", "/v1/performances", "/v1/showtimes/" + showtime + "/seatmap"} {
		tag := w.call("GET", path, nil).is(200).header.Get("ETag")
		again := w.call("GET", path, nil, "If-None-Match", tag).is(304)
		if tag == "" || again.text != "" || again.header.Get("ETag") != tag {
			t.Errorf("%s: ETag %q, then %q, %q", path, tag, again.header.Get("ETag"), again.text)
		}
		w.call("GET", path, nil, "If-None-Match", `"other"`).is(200)
	}
}

func TestSeatMapForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, showtime := w.sale(map[string]any{"seats": 321, "queued": false})
	path := "/v1/showtimes/" + showtime + "/seatmap"
	full := w.call("GET", path, nil, "Accept-Encoding", "identity").is(200)
	seats := full.body["seats"].([]any)
	if len(seats) != 321 || !strings.Contains(full.header.Get("Cache-Control"), "immutable") {
		t.Errorf("%d seats, %v", len(seats), full.header)
	}
	zipped := w.call("GET", path+"?format=compact", nil, "Accept-Encoding", "gzip").is(200)
	if zipped.header.Get("Content-Encoding") != "gzip" {
		t.Fatalf("headers %v", zipped.header)
	}
	r, err := gzip.NewReader(bytes.NewReader([]byte(zipped.text)))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	m, err := catalogue.DecodeSeatMap(compact)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range seats {
		if s.(map[string]any)["no"] != m.Seats[i].No {
			t.Fatalf("seat %d: %v in one form, %s in the other", i, s, m.Seats[i].No)
		}
	}
	w.call("GET", path+"?format=odd", nil).is(422, "validation_failed")
}

func TestEveryRouteIsInTheDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	document := w.call("GET", "/openapi.json", nil).is(200)
	if document.str("openapi")[:3] != "3.1" {
		t.Errorf("OpenAPI %s", document.str("openapi"))
	}
	paths := document.body["paths"].(map[string]any)
	pages := map[string]bool{"/": true, "/performances/:id": true, "/sales/:id/seats": true, "/bookings/:id/pay": true,
		"/me/bookings": true, "/terms": true, "/privacy": true, "/login": true, "/signup": true, "/static/:version/:name": true, "/v1/auth/forms/logout": true, "/v1/auth/forms/delete": true, "/me/delete": true, "/goodbye": true, "/favicon.ico": true, "/favicon.svg": true}
	served := 0
	for _, r := range w.service.app.GetRoutes(true) {
		if r.Method == http.MethodHead || pages[r.Path] || strings.HasPrefix(r.Path, "/openapi") || r.Path == "/v1" {
			continue
		}
		served++
		path := r.Path
		for _, param := range r.Params {
			path = strings.Replace(path, ":"+param, "{"+param+"}", 1)
		}
		operations, _ := paths[path].(map[string]any)
		operation, _ := operations[strings.ToLower(r.Method)].(map[string]any)
		if operation == nil || operation["summary"] == nil || operation["description"] == nil || operation["operationId"] == nil {
			t.Errorf("%s %s is not described: %v", r.Method, path, operation)
		}
	}
	if served < 30 {
		t.Errorf("only %d routes", served)
	}
	checkReferences(t, document.body, document.body)
}

// checkReferences resolves every $ref of the document.
func checkReferences(t *testing.T, document map[string]any, node any) {
	t.Helper()
	switch n := node.(type) {
	case []any:
		for _, v := range n {
			checkReferences(t, document, v)
		}
	case map[string]any:
		if ref, ok := n["$ref"].(string); ok {
			var at any = document
			for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				m, _ := at.(map[string]any)
				at = m[part]
			}
			if at == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		for _, v := range n {
			checkReferences(t, document, v)
		}
	}
}
