//go:build faults

package faults

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errSoldOut is a way that ends without a ticket, as most do.
var errSoldOut = errors.New("sold out")

// errSessionOver is a session that had all its time and found no free seat in it.
var errSessionOver = errors.New("the session is over")

// buy goes the whole way to at most seats tickets. It returns nil with tickets,
// errSoldOut or errSessionOver without, and any other error when a promise was broken.
func (f *fan) buy(seats int) error {
	if err := f.join(); err != nil {
		return err
	}
	if err := f.enter(); err != nil {
		return err
	}
	for {
		hold, err := f.hold(seats)
		if err != nil {
			return err
		}
		order, err := f.book(hold)
		if errors.Is(err, errSeatLost) {
			continue
		}
		if err != nil {
			return err
		}
		return f.pay(order)
	}
}

// enter waits for the turn and takes it.
func (f *fan) enter() error {
	for {
		place, err := f.look()
		if err != nil {
			return err
		}
		switch {
		case place.State == "expired" && place.Reason == "sold_out":
			return errSoldOut
		case place.State == "offered", place.State == "active":
			entered, err := f.claim()
			if err != nil || entered {
				return err
			}
		case place.State != "waiting":
			return fmt.Errorf("a place that waited is now %s %s", place.State, place.Reason)
		}
		if err := f.rest("status", time.Duration(min(place.PollAfterMS, 1000))*time.Millisecond); err != nil {
			return err
		}
	}
}

// claim asks for the pass once.
func (f *fan) claim() (entered bool, err error) {
	a, err := f.ask("entry", http.MethodPost, "/v1/queues/"+f.sale.SaleID+"/places/me/entry", struct{}{}, "")
	if err != nil {
		return false, err
	}
	var got struct {
		EntryPass string    `json:"entry_pass"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	switch {
	case a.status == http.StatusOK && a.read(&got) == nil:
		f.pass, f.sessionEnds = got.EntryPass, got.ExpiresAt
		return true, nil
	case a.code() == "not_your_turn":
		return false, f.rest("entry", a.retryAfter()/2)
	case a.code() == "sold_out":
		return false, errSoldOut
	}
	return false, unclear("entry", a)
}

// hold takes the best seats that are free, fewer when there are not enough.
func (f *fan) hold(seats int) (holdID string, err error) {
	for want := seats; ; want = max(1, want-1) {
		a, err := f.ask("hold", http.MethodPost, "/v1/showtimes/"+f.sale.ShowtimeID+"/holds",
			map[string]any{"best_available": map[string]int{"count": want}}, f.newKey())
		if err != nil {
			return "", err
		}
		var hold struct {
			HoldID string `json:"hold_id"`
		}
		switch {
		case a.status == http.StatusCreated && a.read(&hold) == nil:
			return hold.HoldID, nil
		case a.code() == "sold_out":
			return "", errSoldOut
		case a.code() == "pass_invalid" && time.Until(f.sessionEnds) < time.Second:
			return "", errSessionOver
		case a.code() != "seat_taken":
			return "", unclear("hold", a)
		}
		if want > 1 {
			continue
		}
		if err := f.waitForSeats(); err != nil {
			return "", err
		}
	}
}

// waitForSeats ends when the sale does, or a second later.
func (f *fan) waitForSeats() error {
	a, err := f.ask("sale", http.MethodGet, "/v1/sales/"+f.sale.SaleID, nil, "")
	if err != nil {
		return err
	}
	var sale struct{ State string }
	if a.status == http.StatusOK && a.read(&sale) == nil && sale.State == "sold_out" {
		_, err := f.ask("leave", http.MethodDelete, "/v1/queues/"+f.sale.SaleID+"/places/me", nil, "")
		return errors.Join(errSoldOut, err)
	}
	return f.rest("hold", time.Second)
}

var errSeatLost = errors.New("the seats went to somebody else")

type order struct {
	ID      string `json:"id"`
	OrderID string `json:"order_id"`
	Amount  int64  `json:"amount"`
	State   string `json:"state"`
}

// book turns a hold into an order. A hold that Redis forgot may lose its seats.
func (f *fan) book(holdID string) (order, error) {
	a, err := f.ask("book", http.MethodPost, "/v1/bookings", map[string]string{"hold_id": holdID}, f.newKey())
	if err != nil {
		return order{}, err
	}
	var o order
	switch {
	case a.status == http.StatusCreated && a.read(&o) == nil:
		return o, nil
	case a.code() == "seat_taken", a.code() == "hold_expired":
		return order{}, errSeatLost
	}
	return order{}, unclear("book", a)
}

// pay pays until the order is confirmed; a card that is declined is followed by another.
func (f *fan) pay(o order) error {
	for {
		key, err := f.approve(o)
		if err != nil {
			return err
		}
		declined, err := f.confirm(o, key)
		if err != nil || !declined {
			return err
		}
	}
}

var errTooLate = errors.New("an order that was declined could not be paid again")

// approve is what the fan does in the provider's window.
func (f *fan) approve(o order) (paymentKey string, err error) {
	raw, err := json.Marshal(map[string]any{"order_id": o.OrderID, "amount": o.Amount, "method": "카드"})
	if err != nil {
		return "", err
	}
	response, err := f.door.client.Post(f.door.provider+"/sim/payments", "application/json", bytes.NewReader(raw))
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	var approved struct {
		PaymentKey string `json:"payment_key"`
	}
	return approved.PaymentKey, json.NewDecoder(response.Body).Decode(&approved)
}

// confirm repeats one confirmation, which shows today's state, until that is final.
func (f *fan) confirm(o order, paymentKey string) (declined bool, err error) {
	key := f.newKey()
	for {
		a, err := f.ask("confirm", http.MethodPost, "/v1/payments/confirm",
			map[string]any{"payment_key": paymentKey, "order_id": o.OrderID, "amount": o.Amount}, key)
		if err != nil {
			return false, err
		}
		var state struct {
			BookingState string `json:"booking_state"`
			PaymentState string `json:"payment_state"`
		}
		if a.code() == "booking_not_payable" {
			return false, errTooLate
		}
		if a.status != http.StatusOK && a.status != http.StatusAccepted || a.read(&state) != nil {
			return false, unclear("confirm", a)
		}
		switch {
		case state.BookingState == "confirmed":
			return false, nil
		case state.PaymentState == "failed":
			return true, nil
		case state.BookingState != "pending_payment":
			return false, fmt.Errorf("a booking that was paid is %s, its payment %s", state.BookingState, state.PaymentState)
		}
		if err := f.rest("confirm", 500*time.Millisecond); err != nil {
			return false, err
		}
	}
}
