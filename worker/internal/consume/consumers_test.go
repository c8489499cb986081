package consume

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
)

// handlers whose outside must not be reached.
func handlers(t *testing.T) Handlers {
	return Handlers{
		Payments: Payments{Execute: func(context.Context, event.PaymentConfirmRequested, time.Time) error {
			t.Error("a payment was executed")
			return nil
		}},
		Tickets: Tickets{Issue: func(context.Context, string) error { t.Error("tickets were issued"); return nil }},
	}
}

func TestEveryEventOfBookingsHasAQueue(t *testing.T) {
	t.Parallel()
	bound := map[string]bool{}
	for _, c := range Table(handlers(t)) {
		for _, typ := range c.Events {
			bound[typ] = true
		}
	}
	for _, typ := range []string{
		event.TypePaymentConfirmRequested, event.TypeBookingCreated, event.TypeBookingConfirmed,
		event.TypeBookingCancelled, event.TypeBookingExpired, event.TypePaymentRefunded, event.TypeTicketsRequested,
	} {
		if !bound[typ] {
			t.Errorf("no queue takes %s: it would stay in the outbox for ever", typ)
		}
	}
}

func TestDataOfAnotherShapeIsMalformed(t *testing.T) {
	t.Parallel()
	for _, c := range Table(handlers(t)) {
		e := event.Envelope{ID: "evt-1", Type: c.Events[0], Data: json.RawMessage(`["not", "an", "object"]`)}
		if err := c.Handle(context.Background(), e); !errors.Is(err, errs.ErrMalformedJSON) {
			t.Errorf("%s: %v; want %v", c.Queue, err, errs.ErrMalformedJSON)
		}
	}
}

func TestNobodyIsToldAboutOtherEvents(t *testing.T) {
	t.Parallel()
	e := event.Envelope{ID: "evt-1", Type: "booking.sneezed", Data: json.RawMessage(`{}`)}
	if err := (Push{}).tell()(context.Background(), e); errs.KindOf(err) != errs.Invalid {
		t.Errorf("error = %v; want it parked", err)
	}
}

func TestSlackIsOffWithoutAWebhook(t *testing.T) {
	t.Parallel()
	e := event.Envelope{ID: "evt-1", Type: event.TypeBookingConfirmed, Data: json.RawMessage(`{"id":"bkg-1"}`)}
	if err := (Slack{}).post()(context.Background(), e); err != nil {
		t.Errorf("error = %v; want nothing to happen", err)
	}
}

func TestPaymentAndTicketHandlersPassOnWhatTheyAreAsked(t *testing.T) {
	t.Parallel()
	var executed event.PaymentConfirmRequested
	var asked time.Time
	var issued string
	boom := errors.New("boom")
	payments := Payments{Execute: func(_ context.Context, request event.PaymentConfirmRequested, at time.Time) error {
		executed, asked = request, at
		return boom
	}}
	tickets := Tickets{Issue: func(_ context.Context, id string) error { issued = id; return nil }}
	want := event.PaymentConfirmRequested{PaymentID: "pay-1", BookingID: "bkg-1", OrderID: "ord-1", PaymentKey: "tk-1", Amount: 1000}
	request, err := event.New(event.TypePaymentConfirmRequested, "pay-1", 2, time.Now(), "", want)
	if err != nil {
		t.Fatal(err)
	}
	if err := payments.confirm()(context.Background(), request); !errors.Is(err, boom) || executed != want || !asked.Equal(request.OccurredAt) {
		t.Errorf("confirm: %+v at %s, %v", executed, asked, err)
	}
	confirmed := event.Envelope{ID: "evt-2", Type: event.TypeTicketsRequested, Data: json.RawMessage(`{"id":"bkg-1"}`)}
	if err := tickets.issue()(context.Background(), confirmed); err != nil || issued != "bkg-1" {
		t.Errorf("issue: %q, %v", issued, err)
	}
}
