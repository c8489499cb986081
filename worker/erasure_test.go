package worker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/account/accountpg"
	"github.com/fairgate/fairgate/shared/account/accountredis"
	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/platform/password"
)

const (
	personEmail = "kim.haneulbyeol@personal.test"
	personName  = "김하늘별"
	personPass  = "Secret-12345"
)

// free is a programme of one showtime whose seats cost nothing.
type free struct{ key booking.HoldKey }

func (free) Showtime(_ context.Context, id string) (catalogue.Showtime, error) {
	return catalogue.Showtime{ID: id, PerformanceID: "PF1", SaleID: "sale-1", HallID: "hall-1", StartsAt: time.Now().Add(240 * time.Hour), Prices: map[string]money.KRW{"R": 0}}, nil
}

func (free) Sale(_ context.Context, id string) (catalogue.Sale, error) {
	return catalogue.Sale{ID: id, PerformanceID: "PF1", MaxSeatsPerAccount: 9}, nil
}

func (f free) SalesWithHolds(ctx context.Context) ([]catalogue.Sale, error) {
	sale, err := f.Sale(ctx, "sale-1")
	return []catalogue.Sale{sale}, err
}

func (free) Performance(_ context.Context, id string) (catalogue.Performance, error) {
	return catalogue.Performance{ID: id, Title: "겨울 나그네", VenueName: "예술의전당"}, nil
}

func (free) SeatMap(_ context.Context, hallID string) (*catalogue.SeatMap, error) {
	m := &catalogue.SeatMap{HallID: hallID, Grades: []catalogue.Grade{{Code: "R"}}}
	for i := range 9 {
		m.Seats = append(m.Seats, catalogue.Seat{No: fmt.Sprintf("A-%d", i)})
	}
	m.Index()
	return m, nil
}

// Get reads a hold from its signed id.
func (f free) Get(_ context.Context, _, holdID string) (booking.Hold, error) {
	return f.key.Open(holdID)
}

// person is an account with everything that may name somebody.
type person struct {
	*world
	account  account.Account
	accounts *account.Service
	books    *bookingpg.Store
	bookings *booking.Service
	shop     free
}

