package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// fan is an account with its place and its pass, as far as it has come.
type fan struct {
	token, place, pass string
}

func (f *fan) headers(more ...header) []header {
	all := slices.Clone(more)
	if f.token != "" {
		all = append(all, header{"Authorization", "Bearer " + f.token})
	}
	if f.place != "" {
		all = append(all, header{"Place-Token", f.place})
	}
	if f.pass != "" {
		all = append(all, header{"Entry-Pass", f.pass})
	}
	return all
}

// saleOptions describe a sale with a hall of its own.
type saleOptions struct {
	Seats              int  `json:"seats"`
	Queued             bool `json:"queued"`
	Capacity           int  `json:"capacity,omitempty"`
	RatePerMinute      int  `json:"rate_per_minute,omitempty"`
	SessionSeconds     int  `json:"session_seconds,omitempty"`
	HoldSeconds        int  `json:"hold_seconds"`
	MaxSeatsPerAccount int  `json:"max_seats_per_account"`
	Price              int  `json:"price"` // KRW a seat
}

// hurry are the settings of a line that holds nobody up.
func hurry(o saleOptions) saleOptions {
	o.Queued, o.Capacity, o.RatePerMinute, o.SessionSeconds = true, 1_000_000, 600_000, 3_600
	return o
}

// sale is what was made.
type sale struct {
	ID       string `json:"sale_id"`
	Showtime string `json:"showtime_id"`
}

// newSale makes a sale and waits until its line, if it has one, is open.
func (b *Bench) newSale(ctx context.Context, o saleOptions) (sale, error) {
	var made sale
	if err := b.post(ctx, "/v1/dev/sales", o, &made); err != nil || !o.Queued {
		return made, err
	}
	return made, b.lineIs(ctx, made.ID, "open")
}

// lineIs waits until a line exists and is in a state.
func (b *Bench) lineIs(ctx context.Context, id, state string) error {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	for {
		raw, err := fetch(ctx, "GET", b.url("/v1/queues/"+id), nil)
		var line struct{ State string }
		if err == nil && json.Unmarshal(raw, &line) == nil && line.State == state {
			return nil
		}
		if pause(ctx, 100*time.Millisecond) != nil {
			return fmt.Errorf("the line %s is %q, not %s: %w", id, line.State, state, errors.Join(err, ctx.Err()))
		}
	}
}

const accountsAtOnce = 2_000

func (b *Bench) accounts(ctx context.Context, count int) ([]*fan, error) {
	var fans []*fan
	for len(fans) < count {
		var made struct {
			Items []struct {
				Token string `json:"access_token"`
			}
		}
		ask := map[string]any{"count": min(accountsAtOnce, count-len(fans)), "prefix": unique("bench")}
		if err := b.post(ctx, "/v1/dev/accounts", ask, &made); err != nil {
			return nil, err
		}
		for _, a := range made.Items {
			fans = append(fans, &fan{token: a.Token})
		}
	}
	return fans, nil
}

func (b *Bench) url(path string) string { return "http://" + b.System.gateway() + path }

func (b *Bench) post(ctx context.Context, path string, body, into any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := fetch(ctx, "POST", b.url(path), bytes.NewReader(raw))
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, into)
}

// entered makes fans that have gone through the line of a sale and have their passes.
func (b *Bench) entered(ctx context.Context, saleID string, count int) ([]*fan, error) {
	fans, err := b.accounts(ctx, count)
	if err != nil {
		return nil, err
	}
	if err := b.each(ctx, fans, func(c *connection, f *fan) error { return f.join(c, saleID) }); err != nil {
		return nil, err
	}
	waiting := fans
	for len(waiting) > 0 {
		if err := b.each(ctx, waiting, func(c *connection, f *fan) error {
			_, err := f.enter(c, saleID)
			return err
		}); err != nil {
			return nil, err
		}
		waiting = withoutPass(waiting)
		if err := pause(ctx, 250*time.Millisecond); err != nil {
			return nil, fmt.Errorf("%d fans have not entered: %w", len(waiting), err)
		}
	}
	return fans, nil
}

func withoutPass(fans []*fan) []*fan {
	var waiting []*fan
	for _, f := range fans {
		if f.pass == "" {
			waiting = append(waiting, f)
		}
	}
	return waiting
}

const eachConnections = 32

// each does something for every fan over a few connections to the gateway; the
// first error ends it.
func (b *Bench) each(ctx context.Context, fans []*fan, do func(c *connection, f *fan) error) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var taken atomic.Int64
	var workers sync.WaitGroup
	for range min(eachConnections, len(fans)) {
		workers.Go(func() {
			c := &connection{addr: b.System.gateway()}
			defer c.close()
			for ctx.Err() == nil {
				i := int(taken.Add(1)) - 1
				if i >= len(fans) {
					return
				}
				if err := do(c, fans[i]); err != nil {
					fail(err)
				}
			}
		})
	}
	workers.Wait()
	return context.Cause(ctx)
}

func (f *fan) join(c *connection, saleID string) error {
	var place struct {
		Token string `json:"place_token"`
	}
	err := ask(c, newRequest("POST", "/v1/queues/"+saleID+"/places", "{}", f.headers()...), &place)
	f.place = place.Token
	return err
}

