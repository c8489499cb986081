package toss

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// Faults are the ways in which the simulator can misbehave.
type Faults struct {
	Confirm  Fault         `json:"confirm"`
	Cancel   Fault         `json:"cancel"`
	Webhooks WebhookFaults `json:"webhooks"`
}

// Fault is how one endpoint misbehaves.
type Fault struct {
	// Mode is none, delay (answer after MS), error (answer Code, 500 by default,
	// and do nothing), timeout_after_capture (do it, then hang up after MS without
	// an answer) or reject (refuse with Code; a refused payment is ABORTED).
	Mode string `json:"mode"`
	MS   int    `json:"ms"`
	Code string `json:"code"`
	// Share of the requests that it strikes, evenly spread; absent means all.
	Share *float64 `json:"share"`
}

// WebhookFaults are how webhooks misbehave.
type WebhookFaults struct {
	Duplicate bool `json:"duplicate"`
	DelayMS   int  `json:"delay_ms"`
}

// The modes of a Fault.
const (
	ModeNone                = "none"
	ModeDelay               = "delay"
	ModeError               = "error"
	ModeTimeoutAfterCapture = "timeout_after_capture"
	ModeReject              = "reject"
)

func (f Fault) validate(name string) error {
	switch f.Mode {
	case "", ModeNone, ModeDelay, ModeError, ModeTimeoutAfterCapture, ModeReject:
	default:
		return fmt.Errorf("%s.mode: %q is none of none, delay, error, timeout_after_capture, reject", name, f.Mode)
	}
	if f.Share != nil && (*f.Share < 0 || *f.Share > 1) {
		return fmt.Errorf("%s.share: give a number from 0 to 1", name)
	}
	if f.MS < 0 || f.MS > 600_000 {
		return fmt.Errorf("%s.ms: give 0 to 600000", name)
	}
	return nil
}

// wait is how long the fault lasts; a mode that hangs has a default of 30 s.
func (f Fault) wait() time.Duration {
	if f.MS == 0 && f.Mode == ModeTimeoutAfterCapture {
		return 30 * time.Second
	}
	return time.Duration(f.MS) * time.Millisecond
}

// switchboard holds the faults in force and spreads their shares evenly.
type switchboard struct {
	mu       sync.Mutex
	faults   Faults
	confirms int
	cancels  int
}

func (s *switchboard) set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults, s.confirms, s.cancels = f, 0, 0
}

func (s *switchboard) get() Faults {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.faults
}

func (s *switchboard) confirm() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.confirms++
	return strike(s.faults.Confirm, s.confirms)
}

func (s *switchboard) cancel() Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancels++
	return strike(s.faults.Cancel, s.cancels)
}

// strike returns f if it strikes the nth request, else no fault.
func strike(f Fault, n int) Fault {
	if f.Mode == "" {
		f.Mode = ModeNone
	}
	if f.Share == nil || math.Floor(float64(n)**f.Share) > math.Floor(float64(n-1)**f.Share) {
		return f
	}
	return Fault{Mode: ModeNone}
}
