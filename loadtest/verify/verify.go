// Package verify looks at what a load run left behind, in the database and at the
// payment provider, and lists every promise that was broken. It asks nothing of
// the system under test.
package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
)

// Expectation is what a run should have left behind.
type Expectation struct {
	SaleID             string
	Seats              int  // that exist; 0 when that is not known
	SoldOut            bool // all of them should be sold
	Queued             bool // every booking must come from a session in the line
	MaxSeatsPerAccount int
	WithoutMoney       bool // the provider cannot be asked
}

// Report is what was found.
type Report struct {
	SeatsSold  int      // seats of confirmed bookings
	Bookings   int      // confirmed
	Captured   int64    // KRW kept at the provider for the sale's orders
	Violations []string // empty: every promise was kept
}

func (r *Report) violate(format string, args ...any) {
	r.Violations = append(r.Violations, fmt.Sprintf(format, args...))
}

// Payment is a payment as the provider tells it.
type Payment struct {
	PaymentKey    string `json:"payment_key"`
	OrderID       string `json:"order_id"`
	BalanceAmount int64  `json:"balance_amount"`
	Status        string `json:"status"`
}

// Payments asks the provider's simulator for every payment.
func Payments(ctx context.Context, providerURL string) ([]Payment, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, providerURL+"/sim/payments", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	var list struct{ Items []Payment }
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("the provider's payments: %w", err)
	}
	return list.Items, nil
}

// Settled waits until no payment of the sale is on its way, at most for d.
func Settled(ctx context.Context, db *pgx.Conn, saleID string, d time.Duration) error {
	const q = `SELECT count(*) FROM booking b LEFT JOIN payment p ON p.booking_id = b.id
		WHERE b.sale_id = $1 AND (b.state IN ('paying', 'cancelling') OR p.state IN ('confirming', 'unknown'))`
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for {
		var open int
		if err := db.QueryRow(ctx, q, saleID).Scan(&open); err != nil {
			return fmt.Errorf("waiting for payments to settle: %w", err)
		}
		if open == 0 {
			return nil
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d payments have not settled after %s", open, d)
		}
	}
}

// Check compares the database and the provider's payments with the expectation.
func Check(ctx context.Context, db *pgx.Conn, payments []Payment, want Expectation) (Report, error) {
	var r Report
	for _, check := range []func(context.Context, *pgx.Conn, Expectation) error{r.seats, r.accounts, r.sessions, r.tickets} {
		if err := check(ctx, db, want); err != nil {
			return r, err
		}
	}
	if want.WithoutMoney {
		return r, nil
	}
	return r, r.money(ctx, db, payments, want)
}

func (r *Report) seats(ctx context.Context, db *pgx.Conn, want Expectation) error {
	const total = `SELECT count(*), count(DISTINCT b.id), count(DISTINCT (s.showtime_id, s.seat))
		FROM booking b JOIN booking_seat s ON s.booking_id = b.id
		WHERE b.sale_id = $1 AND b.state IN ('confirmed', 'cancelling')`
	var distinct int
	if err := db.QueryRow(ctx, total, want.SaleID).Scan(&r.SeatsSold, &r.Bookings, &distinct); err != nil {
		return err
	}
	if distinct != r.SeatsSold {
		r.violate("%d sold seats are only %d different ones: %d sold twice", r.SeatsSold, distinct, r.SeatsSold-distinct)
	}
	if want.Seats > 0 && r.SeatsSold > want.Seats {
		r.violate("%d seats sold of %d", r.SeatsSold, want.Seats)
	}
	if want.SoldOut && distinct < want.Seats {
		r.violate("only %d of %d seats sold although there were fans for all", distinct, want.Seats)
	}
	return r.none(ctx, db, want, "sold seats without a pinned claim of their booking", `
		SELECT count(*) FROM booking b JOIN booking_seat s ON s.booking_id = b.id
		LEFT JOIN seat_claim c ON c.showtime_id = s.showtime_id AND c.seat = s.seat
		WHERE b.sale_id = $1 AND b.state = 'confirmed' AND (c.booking_id IS DISTINCT FROM b.id OR c.until <> 'infinity')`)
}

