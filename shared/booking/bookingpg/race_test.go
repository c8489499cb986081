package bookingpg_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// Each race has a twin in which one guard is removed in the test's own database, by
// a trigger or a function; the twin must see the breach.

const racers = 16

// trigger makes every row written to table pass through body first.
func (h *house) trigger(table, when, body string) {
	h.t.Helper()
	h.exec(fmt.Sprintf(`CREATE FUNCTION broken_%s() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN %s RETURN NEW; END $$`, table, body))
	h.exec(fmt.Sprintf(`CREATE TRIGGER broken BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION broken_%s()`, when, table, table))
}

func TestTakeoverHasOneWinner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if won := h.takeover(); won != 1 {
		t.Errorf("%d of %d took the lapsed seats over; want 1", won, racers)
	}
	h.sound()
}

func TestTakeoverHasOneWinnerTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.trigger("seat_claim", "INSERT OR UPDATE", `NEW.until := '-infinity';`) // claims never hold
	if won := h.takeover(); won < 2 {
		t.Errorf("%d winners without the guard: the race is not seen", won)
	}
}

func (h *house) takeover() int {
	old := h.book("fan", "A-1", "A-2")
	h.age(old.ID, 13*time.Minute)
	var won atomic.Int32
	parallel(racers, func(i int) {
		account := fmt.Sprintf("racer-%d", i)
		_, err := h.Book(h.t.Context(), command(account, h.hold(account, "A-2", "A-1")))
		switch {
		case err == nil:
			won.Add(1)
		case !errors.Is(err, booking.ErrSeatTaken):
			h.t.Errorf("racer %d: %v", i, err)
		}
	})
	return int(won.Load())
}

func TestAccountLimitUnderParallelRequests(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if seats := h.crowd(); seats != seatLimit {
		t.Errorf("one account has %d seats; want %d", seats, seatLimit)
	}
	h.sound()
}

func TestAccountLimitUnderParallelRequestsTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.exec(`CREATE FUNCTION public.pg_advisory_xact_lock(bigint) RETURNS void LANGUAGE sql AS ''`)
	h.exec(fmt.Sprintf(`ALTER DATABASE %q SET search_path = public, pg_catalog`, h.pool.Config().ConnConfig.Database))
	h.pool.Reset()
	h.trigger("booking", "INSERT", `PERFORM pg_catalog.pg_advisory_xact_lock_shared(42::bigint);`)
	seats := h.gated(seatLimit+1, func() int { return h.crowd() })
	if seats <= seatLimit {
		t.Errorf("%d seats without the lock: the race is not seen", seats)
	}
}

// gated runs race and lets nobody through advisory lock 42 before n wait for it.
func (h *house) gated(n int, race func() int) int {
	gate, err := h.pool.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := gate.Exec(h.t.Context(), `SELECT pg_catalog.pg_advisory_xact_lock(42::bigint)`); err != nil {
		h.t.Fatal(err)
	}
	result := make(chan int, 1)
	go func() { result <- race() }()
	h.eventually("enough to be at the gate", func() bool { return h.waiting() >= n })
	if err := gate.Rollback(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	return <-result
}

func (h *house) crowd() int {
	parallel(9, func(i int) {
		try := command("fan", h.hold("fan", fmt.Sprintf("A-%d", i+1)))
		try.Session = sessionOf(fmt.Sprint("fan", i)) // one session would make them wait for each other
		_, err := h.Book(h.t.Context(), try)
		if err != nil && !errors.Is(err, booking.ErrSeatLimit) {
			h.t.Error(err)
		}
	})
	return h.int(`SELECT coalesce(sum(seat_count), 0) FROM booking WHERE account_id = 'fan'`)
}

func TestOneHoldMakesOneBooking(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if made := h.rebook(); made != 1 {
		t.Errorf("one hold made %d bookings; want 1", made)
	}
	h.sound()
}

func TestOneHoldMakesOneBookingTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.trigger("booking", "INSERT", `NEW.hold_id := NEW.id;`) // nothing to be unique by
	if made := h.rebook(); made < 2 {
		t.Errorf("%d bookings without the constraint: the breach is not seen", made)
	}
}

