package toss

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
)

// ledger keeps every payment, in memory and, when it has a file, on disk: one
// JSON line for each change, so that a restarted simulator still knows the money.
type ledger struct {
	clock clock.Clock
	file  io.WriteCloser // nil: memory only

	mu      sync.Mutex
	byKey   map[string]*record
	byOrder map[string][]*record // oldest first
	keys    []string             // oldest first
	changed func(Payment)        // told of each change that a webhook announces
}

func openLedger(path string, c clock.Clock, changed func(Payment)) (*ledger, error) {
	l := &ledger{clock: c, byKey: map[string]*record{}, byOrder: map[string][]*record{}, changed: changed}
	if path == "" {
		return l, nil
	}
	if err := l.load(path); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	l.file = file
	return l, nil
}

func (l *ledger) load(path string) error {
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	for lines := json.NewDecoder(file); ; {
		var r record
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) { // a torn last line is a change nobody was told of
			return nil
		}
		if err != nil {
			return err
		}
		if known := l.byKey[r.Payment.PaymentKey]; known != nil {
			*known = r
			continue
		}
		l.add(&r)
	}
}

func (l *ledger) add(r *record) {
	l.byKey[r.Payment.PaymentKey] = r
	l.byOrder[r.Payment.OrderID] = append(l.byOrder[r.Payment.OrderID], r)
	l.keys = append(l.keys, r.Payment.PaymentKey)
}

// change runs f on the payment under the lock and stores what it did. The
// payment's window is checked first.
func (l *ledger) change(key string, f func(r *record, now time.Time) error) (Payment, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.byKey[key]
	if r == nil {
		return Payment{}, fail("NOT_FOUND_PAYMENT")
	}
	before, now := r.Payment.Status, l.clock.Now()
	r.expire(now)
	failure := f(r, now)
	if r.Since.Equal(now) { // it moved
		if err := l.write(r); err != nil {
			return Payment{}, err
		}
	}
	if after := r.Payment.Status; after != before && announced(after) {
		l.changed(r.Payment)
	}
	return r.Payment, failure
}

func announced(status string) bool {
	switch status {
	case StatusDone, StatusAborted, StatusExpired, StatusCanceled, StatusPartialCanceled:
		return true
	}
	return false
}

func (l *ledger) write(r *record) error {
	if l.file == nil {
		return nil
	}
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = l.file.Write(append(line, '\n'))
	return err
}

// open starts a payment. With reuse, one that the buyer has not decided on yet
// is taken up again, as when the window is reloaded.
func (l *ledger) open(orderID, orderName, method string, amount int64, reuse bool) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	if reuse {
		for _, r := range l.byOrder[orderID] {
			if r.Payment.Status == StatusReady && r.Payment.TotalAmount == amount && now.Sub(r.Since) < readyWindow {
				return r.Payment.PaymentKey, nil
			}
		}
	}
	r := newRecord("tsim_"+strings.ToLower(rand.Text()), orderID, orderName, method, amount, now)
	l.add(r)
	return r.Payment.PaymentKey, l.write(r)
}

// get returns the payment; its window is checked first.
func (l *ledger) get(key string) (Payment, error) {
	return l.change(key, func(*record, time.Time) error { return nil })
}

// getByOrder returns the order's captured payment, or else its newest.
func (l *ledger) getByOrder(orderID string) (Payment, error) {
	l.mu.Lock()
	key := ""
	for _, r := range l.byOrder[orderID] {
		key = r.Payment.PaymentKey
		if r.captured() {
			break
		}
	}
	l.mu.Unlock()
	return l.get(key)
}

// orderIsPaid reports whether another payment of the order was captured. The
// caller holds the lock.
func (l *ledger) orderIsPaid(r *record) bool {
	for _, other := range l.byOrder[r.Payment.OrderID] {
		if other != r && other.captured() {
			return true
		}
	}
	return false
}

// all returns copies of the payments, of one order or of every one, oldest first.
func (l *ledger) all(orderID string) []record {
	l.mu.Lock()
	defer l.mu.Unlock()
	items := []record{}
	for _, key := range l.keys {
		if r := l.byKey[key]; orderID == "" || r.Payment.OrderID == orderID {
			items = append(items, *r)
		}
	}
	return items
}

func (l *ledger) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
