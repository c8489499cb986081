//go:build acceptance

package acceptance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

func TestCatalogueLists(t *testing.T) {
	t.Parallel()
	for path, members := range map[string][]string{
		"/v1/venues":       {"id string", "name string"},
		"/v1/performers":   {"id string", "name string"},
		"/v1/performances": {"id string", "title string", "category string"},
	} {
		seen, cursor := map[any]bool{}, ""
		for range 3 {
			page := call(t, "GET", path+"?limit=3&cursor="+url.QueryEscape(cursor)).is(200)
			for _, item := range page.items() {
				has(t, path, item, members...)
				if seen[item["id"]] {
					t.Errorf("%s: %v is on two pages", path, item["id"])
				}
				seen[item["id"]] = true
				one := call(t, "GET", fmt.Sprintf("%s/%v", path, item["id"])).is(200)
				if one.text("id") != item["id"] {
					t.Errorf("%s is %s", one.call, one.raw)
				}
			}
			cursor = page.text("next_cursor")
		}
		if len(seen) != 9 {
			t.Errorf("%s: three pages of three have %d", path, len(seen))
		}
		call(t, "GET", path+"?cursor=rubbish").problem(400, "bad_cursor")
		call(t, "GET", path+"?limit=0").problem(422, "validation_failed")
		call(t, "GET", path+"?limit=many").problem(422, "validation_failed")
		call(t, "GET", path+"/there-is-none").is(404)
		list := call(t, "GET", path).is(200)
		if tag := list.header.Get("ETag"); tag == "" || call(t, "GET", path, header("If-None-Match", tag)).status != 304 {
			t.Errorf("%s: ETag %q does not give 304", path, tag)
		}
	}
}

func TestPerformanceFilters(t *testing.T) {
	t.Parallel()
	for _, item := range call(t, "GET", "/v1/performances?category=concert&limit=50").is(200).items() {
		if item["category"] != "concert" {
			t.Errorf("category=concert lists %v", item)
		}
	}
	if everything := call(t, "GET", "/v1/performances?limit=100").is(200).items(); len(everything) < 60 {
		t.Errorf("%d performances, want 60 or more", len(everything))
	}
	first := call(t, "GET", "/v1/performances?limit=1").items()[0]["title"].(string)
	found := call(t, "GET", "/v1/performances?q="+url.QueryEscape(first)).is(200).items()
	if len(found) == 0 || !strings.Contains(found[0]["title"].(string), first) {
		t.Errorf("q=%s finds %v", first, found)
	}
	near := call(t, "GET", "/v1/venues?near=37.5192,127.1273&radius_km=2").is(200).items()
	far := call(t, "GET", "/v1/venues?near=33.0,120.0&radius_km=2").is(200).items()
	if len(near) == 0 || len(far) != 0 {
		t.Errorf("%d venues near the Olympic Park, %d in the sea", len(near), len(far))
	}
	call(t, "GET", "/v1/performances?near=37.5192,127.1273&radius_km=5&sort=distance").is(200)
	for _, bad := range []string{"near=here", "from=yesterday", "sort=sideways", "near=37.5,127.1&radius_km=-1"} {
		call(t, "GET", "/v1/performances?"+bad).problem(422, "validation_failed")
	}
	call(t, "GET", "/v1/performances?from=2020-01-01&to=2020-01-02").is(200)
}

func TestSaleAndShowtime(t *testing.T) {
	t.Parallel()
	demo := call(t, "GET", "/v1/sales/demo-onsale").is(200).has("id string", "performance_id string", "showtime_ids array", "opens_at time", "closes_at time",
		"queued bool", "queue_url string", "max_seats_per_account number", "state string")
	if demo.object()["queued"] != true || demo.number("max_seats_per_account") != 4 || demo.text("queue_url") != "/q/demo-onsale" {
		t.Errorf("demo-onsale is %s", demo.raw)
	}
	if plain := call(t, "GET", "/v1/sales/demo-plain").is(200); plain.object()["queued"] != false || plain.text("state") != "open" {
		t.Errorf("demo-plain is %s", plain.raw)
	}
	call(t, "GET", "/v1/sales/there-is-none").is(404)
	showtime := demo.object()["showtime_ids"].([]any)[0].(string)
	show := call(t, "GET", "/v1/showtimes/"+showtime).is(200).has("id string", "starts_at time", "prices array")
	for _, price := range show.object()["prices"].([]any) {
		has(t, "price", price.(map[string]any), "grade string", "amount number", "remaining number")
		if amount := price.(map[string]any)["amount"].(float64); amount < 10_000 {
			t.Errorf("a price of %v", amount)
		}
	}
	if total := call(t, "GET", "/v1/showtimes/"+showtime+"/availability").is(200).number("total"); total < 10_000 {
		t.Errorf("%d seats, want 10,000 or more", total)
	}
	call(t, "GET", "/v1/showtimes/there-is-none").is(404)
	list := call(t, "GET", "/v1/performances/"+demo.text("performance_id")+"/showtimes").is(200).items()
	if len(list) < 2 || list[0]["id"] != showtime {
		t.Errorf("the showtimes of demo-onsale's performance: %v", list)
	}
	call(t, "GET", "/v1/performances/there-is-none/showtimes").is(404)
}

