package stack

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Progress prints one line for each thing that happens to a part.
type Progress struct {
	mu     sync.Mutex
	out    io.Writer
	remind time.Duration // how often Do says that it still works
}

// NewProgress writes to out; parts may report at the same time.
func NewProgress(out io.Writer) *Progress { return &Progress{out: out, remind: 20 * time.Second} }

// Say prints a line about a part.
func (p *Progress) Say(part, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintf(p.out, "  %-14s %s\n", part, fmt.Sprintf(format, args...))
}

// Do runs work and says what was done and how long it took, unless work failed.
// Meanwhile it says now and then that it still works.
func (p *Progress) Do(part, done string, work func() error) error {
	begin := time.Now()
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	if err := p.wait(part, begin, ended); err != nil {
		return err
	}
	p.Say(part, "%s (%.1f s)", done, time.Since(begin).Seconds())
	return nil
}

func (p *Progress) wait(part string, begin time.Time, ended <-chan error) error {
	reminder := time.NewTicker(p.remind)
	defer reminder.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-reminder.C:
			p.Say(part, "still at it (%.0f s)", time.Since(begin).Seconds())
		}
	}
}
