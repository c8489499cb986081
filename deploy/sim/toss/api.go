package toss

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

type confirmRequest struct {
	PaymentKey string `json:"paymentKey"`
	OrderID    string `json:"orderId"`
	Amount     int64  `json:"amount"`
}

// confirm captures an approved payment.
func (s *Server) confirm(r *http.Request) (any, error) {
	var in confirmRequest
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.PaymentKey == "" || in.OrderID == "" {
		return nil, fail("INVALID_REQUEST")
	}
	fault := s.faults.confirm()
	return underFault(r.Context(), fault, func() (Payment, error) {
		return s.ledger.change(in.PaymentKey, func(p *record, now time.Time) error {
			return s.capture(p, in, fault, now)
		})
	})
}

// capture decides a confirm. The caller holds the ledger's lock.
func (s *Server) capture(p *record, in confirmRequest, fault Fault, now time.Time) error {
	p.Confirms++
	switch {
	case p.Payment.Status == StatusExpired:
		return fail("NOT_FOUND_PAYMENT_SESSION")
	case p.Payment.Status == StatusReady:
		return fail("NOT_FOUND_PAYMENT_SESSION")
	case p.Payment.Status != StatusInProgress, s.ledger.orderIsPaid(p):
		return fail("ALREADY_PROCESSED_PAYMENT")
	case p.Payment.OrderID != in.OrderID, p.Payment.TotalAmount != in.Amount:
		return fail("INVALID_REQUEST")
	case in.Amount < minimumAmount:
		return fail("BELOW_MINIMUM_AMOUNT")
	case fault.Mode == ModeReject:
		return refuse(p, codeOr(fault, "REJECT_CARD_COMPANY"), now)
	}
	p.capture(transactionKey(), strings.ToLower(rand.Text()[:8]), now)
	return nil
}

func refuse(p *record, code string, now time.Time) error {
	failure := fail(code)
	p.moveTo(StatusAborted, now)
	p.Payment.Failure = &Failure{failure.Code, failure.Text}
	return failure
}

type cancelRequest struct {
	CancelReason     string `json:"cancelReason"`
	CancelAmount     *int64 `json:"cancelAmount"`
	RefundableAmount *int64 `json:"refundableAmount"`
}

// cancel gives captured money back, in full or in part.
func (s *Server) cancel(r *http.Request) (any, error) {
	var in cancelRequest
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if in.CancelReason == "" || utf8.RuneCountInString(in.CancelReason) > 200 {
		return nil, fail("INVALID_REQUEST")
	}
	fault := s.faults.cancel()
	return underFault(r.Context(), fault, func() (Payment, error) {
		return s.ledger.change(r.PathValue("key"), func(p *record, now time.Time) error {
			return giveBack(p, in, fault, now)
		})
	})
}

func giveBack(p *record, in cancelRequest, fault Fault, now time.Time) error {
	amount := p.Payment.BalanceAmount
	if in.CancelAmount != nil {
		amount = *in.CancelAmount
	}
	switch {
	case p.Payment.Status == StatusCanceled:
		return fail("ALREADY_CANCELED_PAYMENT")
	case p.Payment.Status != StatusDone && p.Payment.Status != StatusPartialCanceled:
		return fail("NOT_CANCELABLE_PAYMENT")
	case in.RefundableAmount != nil && *in.RefundableAmount != p.Payment.BalanceAmount:
		return fail("NOT_MATCHES_REFUNDABLE_AMOUNT")
	case amount <= 0 || amount > p.Payment.BalanceAmount:
		return fail("NOT_CANCELABLE_AMOUNT")
	case fault.Mode == ModeReject:
		return fail(codeOr(fault, "NOT_CANCELABLE_PAYMENT"))
	}
	p.cancel(amount, in.CancelReason, transactionKey(), now)
	return nil
}

