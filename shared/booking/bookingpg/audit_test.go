package bookingpg_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/booking/bookingpg"
	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/logging"
)

// by is a context of a request or a message of an actor.
func (h *house) by(actor, requestID string) context.Context {
	return audit.WithActor(logging.WithRequestID(h.t.Context(), requestID), actor)
}

// change is what the test reads of a line.
type change struct {
	ID                                 int64 `json:",string"`
	Kind, Change, From, To             string
	Actor, Account, Booking, RequestID string
	Amount, Price                      int64
}

// auditLines writes the audit log until it has n lines, or for good when n is 0, and
// returns them by id with the text of all.
func (h *house) auditLines(log *audit.Log, folder string, n int) ([]change, string) {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := log.Write(h.t.Context()); err != nil {
			h.t.Fatal(err)
		}
		changes, text := readAudit(h.t, folder)
		if len(changes) >= n || time.Now().After(deadline) {
			return changes, text
		}
	}
}

func readAudit(t testing.TB, folder string) ([]change, string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var changes []change
	var text strings.Builder
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(raw)
		for line := range strings.Lines(string(raw)) {
			var c struct {
				change
				AccountID string `json:"account_id"`
				BookingID string `json:"booking_id"`
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(line), &c); err != nil || !strings.HasPrefix(filepath.Base(name), c.Kind+"-") {
				t.Fatalf("%s has %q: %v", name, line, err)
			}
			c.Account, c.Booking, c.change.RequestID = c.AccountID, c.BookingID, c.RequestID
			changes = append(changes, c.change)
		}
	}
	slices.SortFunc(changes, func(a, b change) int { return int(a.ID - b.ID) })
	return changes, text.String()
}

func (h *house) auditLog() (*audit.Log, string) {
	folder := h.t.TempDir()
	return audit.New(audit.Options{
		DB: h.pool, Source: bookingpg.Audit, Cursor: "ledger", Folder: audit.Folder{Path: folder}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}), folder
}

func TestAPurchaseAndItsCancelAreTheseLines(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	log, folder := h.auditLog()
	fan, queue, job := "account:fan", "queue:fairgate.payment", "job:send_refunds"

	b, err := h.Book(h.by(fan, "req-book"), command("fan", h.hold("fan", "A-1", "A-2")))
	if err != nil {
		t.Fatal(err)
	}
	c := booking.ConfirmCommand{AccountID: "fan", OrderID: b.OrderID, PaymentKey: "tk-1", Amount: b.Amount}
	h.provider.approve(c.PaymentKey, b.OrderID, b.Amount)
	if _, err := h.Confirm(h.by(fan, "req-pay"), c); err != nil {
		t.Fatal(err)
	}
	if err := h.ExecuteConfirm(h.by(queue, "req-pay"), b.Payment.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Cancel(h.by(fan, "req-cancel"), booking.CancelCommand{AccountID: "fan", BookingID: b.ID, Reason: "감기, call 010-1234-5678"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SendDueRefunds(h.by(job, "")); err != nil {
		t.Fatal(err)
	}
	h.want(b.ID, booking.Cancelled, booking.PaymentCancelled)

	price := int64(2 * seatPrice)
	want := []string{
		"booking booking →pending_payment 0 " + fan + " req-book",
		"payment payment →ready 0 " + fan + " req-book",
		"booking booking pending_payment→paying 0 " + fan + " req-pay",
		"payment payment ready→confirming 0 " + fan + " req-pay",
		fmt.Sprintf("payment payment confirming→done %d %s req-pay", price, queue),
		"booking booking paying→confirmed 0 " + queue + " req-pay",
		"booking booking confirmed→cancelling 0 " + fan + " req-cancel",
		"payment refund →requested 0 " + fan + " req-cancel",
		"payment refund requested→sending 0 system ",
		fmt.Sprintf("payment refund sending→done %d %s ", -price, job),
		"payment payment done→cancelled 0 " + job + " ",
		"booking booking cancelling→cancelled 0 " + job + " ",
	}
	changes, text := h.auditLines(log, folder, len(want))
	var got []string
	for _, c := range changes {
		got = append(got, fmt.Sprintf("%s %s %s→%s %d %s %s", c.Kind, c.Change, c.From, c.To, c.Amount, c.Actor, c.RequestID))
		if c.Account != "fan" || c.Booking != b.ID || c.Price != price {
			t.Errorf("line %+v is not about this booking", c)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("lines:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, secret := range []string{b.Contact.Email, b.Contact.Name, c.PaymentKey, "010-1234"} {
		if secret == "" || strings.Contains(text, secret) {
			t.Errorf("the audit log holds %q", secret)
		}
	}
}

func TestReadsHaveNoLine(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	log, folder := h.auditLog()
	b := h.book("fan", "A-1")
	before, _ := h.auditLines(log, folder, 2)
	if _, err := h.store.ByID(h.by("account:fan", "req-read"), b.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.store.List(h.by("account:fan", "req-list"), booking.Page{AccountID: "fan", Limit: 10}); err != nil {
		t.Fatal(err)
	}
	h.book("other", "A-2") // what comes after the reads has come through
	after, text := h.auditLines(log, folder, len(before)+2)
	if len(before) != 2 || len(after) != 4 || strings.Contains(text, "req-read") || strings.Contains(text, "req-list") {
		t.Errorf("%d lines before the reads, %d after them and one more booking:\n%s", len(before), len(after), text)
	}
}

// Who began a transaction must not be able to end it, or to be forgotten by the next
// one on the same connection.
func TestAnOriginStaysWithItsTransaction(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	log, folder := h.auditLog()
	const odd = "account:it's; DROP TABLE ledger"
	if _, err := h.Book(h.by(odd, "req-1"), command("one", h.hold("one", "A-1"))); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Book(h.t.Context(), command("two", h.hold("two", "A-2"))); err != nil {
		t.Fatal(err)
	}
	changes, _ := h.auditLines(log, folder, 4)
	for _, c := range changes {
		wantActor := map[string]string{"one": odd, "two": "system"}[c.Account]
		wantRequest := map[string]string{"one": "req-1", "two": ""}[c.Account]
		if c.Actor != wantActor || c.RequestID != wantRequest {
			t.Errorf("%s: actor %q, request %q", c.Account, c.Actor, c.RequestID)
		}
	}
	if n := h.int(`SELECT count(*) FROM outbox WHERE request_id = 'req-1'`); n != 1 {
		t.Errorf("%d events know their request, want 1", n)
	}
}
