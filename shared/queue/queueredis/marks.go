package queueredis

import (
	"context"
	"sync"

	"github.com/fairgate/fairgate/shared/queue"
)

// maxMarkList is up to how many numbers are sent one by one; more go as a bitmap.
const maxMarkList = 2000

// marks collects which fans were seen since the last report. Safe for concurrent use.
type marks struct {
	mu    sync.Mutex
	bits  []byte
	count int
}

func (m *marks) add(n uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := int(n / 8) // numbers stay below 2^32 (a Redis bitmap)
	if at >= len(m.bits) {
		m.bits = append(m.bits, make([]byte, at+1-len(m.bits))...)
	}
	mask := byte(0x80) >> (n % 8)
	if m.bits[at]&mask == 0 {
		m.bits[at] |= mask
		m.count++
	}
}

func (m *marks) take() (bits []byte, count int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	bits, count = m.bits, m.count
	m.bits, m.count = nil, 0
	return bits, count
}

// merge puts back what could not be reported.
func (m *marks) merge(bits []byte) {
	for _, n := range setBits(bits) {
		m.add(n)
	}
}

// setBits returns the numbers of the bits that are set, in Redis's order.
func setBits(bits []byte) []uint64 {
	var set []uint64
	for i, b := range bits {
		for bit := 0; b != 0; bit, b = bit+1, b<<1 {
			if b&0x80 != 0 {
				set = append(set, uint64(i)*8+uint64(bit)) // both ≥ 0
			}
		}
	}
	return set
}

// reportPresence tells a line who was seen; with nobody, that the gateway is watching.
func (s *Store) reportPresence(ctx context.Context, sale string, bits []byte, count int) error {
	args := []any{"bits", bits}
	if count <= maxMarkList {
		args = []any{"list"}
		for _, n := range setBits(bits) {
			args = append(args, n)
		}
	}
	_, err := s.run(ctx, s.scripts.presence, sale, 0, args...)
	return err
}

// ReportPresence tells a line that the fans with these numbers were seen. Every
// gateway reports each 5 s, also nobody: after 15 s without any report nobody is
// taken for absent until a full abandon time has passed again.
func (s *Store) ReportPresence(ctx context.Context, sale string, numbers ...uint64) error {
	var m marks
	for _, n := range numbers {
		m.add(n)
	}
	bits, count := m.take()
	return s.reportPresence(ctx, sale, bits, count)
}

// Sweep removes from a line whoever was not seen for the abandon time, and returns
// how many. Of many callers one in ten seconds does the work.
func (s *Store) Sweep(ctx context.Context, sale string) (int, error) {
	const chunk = 500
	r, err := s.run(ctx, s.scripts.sweep, sale, 0)
	if err != nil {
		return 0, err
	}
	removed := 0
	for dead := setBits([]byte(r.text(1))); len(dead) > 0; {
		part := dead[:min(chunk, len(dead))]
		dead = dead[len(part):]
		args := make([]any, len(part))
		for i, n := range part {
			args[i] = n
		}
		done, err := s.run(ctx, s.scripts.abandon, sale, 0, args...)
		if err != nil {
			return removed, err
		}
		removed += int(done.integer(1))
	}
	return removed, nil
}

// present notes that a fan was seen.
func (l *line) present(ref queue.PlaceRef) { l.marks.add(ref.N) }
