package stack

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// awaited is a writer that announces a text.
type awaited struct {
	mu   sync.Mutex
	all  bytes.Buffer
	text string
	seen chan struct{}
}

func (a *awaited) Write(line []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if bytes.Contains(line, []byte(a.text)) {
		select {
		case <-a.seen:
		default:
			close(a.seen)
		}
	}
	return a.all.Write(line)
}

func TestDoSaysThatItStillWorksAndThatItIsDone(t *testing.T) {
	t.Parallel()
	out := &awaited{text: "still at it", seen: make(chan struct{})}
	p := NewProgress(out)
	p.remind = time.Millisecond
	err := p.Do("build", "built", func() error {
		select {
		case <-out.seen:
			return nil
		case <-time.After(10 * time.Second):
			return errors.New("no reminder")
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if last := strings.TrimSpace(out.all.String()); !strings.Contains(last, "built (") {
		t.Errorf("it does not say that it is done:\n%s", last)
	}
}

func TestDoSaysNothingOfDoneWhenItFailed(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	broken := errors.New("broken")
	if err := NewProgress(&out).Do("build", "built", func() error { return broken }); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if out.Len() > 0 {
		t.Errorf("it printed %q", out.String())
	}
}
