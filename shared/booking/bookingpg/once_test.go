package bookingpg_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

func keyOf(account, value, body string) booking.Key {
	return booking.NewKey(account, "POST /v1/bookings", value, http.MethodPost, "/v1/bookings", []byte(body))
}

func rendered(b booking.Booking) (booking.Answer, error) {
	return booking.Answer{Status: http.StatusCreated, Body: []byte(b.ID)}, nil
}

func TestBookOnceReplays(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := t.Context()
	hold := h.hold("fan", "A-1")
	key := keyOf("fan", "k1", hold)
	first, err := h.BookOnce(ctx, key, command("fan", hold), rendered)
	if err != nil || first.Replayed || first.Status != http.StatusCreated {
		t.Fatalf("first = %+v, %v", first, err)
	}
	if h.feed.state(showtime, "A-1") != booking.Held {
		t.Error("the seats were not published after the commit")
	}
	again, err := h.BookOnce(ctx, key, command("fan", hold), rendered)
	if err != nil || !again.Replayed || string(again.Body) != string(first.Body) || again.Status != first.Status {
		t.Fatalf("again = %+v, %v; want the stored answer", again, err)
	}
	h.holds.key, _ = booking.NewHoldKey([]byte("another key: the hold can no longer be read"))
	if late, err := h.BookOnce(ctx, key, command("fan", hold), rendered); err != nil || !late.Replayed {
		t.Errorf("after the hold is gone: %+v, %v; want the stored answer", late, err)
	}
	_, err = h.BookOnce(ctx, keyOf("fan", "k1", "another body"), command("fan", hold), rendered)
	wantErr(t, err, booking.ErrKeyReused)
	_, err = h.BookOnce(ctx, keyOf("other", "k1", hold), command("other", hold), rendered)
	wantErr(t, err, booking.ErrHoldNotFound) // keys are per account: nothing to replay
	h.exec(`UPDATE idempotency_key SET created_at = now() - interval '25 hours'`)
	_, err = h.BookOnce(ctx, key, command("fan", hold), rendered)
	wantErr(t, err, booking.ErrHoldNotFound) // forgotten after a day
	if n, err := h.ForgetKeys(ctx, 10); err != nil || n != 1 {
		t.Errorf("forgot %d, %v; want 1", n, err)
	}
}

func TestOnceStoresNoErrors(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.approved("fan", "A-1")
	confirm.Amount = 1
	attempt := func() error {
		_, err := h.Once(t.Context(), keyOf("fan", "k1", ""), func(ctx context.Context) (booking.Answer, error) {
			_, err := h.Confirm(ctx, confirm)
			return booking.Answer{Status: http.StatusAccepted, Ref: b.Payment.ID}, err
		})
		return err
	}
	wantErr(t, attempt(), booking.ErrAmountMismatch)
	if n := h.int(`SELECT count(*) FROM ledger WHERE entry = 'amount_mismatch'`); n != 1 {
		t.Errorf("tampering recorded %d times though the request failed; want once", n)
	}
	confirm.Amount = b.Amount
	if err := attempt(); err != nil {
		t.Fatalf("the same key after an error: %v; want it to be tried anew", err)
	}
	h.want(b.ID, booking.Paying, booking.PaymentConfirming)
	boom := errors.New("boom")
	_, err := h.Once(t.Context(), keyOf("fan", "k2", ""), func(ctx context.Context) (booking.Answer, error) {
		if _, err := h.Book(ctx, command("fan", h.hold("fan", "A-2"))); err != nil {
			t.Error(err)
		}
		return booking.Answer{}, boom
	})
	wantErr(t, err, boom)
	if n := h.int(`SELECT count(*) FROM booking`); n != 1 || h.feed.state(showtime, "A-2") != booking.Free {
		t.Error("a failed effect left something behind, or was published")
	}
}