func newPerson(w *world) *person {
	w.t.Helper()
	ctx := context.Background()
	p := &person{world: w, books: bookingpg.New(w.pool)}
	p.accounts = account.New(accountpg.New(w.pool), password.NewHasher(), accountredis.New(w.redis, w.prefix), accountredis.NewRevoked(w.redis, w.prefix, account.AccessLifetime),
		account.Settings{FailedLogins: 10, FailedByAccount: 40, FailedByAddress: 60, SignUps: 60, RefreshLifetime: time.Hour, EmailKey: []byte("of a test")})
	var err error
	if p.shop.key, err = booking.NewHoldKey([]byte("0123456789abcdef0123456789abcdef")); err != nil {
		w.t.Fatal(err)
	}
	tickets, err := booking.NewTicketKey([]byte("fedcba9876543210fedcba9876543210"))
	if err != nil {
		w.t.Fatal(err)
	}
	p.bookings = booking.NewService(booking.Options{Store: p.books, Holds: p.shop, Programme: p.shop, ProviderName: "toss", Feed: nowhere{}, Tickets: tickets})
	if p.account, err = p.accounts.SignUp(ctx, account.NewAccount{Email: personEmail, Password: personPass, Name: personName}, "127.0.0.1"); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err = p.accounts.LogIn(ctx, personEmail, personPass, account.From{Network: "127.0.0.1"}); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// nowhere is a feed of seats that nobody reads.
type nowhere struct{}

func (nowhere) Publish(context.Context, string, string, []booking.SeatChange) error { return nil }

// book books a seat and leaves it to be paid.
func (p *person) book(seat string) booking.Booking {
	p.t.Helper()
	now := time.Now()
	hold := booking.Hold{
		Nonce: p.shop.key.Nonce(p.account.ID, "show-1", seat, []string{seat}), AccountID: p.account.ID, ShowtimeID: "show-1", SaleID: "sale-1", PerformanceID: "PF1",
		Seats: []string{seat}, ExpiresAt: now.Add(5 * time.Minute),
	}
	b, err := p.bookings.Book(context.Background(), booking.BookCommand{
		AccountID: p.account.ID, HoldID: p.shop.key.Sign(hold), Contact: booking.Contact{Email: p.account.Email, Name: p.account.Name, Locale: "ko"},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// found returns the columns of the whole database in which the person's e-mail or name
// stands, whatever the schema and the type.
func (w *world) found() []string {
	w.t.Helper()
	ctx := context.Background()
	const columns = `
		SELECT table_schema, table_name, column_name, data_type FROM information_schema.columns
		WHERE table_schema NOT IN ('pg_catalog', 'information_schema')`
	type column struct{ Schema, Table, Name, Kind string }
	rows, err := w.pool.Query(ctx, columns)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	if err != nil || len(all) < 100 {
		w.t.Fatalf("%d columns, %v", len(all), err)
	}
	local, _, _ := strings.Cut(personEmail, "@")
	var found []string
	for _, c := range all {
		value := fmt.Sprintf(`%q::text`, c.Name)
		if c.Kind == "bytea" {
			value = fmt.Sprintf(`encode(%q, 'escape')`, c.Name)
		}
		if w.count(fmt.Sprintf(`SELECT count(*) FROM %q.%q WHERE %s ILIKE '%%' || $1 || '%%' OR %s LIKE '%%' || $2 || '%%'`, c.Schema, c.Table, value, value), local, personName) > 0 {
			found = append(found, c.Table+"."+c.Name)
		}
	}
	slices.Sort(found)
	return found
}

// TestNothingIsLeftOfAnErasedAccount deletes an account with log-ins, bookings in every
// condition, mails and an inbox, lets a worker do its work, and looks for the person in
// every column of the database.
func TestNothingIsLeftOfAnErasedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, ctx := newPerson(w), context.Background()
	confirmed, waiting, cancelled := p.book("A-1"), p.book("A-2"), p.book("A-3")
	if _, err := p.bookings.Confirm(ctx, booking.ConfirmCommand{AccountID: p.account.ID, OrderID: confirmed.OrderID}); err != nil {
		t.Fatal(err)
	}
	reason := "저는 " + personName + ", " + personEmail
	if _, err := p.bookings.Cancel(ctx, booking.CancelCommand{AccountID: p.account.ID, BookingID: cancelled.ID, Reason: reason}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.pool.Exec(ctx, `INSERT INTO idempotency_key (account_id, route, key, fingerprint, status, body) VALUES ($1, 'r', 'k', '', 200, convert_to($2, 'UTF8'))`, p.account.ID, reason); err != nil {
		t.Fatal(err)
	}
	p.refusedMail(cancelled)
	p.stuckEvent(confirmed)
	w.start()
	eventually(t, "mails and inbox", func() bool {
		return w.count(`SELECT count(*) FROM notification WHERE account_id = $1`, p.account.ID) == 2 && w.count(`SELECT count(*) FROM delivery WHERE channel = 'mail' AND state = 'sent'`) >= 1
	})
	before := w.found()
	for _, column := range []string{"account.email", "account.name", "booking.cancel_reason", "booking.email", "booking.name", "idempotency_key.body", "outbox.payload"} {
		if !slices.Contains(before, column) {
			t.Errorf("the search does not see %s: it finds %q", column, before)
		}
	}
	if slices.ContainsFunc(before, func(c string) bool { return strings.HasPrefix(c, "delivery.") }) {
		t.Errorf("an address stands in deliveries: %q", before)
	}

	if err := p.accounts.Delete(ctx, p.account.ID, personPass, account.From{Network: "127.0.0.1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "account.deleted is heard", func() bool {
		return w.count(`SELECT count(*) FROM forgotten_account WHERE account_id = $1`, p.account.ID) == 1 && w.count(`SELECT count(*) FROM notification WHERE account_id = $1`, p.account.ID) == 0
	})
	p.forget(0)
	if left := w.found(); len(left) > 0 {
		t.Errorf("the person still stands in %q", left)
	}
	// The booking that was to be paid is cancelled, its seat is free, and nobody is told.
	if n := w.count(`SELECT count(*) FROM booking b WHERE id = $1 AND state = 'cancelled' AND NOT EXISTS (SELECT FROM seat_claim c WHERE c.booking_id = b.id)`, waiting.ID); n != 1 {
		t.Error("the booking that was to be paid is not cancelled, or keeps its seat")
	}
	eventually(t, "the operators hear of it", func() bool {
		return w.count(`SELECT count(*) FROM delivery WHERE channel = 'slack' AND template = 'booking_cancelled' AND entity = $1 AND state = 'sent'`, waiting.ID) == 1
	})
	eventually(t, "no event is left but the stuck one", func() bool { return w.count(`SELECT count(*) FROM outbox`) == 1 })
	if n := w.mails.about()["booking_cancelled "+waiting.ID]; n != 0 {
		t.Error("somebody was written to about it")
	}
	if _, err := w.pool.Exec(ctx, `UPDATE forgotten_account SET asked_at = now() - interval '2 hours'`); err != nil {
		t.Fatal(err)
	}
	p.forget(1)
	p.forget(0)
	if n := w.count(`SELECT count(*) FROM booking WHERE account_id = $1`, p.account.ID); n != 3 {
		t.Errorf("%d bookings are left, want all 3", n)
	}
}

// forget runs the job that removes names once.
func (p *person) forget(want int) {
	p.t.Helper()
	if _, done, err := p.books.ForgetDue(context.Background(), time.Now(), 100); err != nil || done != want {
		p.t.Errorf("%d accounts are done, want %d; %v", done, want, err)
	}
}

// refusedMail is a mail that a server refused, as servers do: with the address.
func (p *person) refusedMail(b booking.Booking) {
	p.t.Helper()
	ctx, deliveries := context.Background(), notifypg.NewDeliveries(p.pool)
	mail := notify.Mail{Template: "refused", Entity: b.ID, Account: b.AccountID, To: personEmail}
	lease, err := deliveries.Lease(ctx, mail.Delivery(), time.Minute)
	if err == nil {
		err = deliveries.Release(ctx, lease, fmt.Errorf("550 <%s>: \x00no such user", personEmail))
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// stuckEvent is one that no queue takes.
func (p *person) stuckEvent(b booking.Booking) {
	p.t.Helper()
	e, err := event.New("booking.unheard_of", b.ID, 1, time.Now(), "", b.Event())
	if err != nil {
		p.t.Fatal(err)
	}
	payload, err := json.Marshal(e)
	if err != nil {
		p.t.Fatal(err)
	}
	const q = `INSERT INTO outbox (event_id, type, payload, created_at, not_before) VALUES ($1, $2, $3, now() - interval '1 hour', now() + interval '1 hour')`
	if _, err := p.pool.Exec(context.Background(), q, e.ID, e.Type, string(payload)); err != nil {
		p.t.Fatal(err)
	}
}

// A mail may wait for hours, for a mail server or a broker that is down. Whoever has
// deleted their account meanwhile is written to about money only: what goes back, or was
// taken after the end of the account.
func TestADeletedAccountIsWrittenToAboutMoneyOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	for id, deleted := range map[string]string{"acc-gone": `(now() - interval '1 minute')`, "acc-stays": "NULL"} {
		q := `INSERT INTO account (id, email, password_hash, name, deleted_at) SELECT $1, CASE WHEN d IS NULL THEN $1 || '@fairgate.test' END, 'h', 'a', d FROM (SELECT ` + deleted + `::timestamptz AS d) AS gone`
		if _, err := w.pool.Exec(ctx, q, id); err != nil {
			t.Fatal(err)
		}
	}
	of := func(account string, change ...func(*event.Booking)) func(*event.Booking) {
		return func(b *event.Booking) {
			b.AccountID = account
			for _, f := range change {
				f(b)
			}
		}
	}
	free := func(b *event.Booking) { b.Amount = 0 }
	refunded := func(b *event.Booking) { b.RefundAmount = b.Amount }
	before := booked(t, event.TypeBookingConfirmed, "before", of("acc-gone"))
	before.OccurredAt = time.Now().Add(-time.Hour)
	w.happen(
		before,
		booked(t, event.TypeBookingConfirmed, "taken", of("acc-gone")),
		booked(t, event.TypeBookingConfirmed, "free", of("acc-gone", free)),
		booked(t, event.TypeBookingExpired, "expired", of("acc-gone")),
		booked(t, event.TypeBookingCancelled, "unpaid", of("acc-gone")),
		booked(t, event.TypeBookingCancelled, "cancelled", of("acc-gone", refunded)),
		booked(t, event.TypePaymentRefunded, "refunded", of("acc-gone", refunded)),
		booked(t, event.TypeBookingExpired, "stays", of("acc-stays")),
		booked(t, event.TypeBookingConfirmed, "unheard-of", of("acc-unheard-of")),
	)
	w.start()
	want := map[string]int{"booking_confirmed taken": 1, "booking_cancelled cancelled": 1, "payment_refunded refunded": 1, "booking_expired stays": 1, "booking_confirmed unheard-of": 1}
	eventually(t, "every mail is sent or dropped", func() bool {
		return w.count(`SELECT count(*) FROM delivery WHERE channel = 'mail' AND (state = 'sent' OR last_error <> '')`) == 9
	})
	if got := w.mails.about(); !maps.Equal(got, want) {
		t.Errorf("mails %v, want %v", got, want)
	}
	if n := w.count(`SELECT count(*) FROM delivery WHERE channel = 'mail' AND state = 'pending' AND last_error LIKE '%recipient_gone%'`); n != 4 {
		t.Errorf("%d deliveries say that their recipient is gone, want 4", n)
	}
	eventually(t, "the others' inboxes", func() bool { return w.count(`SELECT count(*) FROM notification`) >= 2 })
	if n := w.count(`SELECT count(*) FROM notification WHERE account_id = 'acc-gone'`); n != 0 {
		t.Errorf("%d notifications in the inbox of a deleted account", n)
	}
}
