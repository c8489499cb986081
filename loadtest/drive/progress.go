package drive

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// console is where k6, its complaints and the progress all write.
type console struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool // lines can be written over
}

func newConsole(out io.Writer) *console {
	file, ok := out.(*os.File)
	if !ok {
		return &console{out: out}
	}
	info, err := file.Stat()
	return &console{out: out, terminal: err == nil && info.Mode()&os.ModeCharDevice != 0}
}

func (c *console) Write(text []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.out.Write(text)
}

// progress is one line that is written over on a terminal, and one every few
// seconds elsewhere.
type progress struct {
	last    point
	shownAt time.Duration
}

const quietly = 5 * time.Second // between lines, where they cannot be written over

func (p *progress) show(out *console, now point) {
	rate := float64(now.Requests-p.last.Requests) / max(0.001, (now.At-p.last.At).Seconds())
	recent := quantile(p.last.between(now), 0.95)
	text := fmt.Sprintf("%4.0f s  %d fans on their way, %d at an end (%d bought)  %.0f requests/s", now.At.Seconds(), now.Started-now.Ended, now.Ended, now.Bought, rate)
	if recent >= 0 {
		text += fmt.Sprintf(", 95 %% within %.0f ms", recent)
	}
	if now.Errors > 0 {
		text += fmt.Sprintf("  ERRORS %d", now.Errors)
	}
	p.last = now
	if out.terminal || now.At-p.shownAt >= quietly {
		p.shownAt = now.At
		p.line(out, text, false)
	}
}

// line shows text; the final one stays.
func (p *progress) line(out *console, text string, final bool) {
	switch {
	case out.terminal && final:
		_, _ = fmt.Fprintf(out, "\r%-100s\n", text)
	case out.terminal:
		_, _ = fmt.Fprintf(out, "\r%-100s", text)
	default:
		_, _ = fmt.Fprintln(out, text)
	}
}