// TestReplayedKeys sends one request many times at once: one effect, one answer.
func TestReplayedKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	hold := h.hold("fan", "A-1", "A-2")
	bodies := make([]string, 20)
	fresh := 0
	var mu sync.Mutex
	parallel(len(bodies), func(i int) {
		answer, err := h.BookOnce(t.Context(), keyOf("fan", "k1", hold), command("fan", hold), rendered)
		if err != nil {
			t.Errorf("request %d: %v", i, err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		bodies[i] = string(answer.Body)
		if !answer.Replayed {
			fresh++
		}
	})
	for _, body := range bodies {
		if body != bodies[0] || body == "" {
			t.Fatalf("answers differ: %q", bodies)
		}
	}
	if n := h.int(`SELECT count(*) FROM booking`); n != 1 || fresh != 1 {
		t.Errorf("%d bookings, %d fresh answers; want 1 and 1", n, fresh)
	}
}

// An effect that asks the store nothing is held to its key all the same.
func TestADuplicateThatAsksNothingReplacesNoAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	answered := func(body, text string) (booking.Answer, error) {
		return h.Once(t.Context(), keyOf("fan", "k1", body), func(context.Context) (booking.Answer, error) {
			return booking.Answer{Status: http.StatusOK, Body: []byte(text)}, nil
		})
	}
	if first, err := answered("body", "first"); err != nil || string(first.Body) != "first" {
		t.Fatalf("%+v, %v", first, err)
	}
	_, err := answered("another body", "second")
	wantErr(t, err, booking.ErrKeyReused)
	if again, err := answered("body", "third"); err != nil || !again.Replayed || string(again.Body) != "first" {
		t.Errorf("%+v, %v; want the first answer", again, err)
	}
}

func TestOnceAnswersInProgress(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b := h.book("fan", "A-1")
	entered, leave := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		_, err := h.Once(t.Context(), keyOf("fan", "k1", ""), func(ctx context.Context) (booking.Answer, error) {
			_, err := h.store.ByID(ctx, b.ID)
			close(entered)
			<-leave
			return booking.Answer{Status: http.StatusOK}, err
		})
		done <- err
	}()
	<-entered
	refused := errors.New("refused for a reason of its own")
	for _, effect := range []booking.Effect{
		func(ctx context.Context) (booking.Answer, error) {
			if _, err := h.store.ByID(ctx, b.ID); err != nil {
				return booking.Answer{}, err
			}
			t.Error("ran while the first was running")
			return booking.Answer{}, nil
		},
		func(context.Context) (booking.Answer, error) { return booking.Answer{}, refused },
	} {
		_, err := h.Once(t.Context(), keyOf("fan", "k1", ""), effect)
		wantErr(t, err, booking.ErrKeyInProgress)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A seat that is lost fails the hopeful transaction, and a second one, which keeps
// what that means.
func TestConfirmOnceOfALostSeatExpiresTheBooking(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	b, confirm := h.approved("fan", "A-1", "A-2")
	h.exec(`UPDATE seat_claim SET until = now() - interval '1 second' WHERE seat = 'A-1'`)
	other := h.book("other", "A-1")
	key := booking.NewKey("fan", "POST /v1/payments/confirm", "k1", http.MethodPost, "/v1/payments/confirm", nil)
	for range 2 {
		_, err := h.ConfirmOnce(t.Context(), key, confirm, 0)
		wantErr(t, err, booking.ErrNotPayable)
	}
	h.want(b.ID, booking.Expired, booking.PaymentExpired)
	h.want(other.ID, booking.PendingPayment, booking.PaymentReady)
	if h.feed.state(showtime, "A-2") != booking.Free || h.feed.state(showtime, "A-1") != booking.Held {
		t.Error("the seats that came free were not published, or another's were")
	}
	if n := h.int(`SELECT count(*) FROM idempotency_key`); n != 0 {
		t.Errorf("%d keys of a request that failed", n)
	}
	if h.events(event.TypePaymentConfirmRequested) != 0 || h.provider.count("confirm") != 0 {
		t.Error("the provider is to be asked for a booking without its seats")
	}
	h.sound()
}

// parallel runs f n times at once, all released by one signal.
func parallel(n int, f func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}
