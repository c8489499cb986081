package queuegateway

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/fairgate/fairgate/queue-gateway/internal/api"
	"github.com/fairgate/fairgate/queue-gateway/internal/hub"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

// upstreamMessage is on the page while nobody is let in because the booking API
// does not answer.
var upstreamMessage = map[string]string{
	"ko": "예매 시스템이 잠시 응답하지 않아 입장을 멈췄습니다. 순서는 그대로 유지되며, 복구되는 대로 자동으로 다시 시작합니다.",
	"en": "Booking is not answering just now, so nobody is let in. Your place is kept; this goes on by itself as soon as booking is back.",
	"ja": "予約システムが一時的に応答していないため、入場を停止しています。順番はそのまま保たれ、復旧後に自動で再開します。",
	"zh": "预订系统暂时没有响应，已暂停入场。您的排队位置会保留，恢复后将自动继续。",
}

// lines are the waiting lines as the routes see them: the front's copies, the hub
// that watches them, and, while the booking API is away, the pause of admission.
//
// The pause is each gateway's own: one whose breaker is not closed does not beat,
// so it neither offers places nor lets anybody in, and shows the line as paused.
// When no gateway reaches the API nobody beats; the line's script then takes the
// gap for a pause (its pace starts afresh, no offer lapses for a claim window),
// which is also how it resumes gently.
type lines struct {
	*queueredis.Front
	hub  *hub.Hub
	held func() bool
	told *promises
	gone func(accountID string) (gone, known bool)

	mu     sync.RWMutex
	shaped map[string]shapedStatus
}

// shapedStatus is what was made of one status body.
type shapedStatus struct {
	source string // ETag
	held   bool
	status api.Status
}

var (
	_ api.Lines = (*lines)(nil)
	_ hub.Lines = (*lines)(nil)
)

func newLines(front *queueredis.Front, held func() bool, told *promises, gone func(string) (gone, known bool)) *lines {
	l := &lines{Front: front, held: held, told: told, gone: gone, shaped: map[string]shapedStatus{}}
	l.hub = hub.New(l)
	return l
}

// Place implements api.Lines. The place of an account that is no more is none; so its
// streams end, too.
func (l *lines) Place(ctx context.Context, ref queue.PlaceRef) (queue.Place, error) {
	if err := l.checkAccount(ref); err != nil {
		return queue.Place{}, err
	}
	return l.Front.Place(ctx, ref)
}

// Present implements hub.Lines.
func (l *lines) Present(ref queue.PlaceRef) (waiting bool, err error) {
	if err := l.checkAccount(ref); err != nil {
		return false, err
	}
	return l.Front.Present(ref)
}

// checkAccount fails with queue.ErrPlaceInvalid where a place is of an account that was
// deleted, with queue.ErrUnavailable while that is not known.
func (l *lines) checkAccount(ref queue.PlaceRef) error {
	gone, known := l.gone(ref.Subject)
	if known && !gone {
		return nil
	}
	policy, err := l.Policy(ref.SaleID)
	switch {
	case err != nil:
		return err
	case policy.Identity != queue.ByAccount:
		return nil
	case !known:
		return queue.ErrUnavailable
	}
	return queue.ErrPlaceInvalid
}

// leaveAll ends the places of an account that was deleted, in all lines.
func (l *lines) leaveAll(ctx context.Context, accountID string) error {
	var faults []error
	for _, sale := range l.Lines() {
		policy, err := l.Policy(sale)
		if err == nil && policy.Identity == queue.ByAccount {
			err = l.LeaveSubject(ctx, sale, accountID)
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Watch implements api.Lines.
func (l *lines) Watch(ref queue.PlaceRef) (wake <-chan struct{}, stop func()) {
	return l.hub.Watch(ref)
}

// Notice implements hub.Lines.
func (l *lines) Notice(sale string) string {
	status, err := l.Status(sale)
	if err != nil {
		return ""
	}
	return string(status.Notice)
}

// Status implements api.Lines.
func (l *lines) Status(sale string) (api.Status, error) {
	body, err := l.Front.Status(sale)
	if err != nil {
		return api.Status{}, err
	}
	held := l.held()
	l.mu.RLock()
	known := l.shaped[sale]
	l.mu.RUnlock()
	if known.source == body.ETag && known.held == held {
		return known.status, nil
	}
	status, err := shape(body, held)
	if err != nil {
		return api.Status{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.shaped[sale] = shapedStatus{body.ETag, held, status}
	return status, nil
}

// shape adds the notice and, while admission is held, says so in the body.
func shape(body queueredis.StatusBody, held bool) (api.Status, error) {
	var status queue.Status
	if err := json.Unmarshal(body.JSON, &status); err != nil {
		return api.Status{}, err
	}
	out := api.Status{Body: body.JSON, ETag: body.ETag}
	if held && (status.State == queue.Open || status.State == queue.Draining) {
		status.State, status.Message = queue.Paused, upstreamMessage
		changed, err := json.Marshal(status)
		if err != nil {
			return api.Status{}, err
		}
		out.Body, out.ETag = changed, body.ETag[:len(body.ETag)-1]+`-held"`
	}
	var err error
	out.Notice, err = json.Marshal(struct {
		State   queue.State       `json:"state"`
		OpensAt *time.Time        `json:"opens_at"`
		Message map[string]string `json:"message"`
	}{status.State, status.OpensAt, status.Message})
	return out, err
}

// operator is the lines as operators see them: always the store itself.
type operator struct {
	*queueredis.Store
	front *queueredis.Front
}

var _ api.Operator = operator{}

// Figures implements api.Operator.
func (o operator) Figures(ctx context.Context, sale string) (queue.Figures, error) {
	snapshot, err := o.Snapshot(ctx, sale)
	if err != nil {
		return queue.Figures{}, err
	}
	figures := snapshot.Figures
	if measured, err := o.front.Figures(sale); err == nil {
		figures.EnteringPerMinute = measured.EnteringPerMinute
	}
	return figures, nil
}

// Patch implements api.Operator; this gateway knows the change at once.
func (o operator) Patch(ctx context.Context, sale string, patch queue.Patch) (queue.Policy, error) {
	policy, err := o.Store.Patch(ctx, sale, patch)
	if err != nil {
		return policy, err
	}
	return policy, o.front.Refresh(ctx, sale)
}

// Act implements api.Operator; this gateway knows the change at once.
func (o operator) Act(ctx context.Context, sale string, verb queue.Verb) (queue.Policy, error) {
	policy, err := o.Store.Act(ctx, sale, verb)
	if err != nil {
		return policy, err
	}
	return policy, o.front.Refresh(ctx, sale)
}
