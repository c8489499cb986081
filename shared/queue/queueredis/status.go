package queueredis

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// StatusBody is the shared status of a line as every gateway serves it.
type StatusBody struct {
	JSON []byte
	ETag string // quoted; epoch and sequence

	version int64 // of the settings and state that it tells
}

const (
	statusEvery    = 950 * time.Millisecond // one gateway builds it, once a second
	statusPoll     = 3 * time.Second
	statusPollIdle = 10 * time.Second // while nothing moves
	anchorGrowth   = 0.03
)

// shareStatus returns the status body of a line, renewed by whichever gateway
// comes first in a second, or after a change.
func (s *Store) shareStatus(ctx context.Context, snapshot Snapshot) (StatusBody, error) {
	sale := snapshot.Policy.SaleID
	won, err := s.client.SetNX(ctx, s.keys.statusLock(sale, snapshot.Policy.Version), 1, statusEvery).Result()
	if err != nil {
		return StatusBody{}, queue.ErrUnavailable.Because(err)
	}
	old, known := parseStatus(snapshot.status)
	if !won && known {
		return old, nil
	}
	body, err := nextStatus(old, snapshot)
	if err != nil {
		return StatusBody{}, err
	}
	body.version = snapshot.Policy.Version
	if err := s.client.Set(ctx, s.keys.status(sale), body.stored(), 0).Err(); err != nil {
		return StatusBody{}, queue.ErrUnavailable.Because(err)
	}
	return body, nil
}

// stored is the form in Redis: ETag and version on a line, then the body.
func (b StatusBody) stored() string {
	return fmt.Sprintf("%s %d\n%s", b.ETag, b.version, b.JSON)
}

func parseStatus(stored string) (StatusBody, bool) {
	first, text, ok := strings.Cut(stored, "\n")
	etag, number, _ := strings.Cut(first, " ")
	version, _ := strconv.ParseInt(number, 10, 64) // 0 equals no other
	return StatusBody{JSON: []byte(text), ETag: etag, version: version}, ok
}

// nextStatus returns old when nothing has changed since.
func nextStatus(old StatusBody, snapshot Snapshot) (StatusBody, error) {
	var was queue.Status
	_ = json.Unmarshal(old.JSON, &was) // an unreadable one is replaced
	status := statusOf(snapshot)
	status.AsOf = was.AsOf
	text, err := json.Marshal(status)
	if err != nil {
		return StatusBody{}, fmt.Errorf("queueredis: status: %w", err)
	}
	if bytes.Equal(text, old.JSON) {
		return old, nil
	}
	status.AsOf = snapshot.At.Truncate(time.Millisecond)
	if text, err = json.Marshal(status); err != nil {
		return StatusBody{}, fmt.Errorf("queueredis: status: %w", err)
	}
	return StatusBody{JSON: text, ETag: nextETag(old.ETag, status.Epoch)}, nil
}

func nextETag(old string, epoch uint32) string {
	_, sequence, _ := strings.Cut(strings.Trim(old, `"`), "-")
	n, _ := strconv.ParseUint(sequence, 10, 64)
	return fmt.Sprintf(`"%d-%d"`, epoch, n+1)
}

func statusOf(snapshot Snapshot) queue.Status {
	p := snapshot.Policy
	status := queue.Status{
		Sale: p.SaleID, Epoch: p.Epoch, State: shownState(p), OpensAt: p.OpensAt,
		Waiting: snapshot.Live.Total(), Active: snapshot.Figures.Active, Capacity: p.Capacity,
		RatePerMinute: p.RatePerMinute, Serving: snapshot.Figures.Serving, Anchors: anchors(snapshot),
		Message: p.Message, PollAfterMS: statusPollIdle.Milliseconds(),
	}
	if running(p) {
		status.PollAfterMS = statusPoll.Milliseconds()
	}
	if p.SoldOut {
		status.Waiting = 0
	}
	return status
}

func shownState(p queue.Policy) queue.State {
	if p.SoldOut && p.State != queue.Closed {
		return queue.SoldOut
	}
	return p.State
}

func running(p queue.Policy) bool {
	return (p.State == queue.Open || p.State == queue.Draining) && !p.SoldOut
}

// anchors are the keys at ranks that grow by 3 %: about 380 for a million fans.
func anchors(snapshot Snapshot) []queue.Anchor {
	list := []queue.Anchor{}
	if beforeDraw(snapshot.Policy) || snapshot.Policy.SoldOut {
		return list
	}
	for rank := uint64(0); ; rank += max(1, uint64(anchorGrowth*float64(rank))) {
		n, ok := snapshot.Live.At(rank)
		if !ok {
			return list
		}
		list = append(list, queue.Anchor{rank, queue.LateKey(n)})
	}
}

func beforeDraw(p queue.Policy) bool {
	return p.Method == queue.Draw && (p.State == queue.Lobby || p.State == queue.Drawing)
}
