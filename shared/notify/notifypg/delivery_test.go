package notifypg_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

var mail = notify.Delivery{Channel: notify.ByMail, Template: notify.BookingConfirmed, Entity: "bkg-1", Recipient: "fan@fairgate.test"}

func stateOf(t *testing.T, pool *pgxpool.Pool) (state string, attempt int) {
	t.Helper()
	const q = `SELECT state, attempt FROM delivery`
	if err := pool.QueryRow(context.Background(), q).Scan(&state, &attempt); err != nil {
		t.Fatal(err)
	}
	return state, attempt
}

func TestOneOfManyCouriersSends(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	var couriers []*notify.Courier // of several workers; those of one share statements
	for range 5 {
		couriers = append(couriers, notify.NewCourier(notifypg.NewDeliveries(pool), time.Minute))
	}
	var sent, busy atomic.Int32
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			err := couriers[i%len(couriers)].Deliver(context.Background(), mail, func(context.Context) error { sent.Add(1); return nil })
			switch {
			case errors.Is(err, notify.ErrInHand):
				busy.Add(1)
			case err != nil:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if sent.Load() != 1 {
		t.Errorf("sent %d times; want 1 (%d were told to wait)", sent.Load(), busy.Load())
	}
	if state, _ := stateOf(t, pool); state != "sent" {
		t.Errorf("state = %s; want sent", state)
	}
}

// What one worker sends at the same time is stored together, each as its own.
func TestManyAreDeliveredTogether(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	courier := notify.NewCourier(notifypg.NewDeliveries(pool), time.Minute)
	var sent atomic.Int32
	var all sync.WaitGroup
	const mails = 50
	for i := range mails {
		all.Go(func() {
			d := mail
			d.Entity = fmt.Sprint("bkg-", i)
			err := courier.Deliver(context.Background(), d, func(context.Context) error {
				sent.Add(1)
				if i%10 == 3 {
					return errs.ErrUpstream
				}
				return nil
			})
			if (err != nil) != (i%10 == 3) {
				t.Errorf("%s: %v", d.Entity, err)
			}
		})
	}
	all.Wait()
	const q = `SELECT count(*) FILTER (WHERE state = 'sent'), count(*) FILTER (WHERE state = 'pending' AND last_error <> '') FROM delivery`
	var done, pending int
	if err := pool.QueryRow(context.Background(), q).Scan(&done, &pending); err != nil {
		t.Fatal(err)
	}
	if sent.Load() != mails || done != mails-5 || pending != 5 {
		t.Errorf("tried %d, %d sent, %d pending; want %d, %d, 5", sent.Load(), done, pending, mails, mails-5)
	}
}

func TestFailedDeliveryIsPendingAndGoesAgain(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	courier := notify.NewCourier(notifypg.NewDeliveries(pool), time.Minute)
	err := courier.Deliver(context.Background(), mail, func(context.Context) error { return errs.ErrUpstream })
	if errs.KindOf(err) != errs.Unavailable {
		t.Errorf("error = %v; want the failure itself", err)
	}
	if state, attempt := stateOf(t, pool); state != "pending" || attempt != 1 {
		t.Fatalf("after a failure: %s, attempt %d", state, attempt)
	}
	if err := courier.Deliver(context.Background(), mail, func(context.Context) error { return nil }); err != nil {
		t.Fatal(err)
	}
	if state, attempt := stateOf(t, pool); state != "sent" || attempt != 2 {
		t.Errorf("after the second: %s, attempt %d", state, attempt)
	}
}

func TestLapsedLeaseIsTakenOver(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	deliveries := notifypg.NewDeliveries(pool)
	ctx := context.Background()
	dead, err := deliveries.Lease(ctx, mail, time.Minute) // and its worker dies
	if err != nil {
		t.Fatal(err)
	}
	_, err = deliveries.Lease(ctx, mail, time.Minute)
	if wait := errs.From(err).RetryAfter; !errors.Is(err, notify.ErrInHand) || wait <= 0 || wait > time.Minute {
		t.Fatalf("while it is leased: %v, retry after %s", err, wait)
	}
	if _, err := pool.Exec(ctx, `UPDATE delivery SET leased_until = now() - interval '1 s'`); err != nil {
		t.Fatal(err)
	}
	next, err := deliveries.Lease(ctx, mail, time.Minute)
	if err != nil || next.Attempt != 2 {
		t.Fatalf("after it lapsed: %+v, %v", next, err)
	}
	if err := deliveries.Release(ctx, dead, errors.New("late")); err != nil {
		t.Fatal(err)
	}
	if state, _ := stateOf(t, pool); state != "sending" {
		t.Errorf("the dead one's release changed the state to %s", state)
	}
	if err := deliveries.Sent(ctx, dead); err != nil { // it was sent all the same
		t.Fatal(err)
	}
	if _, err := deliveries.Lease(ctx, mail, time.Minute); !errors.Is(err, notify.ErrDelivered) {
		t.Errorf("after it was sent: %v; want %v", err, notify.ErrDelivered)
	}
}