// enter asks once to enter; retry says how long to wait when it is not the fan's turn.
func (f *fan) enter(c *connection, saleID string) (retry time.Duration, err error) {
	status, body, err := c.do(newRequest("POST", "/v1/queues/"+saleID+"/places/me/entry", "{}", f.headers()...))
	if err != nil {
		return 0, err
	}
	var entry struct {
		Pass  string `json:"entry_pass"`
		Retry int    `json:"retry_after_ms"`
	}
	if err := json.Unmarshal(body, &entry); err != nil || status != 200 && status != 409 {
		return 0, fmt.Errorf("entry: %d %.200s", status, body)
	}
	f.pass = entry.Pass
	return time.Duration(entry.Retry) * time.Millisecond, nil
}

// ask sends a request, expects a 2xx and reads its body.
func ask(c *connection, r request, into any) error {
	status, body, err := c.do(r)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		line, _, _ := strings.Cut(string(r), "\r\n")
		return fmt.Errorf("%s: %d %.300s", line, status, body)
	}
	return json.Unmarshal(body, into)
}

// holdRequest asks for seats, with a key of its own.
func (f *fan) holdRequest(showtimeID string, seats []string, key string) request {
	body := `{"seats":["` + strings.Join(seats, `","`) + `"]}`
	return newRequest("POST", "/v1/showtimes/"+showtimeID+"/holds", body, f.headers(header{"Idempotency-Key", key})...)
}

// seats returns the numbers of all seats of a showtime.
func (b *Bench) seats(ctx context.Context, showtimeID string) ([]string, error) {
	raw, err := fetch(ctx, "GET", "http://"+b.System.api()+"/v1/showtimes/"+showtimeID+"/seatmap", nil)
	if err != nil {
		return nil, err
	}
	var seatMap struct{ Seats []struct{ No string } }
	if err := json.Unmarshal(raw, &seatMap); err != nil {
		return nil, err
	}
	numbers := make([]string, len(seatMap.Seats))
	for i, s := range seatMap.Seats {
		numbers[i] = s.No
	}
	return numbers, nil
}

// lineOptions are the settings of a line; those that are not here are the default.
type lineOptions struct {
	capacity, ratePerMinute int
	sessionSeconds          int  // an hour when 0
	paused                  bool // fans may join, nobody gets on
}

// line makes a line for browsers without a sale of the catalogue, by its settings in
// Postgres, from which the worker makes it. Whoever joined is not taken for absent
// for as long as the settings allow.
func (b *Bench) line(ctx context.Context, id string, o lineOptions) error {
	const q = `INSERT INTO line_policy (sale_id, state, identity, capacity, rate_per_minute, session_seconds, abandon_seconds)
		VALUES ($1, $2, 'browser', $3, $4, $5, 210)`
	state := "open"
	if o.paused {
		state = "paused"
	}
	if o.sessionSeconds == 0 {
		o.sessionSeconds = 3_600
	}
	if _, err := b.db.Exec(ctx, q, id, state, o.capacity, o.ratePerMinute, o.sessionSeconds); err != nil {
		return err
	}
	return b.lineIs(ctx, id, state)
}

// forgetLines removes the lines that a row has made: each would cost the gateways
// and Redis a little in the rows that follow.
func (b *Bench) forgetLines(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	rows, err := b.db.Query(ctx, `DELETE FROM line_policy WHERE sale_id LIKE 'bench-%' OR sale_id LIKE 'load-%' RETURNING sale_id`)
	if err != nil {
		return err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := b.redis.SRem(ctx, "lines", id).Err(); err != nil {
			return err
		}
	}
	return b.unlinkLines(ctx, ids)
}

// unlinkLines removes the keys of lines.
func (b *Bench) unlinkLines(ctx context.Context, ids []string) error {
	const atOnce = 5_000
	for cursor, more := uint64(0), len(ids) > 0; more; more = cursor != 0 {
		found, next, err := b.redis.Scan(ctx, cursor, "{q:*}:*", atOnce).Result()
		if err != nil {
			return err
		}
		keys := slices.DeleteFunc(found, func(key string) bool {
			id, _, _ := strings.Cut(strings.TrimPrefix(key, "{q:"), "}")
			return !slices.Contains(ids, id)
		})
		if len(keys) > 0 {
			if err := b.redis.Unlink(ctx, keys...).Err(); err != nil {
				return err
			}
		}
		cursor = next
	}
	return nil
}

// admin returns the access token of the development data's administrator.
func (b *Bench) admin(ctx context.Context) (string, error) {
	var session struct {
		Token string `json:"access_token"`
	}
	who := map[string]string{"email": "admin@fairgate.test", "password": "Fairgate-dev-1"}
	err := b.post(ctx, "/v1/auth/login", who, &session)
	return session.Token, err
}

// operate sends an operator's request about a line.
func (b *Bench) operate(ctx context.Context, token, method, path, body string) error {
	r, err := http.NewRequestWithContext(ctx, method, b.url("/v1/admin/queues/"+path), strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	_, err = send(r)
	return err
}

func (b *Bench) command(ctx context.Context, lineID, verb string) error {
	token, err := b.admin(ctx)
	if err != nil {
		return err
	}
	return b.operate(ctx, token, "POST", lineID+"/"+verb, "{}")
}

// unique makes a name that no earlier row or round had.
func unique(prefix string) string {
	return prefix + "-" + strconv.FormatInt(time.Now().UnixMilli(), 36)
}