func (r *Report) accounts(ctx context.Context, db *pgx.Conn, want Expectation) error {
	return r.none(ctx, db, want, "accounts with more live seats than allowed", `
		SELECT count(*) FROM (SELECT account_id FROM booking
			WHERE sale_id = $1 AND state IN ('pending_payment', 'paying', 'confirmed', 'cancelling')
			GROUP BY account_id HAVING sum(seat_count) > $2) t`, want.MaxSeatsPerAccount)
}

func (r *Report) sessions(ctx context.Context, db *pgx.Conn, want Expectation) error {
	if !want.Queued {
		return nil
	}
	err := r.none(ctx, db, want, "bookings from nobody who had entered", `
		SELECT count(*) FROM booking WHERE sale_id = $1 AND (session_epoch IS NULL OR session_n IS NULL)`)
	if err != nil {
		return err
	}
	return r.none(ctx, db, want, "sessions that served several accounts", `
		SELECT count(*) FROM (SELECT session_epoch, session_n FROM booking WHERE sale_id = $1
			GROUP BY 1, 2 HAVING count(DISTINCT account_id) > 1) t`)
}

func (r *Report) tickets(ctx context.Context, db *pgx.Conn, want Expectation) error {
	return r.none(ctx, db, want, "confirmed bookings whose valid tickets are not their seats", `
		SELECT count(*) FROM booking b WHERE b.sale_id = $1 AND b.state = 'confirmed'
		AND b.seat_count <> (SELECT count(*) FROM ticket t JOIN booking_seat s ON s.booking_id = t.booking_id AND s.seat = t.seat
			WHERE t.booking_id = b.id AND t.state = 'valid')`)
}

// none runs a query for a count that must be 0; the sale's id is its $1.
func (r *Report) none(ctx context.Context, db *pgx.Conn, want Expectation, what, query string, args ...any) error {
	var n int
	if err := db.QueryRow(ctx, query, append([]any{want.SaleID}, args...)...).Scan(&n); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if n > 0 {
		r.violate("%d %s", n, what)
	}
	return nil
}

type order struct {
	amount int64
	sale   string
	live   bool // its money must be at the provider
}

// money compares order by order: captured and kept ⇔ confirmed, for the same amount.
func (r *Report) money(ctx context.Context, db *pgx.Conn, payments []Payment, want Expectation) error {
	orders, err := readOrders(ctx, db)
	if err != nil {
		return err
	}
	kept := map[string]int64{}
	for _, p := range payments {
		if p.Status != "DONE" && p.Status != "PARTIAL_CANCELED" {
			continue
		}
		o, known := orders[p.OrderID]
		if !known {
			continue // another system's order, or another database's
		}
		if kept[p.OrderID] > 0 {
			r.violate("order %s was captured twice", p.OrderID)
		}
		kept[p.OrderID] += p.BalanceAmount
		if o.sale == want.SaleID {
			r.Captured += p.BalanceAmount
		}
	}
	for id, o := range orders {
		if o.sale != want.SaleID {
			continue
		}
		switch {
		case o.live && kept[id] != o.amount:
			r.violate("order %s: confirmed for ₩%d, but the provider keeps ₩%d", id, o.amount, kept[id])
		case !o.live && kept[id] != 0:
			r.violate("order %s: the provider keeps ₩%d, but there is no confirmed booking", id, kept[id])
		}
	}
	return nil
}

func readOrders(ctx context.Context, db *pgx.Conn) (map[string]order, error) {
	rows, err := db.Query(ctx, `SELECT order_id, amount, sale_id, state IN ('confirmed', 'cancelling') FROM booking`)
	if err != nil {
		return nil, err
	}
	orders := map[string]order{}
	var id string
	var o order
	_, err = pgx.ForEachRow(rows, []any{&id, &o.amount, &o.sale, &o.live}, func() error {
		orders[id] = o
		return nil
	})
	return orders, err
}
