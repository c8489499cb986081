package bookingpg_test

import (
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/money"
)

// life is a random history of one showtime: fans, a provider that fails as it likes,
// jobs that run when they like, time that jumps. The model is what must always be
// true: the invariants; and in the end, when everything works again, that the money
// at the provider is exactly that of the bookings that stand.
type life struct {
	h        *house
	showtime string
	mine     []booking.Booking
	keys     map[string]string // order id → a payment key that was approved
}

func TestLifeOfBookings(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("25"); err != nil { // each is some hundred transactions
			t.Fatal(err)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		l := &life{h: h, showtime: ident.New("st"), keys: map[string]string{}}
		rt.Repeat(map[string]func(*rapid.T){
			"book": l.book, "confirm": l.confirm, "execute": l.execute, "fault": l.fault, "cancel": l.cancel,
			"pass": l.pass, "jobs": l.jobs, "webhook": l.webhook, "console": l.console, "": l.check,
		})
		l.settle(rt)
	})
}

func (l *life) any(t *rapid.T) booking.Booking {
	if len(l.mine) == 0 {
		t.Skip("no booking yet")
	}
	i := rapid.IntRange(0, len(l.mine)-1).Draw(t, "booking")
	b, err := l.h.store.ByID(l.h.t.Context(), l.mine[i].ID)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func tolerate(t *rapid.T, err error, expected ...error) {
	for _, e := range expected {
		if errors.Is(err, e) {
			return
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (l *life) book(t *rapid.T) {
	account := fmt.Sprintf("%s-fan-%d", l.showtime, rapid.IntRange(1, 3).Draw(t, "account"))
	seats := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A-1", "A-2", "A-3", "A-4"}), 1, 2, rapid.ID[string]).Draw(t, "seats")
	c := command(account, l.h.holdAt(account, l.showtime, seats...))
	c.Session = nil
	b, err := l.h.Book(l.h.t.Context(), c)
	tolerate(t, err, booking.ErrSeatTaken, booking.ErrSeatLimit)
	if err == nil {
		l.mine = append(l.mine, b)
	}
}

func (l *life) confirm(t *rapid.T) {
	b := l.any(t)
	key, approved := l.keys[b.OrderID]
	if !approved || rapid.Bool().Draw(t, "another card") {
		if approved && l.captured(key) {
			t.Skip("the provider captures one payment per order")
		}
		key = ident.New("tk")
		l.keys[b.OrderID] = key
		l.h.provider.approve(key, b.OrderID, b.Amount)
	}
	_, err := l.h.Confirm(l.h.t.Context(), booking.ConfirmCommand{AccountID: b.AccountID, OrderID: b.OrderID, PaymentKey: key, Amount: b.Amount})
	tolerate(t, err, booking.ErrNotPayable)
}

func (l *life) captured(key string) (yes bool) {
	l.h.provider.change(key, func(p *booking.ProviderPayment) { yes = p.Status != booking.StatusInProgress })
	return yes
}

func (l *life) execute(t *rapid.T) {
	tolerate(t, l.h.ExecuteConfirm(l.h.t.Context(), l.any(t).Payment.ID))
}

func (l *life) fault(t *rapid.T) {
	method := rapid.SampledFrom([]string{"confirm", "get", "cancel", "order"}).Draw(t, "method")
	faults := []fault{silence, failing}
	if method == "confirm" {
		faults = append(faults, lostAnswer, failingDone, processing, refused)
	}
	if method == "cancel" {
		faults = append(faults, lostAnswer, failingDone, processing)
	}
	l.h.provider.fail(method, rapid.SampledFrom(faults).Draw(t, "fault"))
}

func (l *life) cancel(t *rapid.T) { tolerate(t, l.h.cancel(l.any(t)), booking.ErrNotCancellable) }

func (l *life) pass(t *rapid.T) {
	seconds := rapid.SampledFrom([]int{1, 10, 31, 300, 700}).Draw(t, "seconds")
	for _, b := range l.mine {
		l.h.age(b.ID, time.Duration(seconds)*time.Second)
	}
}

func (l *life) jobs(t *rapid.T) {
	ctx := l.h.t.Context()
	_, err := l.h.ReconcileDue(ctx)
	tolerate(t, err)
	_, err = l.h.ExpireDue(ctx, 10)
	tolerate(t, err)
	_, err = l.h.SendDueRefunds(ctx)
	tolerate(t, err)
}

func (l *life) webhook(t *rapid.T) {
	b := l.any(t)
	status := rapid.SampledFrom([]booking.ProviderStatus{booking.StatusDone, booking.StatusCanceled, booking.StatusAborted}).Draw(t, "status")
	tolerate(t, l.h.WebhookHint(l.h.t.Context(), booking.Hint{TransmissionID: ident.New("tx"), OrderID: b.OrderID, Status: status}))
}

// console is an operator who cancels in the provider's console.
func (l *life) console(t *rapid.T) {
	b := l.any(t)
	key, ok := l.keys[b.OrderID]
	if !ok || !l.captured(key) {
		t.Skip("nothing to cancel")
	}
	amount := rapid.SampledFrom([]int64{0, 10_000}).Draw(t, "amount")
	l.h.provider.mu.Lock()
	_, err := l.h.provider.giveBack(booking.CancelRequest{PaymentKey: key, Amount: moneyOf(amount), Reason: "console"})
	l.h.provider.mu.Unlock()
	if err != nil {
		t.Skip("nothing left")
	}
	tolerate(t, l.h.WebhookHint(l.h.t.Context(), booking.Hint{TransmissionID: ident.New("tx"), OrderID: b.OrderID, Status: booking.StatusCanceled}))
}

func (l *life) check(t *rapid.T) {
	counts, err := l.h.violations(l.h.t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, count := range counts {
		if count != 0 && name != "ticket_missing" {
			t.Fatalf("violation %s: %d", name, count)
		}
	}
}

// settle lets everything work again and time pass, and compares the money.
func (l *life) settle(t *rapid.T) {
	l.h.provider.mu.Lock()
	l.h.provider.faults = map[string][]fault{}
	l.h.provider.mu.Unlock()
	for range 6 {
		for _, b := range l.mine {
			l.h.age(b.ID, time.Hour+time.Second) // past the longest pause between two looks
		}
		l.jobs(t)
	}
	l.check(t)
	for _, made := range l.mine {
		b, err := l.h.store.ByID(l.h.t.Context(), made.ID)
		if err != nil {
			t.Fatal(err)
		}
		if b.State == booking.Paying || b.State == booking.Cancelling || b.Payment.State.Pending() {
			t.Fatalf("booking %s is still %s, payment %s", b.ID, b.State, b.Payment.State)
		}
		held := l.heldOf(b.OrderID)
		if b.Payment.Balance != held {
			t.Fatalf("booking %s (%s): our balance %d, the provider's %d", b.ID, b.State, b.Payment.Balance, held)
		}
		if b.State != booking.Confirmed && held != 0 {
			t.Fatalf("booking %s is %s and the provider has %d of it", b.ID, b.State, held)
		}
	}
}

func (l *life) heldOf(orderID string) money.KRW {
	l.h.provider.mu.Lock()
	defer l.h.provider.mu.Unlock()
	var sum money.KRW
	for _, p := range l.h.provider.payments {
		if p.OrderID == orderID {
			sum += p.Balance
		}
	}
	return sum
}