func TestSeatMap(t *testing.T) {
	t.Parallel()
	s := plainSale(t, 30, nil)
	a := call(t, "GET", "/v1/showtimes/"+s.showtime+"/seatmap").is(200).has("zones array", "grades array", "seats array")
	if _, there := a.object()["version"]; !there {
		t.Error("the seat map has no version")
	}
	seat := a.object()["seats"].([]any)[0].(map[string]any)
	has(t, "seat", seat, "no string", "row string", "col string", "x number", "y number", "grade string", "zone string")
	if tag := a.header.Get("ETag"); tag == "" || call(t, "GET", "/v1/showtimes/"+s.showtime+"/seatmap", header("If-None-Match", tag)).status != 304 {
		t.Errorf("ETag %q does not give 304", tag)
	}
	if !strings.Contains(a.header.Get("Cache-Control"), "max-age") {
		t.Errorf("Cache-Control %q", a.header.Get("Cache-Control"))
	}
	call(t, "GET", "/v1/showtimes/there-is-none/seatmap").is(404)
	call(t, "GET", "/v1/showtimes/there-is-none/availability").is(404)
	call(t, "GET", "/v1/showtimes/there-is-none/availability/events").is(404)
}

// states decodes the bitset: one state a seat, in the order of the map.
func states(t *testing.T, a answer) []byte {
	t.Helper()
	packed, err := base64.StdEncoding.DecodeString(a.text("bitset"))
	if err != nil {
		t.Fatal(err)
	}
	total := int(a.number("total"))
	if len(packed) != (total+3)/4 {
		t.Fatalf("%d bytes for %d seats", len(packed), total)
	}
	decoded := make([]byte, total)
	for i := range decoded {
		decoded[i] = packed[i/4] >> (2 * (i % 4)) & 3
	}
	return decoded
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	path := "/v1/showtimes/" + s.showtime + "/availability"
	empty := call(t, "GET", path).is(200).has("version number", "total number", "remaining number", "bitset string")
	if empty.number("total") != 30 || empty.number("remaining") != 30 || strings.Trim(string(states(t, empty)), "\x00") != "" {
		t.Errorf("a new showtime has %s", empty.raw)
	}
	events := stream(t, path+fmt.Sprintf("/events?since=%d", empty.number("version")))
	held(t, s, f, []string{s.seats[5]}).is(201)
	delta := next(t, events, "the hold in the stream", func(e sent) bool { return e.kind == "delta" && changed(t, e, 5) == 1 })
	bought(t, s, f, []string{s.seats[10]})
	next(t, events, "the sold seat in the stream", func(e sent) bool { return e.kind == "delta" && changed(t, e, 10) == 2 })
	eventually(t, "one held and one sold in the bitset", func() bool {
		now := call(t, "GET", path).is(200)
		all := states(t, now)
		return all[5] == 1 && all[10] == 2 && now.number("remaining") == 28 && now.number("version") > empty.number("version")
	})
	var list struct{ Taken []string }
	if err := json.Unmarshal(call(t, "GET", path+"?format=list").is(200).raw, &list); err != nil || quoted(list.Taken) != quoted([]string{s.seats[5], s.seats[10]}) {
		t.Errorf("?format=list: %v %v", list, err)
	}
	again := stream(t, path+"/events", header("Last-Event-ID", delta.id))
	next(t, again, "the replay after the hold", func(e sent) bool { return e.kind == "delta" && changed(t, e, 10) == 2 || e.kind == "snapshot" })
	old := stream(t, path+"/events?since=1")
	next(t, old, "a snapshot after too large a gap", func(e sent) bool { return e.kind == "snapshot" })
	remaining := 0.0
	for _, price := range call(t, "GET", "/v1/showtimes/"+s.showtime).is(200).object()["prices"].([]any) {
		remaining += price.(map[string]any)["remaining"].(float64)
	}
	if remaining != 28 {
		t.Errorf("the grades have %v seats left, want 28", remaining)
	}
}

// changed is the new state of a seat in a delta, or -1.
func changed(t *testing.T, e sent, seat int) int {
	t.Helper()
	changes, _ := e.object(t)["changes"].([]any)
	for _, change := range changes {
		if pair := change.([]any); int(pair[0].(float64)) == seat {
			return int(pair[1].(float64))
		}
	}
	return -1
}
