package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	openStreams     = 10_000
	streamsOpening  = 200 // at the same time
	streamUpdates   = 3
	kilobytesEach   = 30
	updateReachesIn = time.Second
	idleFor         = 25 * time.Second // two beats of a fan far from the turn
)

// measureStreams opens 10,000 event streams at a gateway of their own, looks at its
// memory, and times how long a notice of the operator takes to reach all of them.
func measureStreams(ctx context.Context, b *Bench) (Outcome, error) {
	addr, stop, err := b.System.startGateway(ctx, 1)
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	pid := b.System.lastPID()
	id := unique("bench-streams")
	if err := b.line(ctx, id, lineOptions{capacity: 1, ratePerMinute: 1}); err != nil {
		return Outcome{}, err
	}
	fans, err := b.browsers(ctx, id, openStreams+10)
	if err != nil {
		return Outcome{}, err
	}
	if err := pause(ctx, 5*time.Second); err != nil {
		return Outcome{}, err
	}
	before, err := residentKilobytes(pid)
	if err != nil {
		return Outcome{}, err
	}
	a := &audience{seen: map[string]*atomic.Int64{}}
	defer a.close()
	if err := a.open(ctx, addr, id, fans[10:]); err != nil {
		return Outcome{}, err
	}
	if err := pause(ctx, idleFor); err != nil {
		return Outcome{}, err
	}
	after, err := residentKilobytes(pid)
	if err != nil {
		return Outcome{}, err
	}
	each := (after - before) / openStreams
	b.say("%d streams open, %.1f KB each", a.live.Load(), each)
	slowest, err := b.updateAll(ctx, id, a)
	if err != nil {
		return Outcome{}, err
	}
	o := Outcome{
		Value: fmt.Sprintf("%.1f KB each, an update reaches all in %.2f s", each, slowest.Seconds()),
		Hit:   each <= kilobytesEach && slowest < updateReachesIn && a.live.Load() == openStreams,
	}
	o.add("streams open", float64(a.live.Load()), "")
	o.add("resident a stream", each, "KB")
	o.add("gateway before", before/1024, "MB")
	o.add("gateway with all", after/1024, "MB")
	o.add("slowest update to the last stream", slowest.Seconds(), "s")
	return o, nil
}

// updateAll changes the line's message a few times and returns how long the slowest
// change took to reach the last stream.
func (b *Bench) updateAll(ctx context.Context, lineID string, a *audience) (time.Duration, error) {
	token, err := b.admin(ctx)
	if err != nil {
		return 0, err
	}
	var slowest time.Duration
	for n := range streamUpdates {
		mark := fmt.Sprintf("notice-%d-%d", n, time.Now().UnixMilli())
		reached := a.expect(mark)
		patch := fmt.Sprintf(`{"message":{"en":%q}}`, mark)
		start := time.Now()
		if err := b.operate(ctx, token, "PATCH", lineID, patch); err != nil {
			return 0, err
		}
		for reached.Load() < openStreams {
			if time.Since(start) > 30*time.Second {
				return 0, fmt.Errorf("the update has reached %d of %d streams", reached.Load(), openStreams)
			}
			if err := pause(ctx, 2*time.Millisecond); err != nil {
				return 0, err
			}
		}
		took := time.Since(start)
		b.say("update %d reached all after %.3f s", n+1, took.Seconds())
		slowest = max(slowest, took)
		if err := pause(ctx, 3*time.Second); err != nil {
			return 0, err
		}
	}
	return slowest, nil
}

// audience is the readers of many streams.
type audience struct {
	live    atomic.Int64
	reading sync.WaitGroup

	mu    sync.RWMutex
	conns []net.Conn
	seen  map[string]*atomic.Int64 // how many streams have told a text
}

// expect counts from now on the streams on which text appears.
func (a *audience) expect(text string) *atomic.Int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.seen)
	a.seen[text] = &atomic.Int64{}
	return a.seen[text]
}

func (a *audience) close() {
	a.mu.Lock()
	for _, conn := range a.conns {
		_ = conn.Close()
	}
	a.mu.Unlock()
	a.reading.Wait()
}

func (a *audience) open(ctx context.Context, addr, lineID string, fans []*fan) error {
	slots := make(chan struct{}, streamsOpening)
	failures := make(chan error, len(fans))
	var opening sync.WaitGroup
	for i, f := range fans {
		slots <- struct{}{}
		opening.Go(func() {
			defer func() { <-slots }()
			failures <- a.openOne(ctx, addr, lineID, f, i)
		})
	}
	opening.Wait()
	close(failures)
	var failed []error
	for err := range failures {
		if err != nil && len(failed) < 3 {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// openOne opens a stream from one of a few loopback addresses, each of which has
// ports of its own.
func (a *audience) openOne(ctx context.Context, addr, lineID string, f *fan, n int) error {
	dialer := net.Dialer{Timeout: answerWithin, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(2+n%4))}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	a.mu.Lock()
	a.conns = append(a.conns, conn)
	a.mu.Unlock()
	r := newRequest("GET", "/v1/queues/"+lineID+"/places/me/events", "", header{"Place-Token", f.place}, header{"Accept", "text/event-stream"})
	if _, err := conn.Write(r); err != nil {
		return err
	}
	lines := bufio.NewReaderSize(conn, 1<<10)
	status, err := lines.ReadString('\n')
	if err != nil || !strings.Contains(status, " 200 ") {
		return fmt.Errorf("a stream was answered %q (%w)", strings.TrimSpace(status), err)
	}
	a.live.Add(1)
	a.reading.Go(func() { a.read(lines) })
	return nil
}

// read follows a stream to its end.
func (a *audience) read(lines *bufio.Reader) {
	defer a.live.Add(-1)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
		a.mu.RLock()
		for text, count := range a.seen {
			if strings.Contains(string(line), text) {
				count.Add(1)
			}
		}
		a.mu.RUnlock()
	}
}

// residentKilobytes is how much memory a process has.
func residentKilobytes(pid int) (float64, error) {
	text := strings.TrimSuffix(field("/proc/"+strconv.Itoa(pid)+"/status", "VmRSS"), " kB")
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("memory of process %d: %w", pid, os.ErrProcessDone)
	}
	return n, nil
}