// rebook books one hold many times at once, and again after what came of it was
// cancelled: a hold must not be good for a second ten minutes.
func (h *house) rebook() int {
	hold := h.hold("fan", "A-1")
	for range 2 {
		parallel(racers, func(int) {
			b, err := h.Book(h.t.Context(), command("fan", hold))
			if err == nil {
				err = h.cancel(b)
			}
			if err != nil && !errors.Is(err, booking.ErrHoldUsed) && !errors.Is(err, booking.ErrSeatTaken) && !errors.Is(err, booking.ErrSeatLimit) {
				h.t.Error(err)
			}
		})
	}
	return h.int(`SELECT count(*) FROM booking`)
}

func TestDoubleExecuteConfirmCapturesOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if asked := h.stampede(); asked != 1 {
		t.Errorf("the provider was asked %d times; want once", asked)
	}
}

func TestDoubleExecuteConfirmCapturesOnceTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.trigger("payment", "UPDATE", `NEW.lease_until := NULL;`)
	h.provider.onConfirm = func() {
		h.eventually("a second confirm of the same payment", func() bool { return h.provider.arrived.Load() > 1 })
	}
	if asked := h.stampede(); asked < 2 {
		t.Errorf("asked %d times without leases: the race is not seen", asked)
	}
}

// stampede lets consumers, reconcilers and webhooks all settle one payment at once.
// However often the provider is asked, it captures once and is booked once.
func (h *house) stampede() int {
	b, confirm := h.paying("fan", "A-1")
	h.exec(`UPDATE payment SET next_check_at = now()`)
	parallel(racers, func(i int) {
		var err error
		switch i % 3 {
		case 0:
			err = h.ExecuteConfirm(h.t.Context(), b.Payment.ID)
		case 1:
			_, err = h.ReconcileDue(h.t.Context())
		default:
			err = h.WebhookHint(h.t.Context(), booking.Hint{
				TransmissionID: fmt.Sprint(i), OrderID: b.OrderID, PaymentKey: confirm.PaymentKey, Status: booking.StatusDone,
			})
		}
		if err != nil {
			h.t.Error(err)
		}
	})
	h.want(b.ID, booking.Confirmed, booking.PaymentDone)
	if h.provider.captures != 1 || h.events(event.TypeBookingConfirmed) != 1 {
		h.t.Errorf("%d captures, %d events; want 1 and 1", h.provider.captures, h.events(event.TypeBookingConfirmed))
	}
	h.sound()
	return h.provider.count("confirm")
}

// TestExpiryAgainstConfirm lets bookings lapse in the very moment in which they are
// confirmed, while others wait for their seats.
func TestExpiryAgainstConfirm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	both := h.boundary(func() error {
		_, err := h.ExpireDue(h.t.Context(), 10)
		return err
	})
	if both != 0 {
		t.Errorf("%d bookings are being paid for without their seats", both)
	}
	h.sound()
}

// TestExpiryDuringConfirm holds a confirm up in the middle of its transaction until
// the booking's time is over and the expiry has come by.
func TestExpiryDuringConfirm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	both := h.heldUp(func() error {
		_, err := h.ExpireDue(h.t.Context(), 10)
		return err
	})
	if both != 0 {
		t.Error("the booking is being paid for without its seats")
	}
	h.sound()
}

func TestExpiryDuringConfirmTwin(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	// The guard across two tables that looks right: nobody moves the booking's row first.
	both := h.heldUp(func() error {
		_, err := h.pool.Exec(h.t.Context(), `
			DELETE FROM seat_claim c USING booking b
			WHERE b.id = c.booking_id AND b.state = 'pending_payment' AND b.expires_at < now()`)
		return err
	})
	if both == 0 {
		t.Error("the booking kept its seats without the guard: the race is not seen")
	}
}

func (h *house) heldUp(expire func() error) int {
	h.trigger("booking", "UPDATE", `IF NEW.state = 'paying' THEN PERFORM pg_advisory_xact_lock(42); END IF;`)
	b, confirm := h.approved("fan", "A-1", "A-2")
	h.exec(`UPDATE booking SET expires_at = clock_timestamp() + interval '4 seconds'`)
	h.exec(`UPDATE seat_claim SET until = (SELECT expires_at FROM booking)`)
	gate, err := h.pool.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := gate.Exec(h.t.Context(), `SELECT pg_advisory_xact_lock(42)`); err != nil {
		h.t.Fatal(err)
	}
	confirmed, expired := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := h.Confirm(h.t.Context(), confirm)
		confirmed <- err
	}()
	h.eventually("the confirm to be held up", func() bool { return h.waiting() == 1 })
	h.eventually("the time to be over", func() bool {
		return h.int(`SELECT count(*) FROM booking WHERE id = $1 AND expires_at < clock_timestamp()`, b.ID) == 1
	})
	go func() { expired <- expire() }()
	h.eventually("the expiry to come by", func() bool { return len(expired) == 1 || h.waiting() == 2 })
	if err := gate.Rollback(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	if err := errors.Join(<-confirmed, <-expired); err != nil {
		h.t.Fatal(err)
	}
	return h.seatless()
}

