package bookingapi

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestPlainHoldsAreAnsweredAsTheDescribedRouteDoes sends each request twice: as the
// short way takes it, and with a space at its end, which leaves it to huma.
func TestPlainHoldsAreAnsweredAsTheDescribedRouteDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(3)
	f, other, over := fans[0], fans[1], fans[2]
	_, open := w.sale(map[string]any{"seats": 20, "queued": false, "max_seats_per_account": 4})
	queuedSale, queued := w.sale(map[string]any{"seats": 20, "hold_seconds": 600})
	closedSale, closed := w.sale(map[string]any{"seats": 20, "queued": false})
	if _, err := w.pool.Exec(t.Context(), `UPDATE sale SET closes_at = now() - interval '1 second' WHERE id = $1`, closedSale); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the sale is over", func() bool {
		return w.call("GET", "/v1/sales/"+closedSale, nil).str("state") == "closed"
	})
	seats := w.seats(open, 12)
	w.hold(other, open, seats[0], seats[1]).is(201)
	w.hold(f, open, seats[2], seats[3]).is(201)
	replayed := with(f.auth, key())
	first := w.call("POST", holdsOf(open), seatsBody(seats[4]), replayed...).is(201)
	session := w.session(queuedSale, f)
	pass := w.pass(w.passes, session, f.id)
	foreign := w.pass(w.passes, w.session(queuedSale, over), over.id)

	for name, c := range map[string]struct {
		showtime string
		body     string
		headers  []string
		status   int
		code     string // of a refusal
	}{
		"nobody":             {open, seatsBody(seats[5]), key(), 401, "unauthenticated"},
		"a made-up token":    {open, seatsBody(seats[5]), with([]string{"Authorization", "Bearer x.y.z"}, key()), 401, "unauthenticated"},
		"another scheme":     {open, seatsBody(seats[5]), with([]string{"Authorization", "Basic eA=="}, key()), 401, "unauthenticated"},
		"no key":             {open, seatsBody(seats[5]), f.auth, 400, "idempotency_key_required"},
		"too long a key":     {open, seatsBody(seats[5]), with(f.auth, []string{"Idempotency-Key", strings.Repeat("k", 201)}), 400, "idempotency_key_required"},
		"no pass":            {queued, seatsBody(seats[5]), with(f.auth, key()), 403, "pass_required"},
		"rubbish for a pass": {queued, seatsBody(seats[5]), with(f.auth, key(), []string{"Entry-Pass", "rubbish"}), 403, "pass_invalid"},
		"another's pass":     {queued, seatsBody(seats[5]), with(f.auth, key(), []string{"Entry-Pass", foreign}), 403, "pass_invalid"},
		"a cookie elsewhere": {queued, seatsBody(seats[5]), with(f.auth, key(), []string{"Cookie", "entry_pass_" + queuedSale + "=" + pass}), 403, "forbidden"},
		"a pass, wrong seat": {queued, seatsBody("nowhere"), with(f.auth, key(), []string{"Entry-Pass", pass}), 422, "unknown_seat"},
		"no such showtime":   {"none", seatsBody(seats[5]), with(f.auth, key()), 404, "showtime_not_found"},
		"too long an id":     {strings.Repeat("x", 81), seatsBody(seats[5]), with(f.auth, key()), 422, "validation_failed"},
		"a closed sale":      {closed, seatsBody(seats[5]), with(f.auth, key()), 409, "sale_closed"},
		"a seat twice":       {open, seatsBody(seats[5], seats[5]), with(f.auth, key()), 422, "validation_failed"},
		"an empty number":    {open, seatsBody(""), with(f.auth, key()), 422, "unknown_seat"},
		"more than allowed":  {open, seatsBody(seats[5:10]...), with(f.auth, key()), 422, "validation_failed"},
		"more than anybody":  {open, seatsBody(make([]string, 101)...), with(f.auth, key()), 422, "validation_failed"},
		"taken":              {open, seatsBody(seats[0], seats[1]), with(f.auth, key()), 409, "seat_taken"},
		"over the limit":     {open, seatsBody(seats[5:8]...), with(f.auth, key()), 409, "seat_limit"},
		"another request":    {open, seatsBody(seats[6]), replayed, 422, "idempotency_key_reused"},
		"the same again":     {open, seatsBody(seats[4]), replayed, 201, ""},
	} {
		plain := w.call("POST", holdsOf(c.showtime), c.body, c.headers...)
		described := w.call("POST", holdsOf(c.showtime), c.body+" ", c.headers...)
		if plain.status != c.status || c.code != "" && plain.body["code"] != c.code {
			t.Errorf("%s: %d %s; want %d %s", name, plain.status, cut(plain.text), c.status, c.code)
		}
		if plain.status != described.status || !reflect.DeepEqual(plain.body, described.body) {
			t.Errorf("%s: %d %s; described: %d %s", name, plain.status, cut(plain.text), described.status, cut(described.text))
		}
		if a, b := lasting(plain.header), lasting(described.header); !reflect.DeepEqual(a, b) {
			t.Errorf("%s: headers %v; described: %v", name, a, b)
		}
	}
	again := w.call("POST", holdsOf(open), seatsBody(seats[4])+" ", replayed...).is(201)
	if again.text != first.text {
		t.Errorf("the short way answered %s, the described %s", first.text, again.text)
	}
	mine := w.call("GET", "/v1/holds/"+first.str("hold_id"), nil, f.auth...).is(200)
	if !reflect.DeepEqual(mine.body, first.body) {
		t.Errorf("the hold is %s; it was answered %s", mine.text, first.text)
	}
	through := w.call("POST", holdsOf(queued), seatsBody(w.seats(queued, 1)...), with(f.auth, key(), []string{"Entry-Pass", pass})...).is(201)
	// The rest of the session is measured here and counted from when Redis places the hold,
	// a moment later.
	const moment = 5 * time.Second
	if ends, err := time.Parse(time.RFC3339, through.str("expires_at")); err != nil || ends.After(session.EndsAt.Add(moment)) {
		t.Errorf("the hold ends at %s, after its session at %s (%v)", ends, session.EndsAt, err)
	}
}

func holdsOf(showtimeID string) string { return "/v1/showtimes/" + showtimeID + "/holds" }

func seatsBody(seats ...string) string { return `{"seats":["` + strings.Join(seats, `","`) + `"]}` }

// lasting are the headers that do not differ between two answers to one request.
func lasting(h http.Header) http.Header {
	h = maps.Clone(h)
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		h.Del(name)
	}
	return h
}