// underFault does the work as the fault in force lets it.
func underFault(ctx context.Context, fault Fault, work func() (Payment, error)) (any, error) {
	switch fault.Mode {
	case ModeDelay:
		pause(ctx, fault.wait())
	case ModeError:
		pause(ctx, fault.wait())
		return nil, fail(codeOr(fault, "FAILED_INTERNAL_SYSTEM_PROCESSING"))
	case ModeTimeoutAfterCapture:
		payment, err := work()
		return unanswered{payment, err, fault.wait()}, nil
	}
	payment, err := work()
	if err != nil {
		return nil, err
	}
	return payment, nil
}

func codeOr(f Fault, standard string) string {
	if f.Code != "" {
		return f.Code
	}
	return standard
}

func (s *Server) payment(r *http.Request) (any, error) {
	payment, err := s.ledger.get(r.PathValue("key"))
	if err != nil {
		return nil, err
	}
	return payment, nil
}

func (s *Server) paymentOfOrder(r *http.Request) (any, error) {
	payment, err := s.ledger.getByOrder(r.PathValue("order"))
	if err != nil {
		return nil, err
	}
	return payment, nil
}

// Transaction is one movement of money, for the shop's reconciliation.
type Transaction struct {
	MID            string `json:"mId"`
	TransactionKey string `json:"transactionKey"`
	PaymentKey     string `json:"paymentKey"`
	OrderID        string `json:"orderId"`
	Currency       string `json:"currency"`
	Method         string `json:"method"`
	Amount         int64  `json:"amount"` // negative when given back
	Status         string `json:"status"`
	TransactionAt  string `json:"transactionAt"`
}

// transactions lists movements from startDate to endDate, oldest first.
func (s *Server) transactions(r *http.Request) (any, error) {
	query := r.URL.Query()
	from, err1 := parseDate(query.Get("startDate"))
	to, err2 := parseDate(query.Get("endDate"))
	if err := errors.Join(err1, err2); err != nil {
		return nil, fail("INVALID_REQUEST")
	}
	limit := 100
	if text := query.Get("limit"); text != "" {
		if _, err := fmt.Sscanf(text, "%d", &limit); err != nil || limit < 1 || limit > 5000 {
			return nil, fail("INVALID_REQUEST")
		}
	}
	after, found := query.Get("startingAfter"), query.Get("startingAfter") == ""
	page := []Transaction{}
	for _, t := range s.movements(from, to) {
		if found && len(page) < limit {
			page = append(page, t)
		}
		found = found || t.TransactionKey == after
	}
	return page, nil
}

func (s *Server) movements(from, to time.Time) []Transaction {
	var all []Transaction
	add := func(p Payment, key, at string, amount int64, status string) {
		t, err := time.Parse(timeLayout, at)
		if err == nil && !t.Before(from) && !t.After(to) {
			all = append(all, Transaction{p.MID, key, p.PaymentKey, p.OrderID, p.Currency, p.Method, amount, status, at})
		}
	}
	for _, r := range s.ledger.all("") {
		if p := r.Payment; p.ApprovedAt != nil {
			add(p, "capture_"+p.PaymentKey, *p.ApprovedAt, p.TotalAmount, StatusDone)
			for _, c := range p.Cancels {
				add(p, c.TransactionKey, c.CanceledAt, -c.CancelAmount, StatusCanceled)
			}
		}
	}
	return all
}

// parseDate reads an ISO date and time, with or without an offset (Seoul's).
func parseDate(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, seoul); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("no date: %q", text)
}

func transactionKey() string { return "txn_" + rand.Text()[:transactionSize] }

// refuseByCard is the card company saying no in the payment window.
func refuseByCard(p *record, now time.Time) error {
	if p.Payment.Status != StatusReady {
		return fail("ALREADY_PROCESSED_PAYMENT")
	}
	return refuse(p, "REJECT_CARD_COMPANY", now)
}

func errorCode(err error, standard string) string {
	var e *apiError
	if errors.As(err, &e) {
		return e.Code
	}
	return standard
}