// waiting is how many sessions of this test's database wait for a lock.
func (h *house) waiting() int {
	return h.int(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`)
}

func (h *house) eventually(what string, condition func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); {
		if time.Now().After(deadline) {
			h.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// seatless is how many bookings are paying though their seats are not theirs.
func (h *house) seatless() int {
	return h.int(`
		SELECT count(*) FROM booking b WHERE b.state = 'paying'
		AND (SELECT count(*) FROM seat_claim c WHERE c.booking_id = b.id AND c.until = 'infinity') < b.seat_count`)
}

// boundary lets many bookings lapse around the moment of their confirm.
func (h *house) boundary(expire func() error) int {
	const rounds = 8
	commands := make([]booking.ConfirmCommand, rounds)
	for i := range commands {
		account := fmt.Sprintf("fan-%d", i)
		id := h.holdAt(account, fmt.Sprintf("st-%d", i), "A-1", "A-2")
		b, err := h.Book(h.t.Context(), command(account, id))
		if err != nil {
			h.t.Fatal(err)
		}
		commands[i] = booking.ConfirmCommand{AccountID: account, OrderID: b.OrderID, PaymentKey: "tk-" + b.ID, Amount: b.Amount}
	}
	h.exec(`UPDATE booking SET expires_at = clock_timestamp() + make_interval(secs => 0.2 + 0.2 * random())`)
	h.exec(`UPDATE seat_claim c SET until = b.expires_at FROM booking b WHERE b.id = c.booking_id`)
	var expiring atomic.Bool
	expiring.Store(true)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for expiring.Load() {
			if err := expire(); err != nil {
				h.t.Error(err)
			}
		}
	}()
	parallel(2*rounds, func(i int) {
		n := i % rounds
		if i < rounds {
			h.confirmSoon(commands[n], time.Duration(n+1)*15*time.Millisecond)
			return
		}
		account := fmt.Sprintf("other-%d", n)
		_, err := h.Book(h.t.Context(), command(account, h.holdAt(account, fmt.Sprintf("st-%d", n), "A-1")))
		if err != nil && !errors.Is(err, booking.ErrSeatTaken) {
			h.t.Error(err)
		}
	})
	expiring.Store(false)
	<-stopped
	return h.seatless()
}

// confirmSoon confirms a moment before the expiry: by the database's clock.
func (h *house) confirmSoon(c booking.ConfirmCommand, before time.Duration) {
	var now bool
	for !now {
		const q = `SELECT expires_at < clock_timestamp() + make_interval(secs => $2) FROM booking WHERE order_id = $1`
		if err := h.pool.QueryRow(h.t.Context(), q, c.OrderID, before.Seconds()).Scan(&now); err != nil {
			h.t.Error(err)
			return
		}
	}
	if _, err := h.Confirm(h.t.Context(), c); err != nil && !errors.Is(err, booking.ErrNotPayable) {
		h.t.Error(err)
	}
}

// TestCancelAgainstConfirm: the fan cancels in one tab and pays in another.
func TestCancelAgainstConfirm(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	for i := range 12 {
		seat := fmt.Sprintf("A-%d", i%4+1)
		b, confirm := h.approved("fan", seat)
		errs := make([]error, 2)
		parallel(2, func(i int) {
			if i == 0 {
				errs[0] = h.cancel(b)
			} else {
				_, errs[1] = h.Confirm(t.Context(), confirm)
			}
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("cancel: %v, confirm: %v; want exactly one to win", errs[0], errs[1])
		}
		if errs[0] == nil {
			h.want(b.ID, booking.Cancelled, booking.PaymentExpired)
			wantErr(t, errs[1], booking.ErrNotPayable)
			continue
		}
		wantErr(t, errs[0], booking.ErrNotCancellable)
		if err := h.ExecuteConfirm(t.Context(), b.Payment.ID); err != nil {
			t.Fatal(err)
		}
		if err := h.cancel(h.want(b.ID, booking.Confirmed, booking.PaymentDone)); err != nil {
			t.Fatal(err)
		}
		h.sendRefunds(b.ID, 0)
	}
	h.sound()
}
