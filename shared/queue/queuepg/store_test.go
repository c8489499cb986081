package queuepg_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queuepg"
)

func TestMirror(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	store := queuepg.New(pgtest.Pool(t))
	opens := time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC)
	p := queue.DefaultPolicy("s1")
	p.OpensAt, p.Message, p.Epoch, p.Tail, p.Version = &opens, map[string]string{"ko": "곧 시작합니다"}, 2, 10, 4
	mirror := func(change func(*queue.Policy)) bool {
		t.Helper()
		next := p
		change(&next)
		changed, err := store.Mirror(ctx, next)
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	stored := func() queue.Policy {
		t.Helper()
		all, err := store.List(ctx)
		if err != nil || len(all) != 1 {
			t.Fatalf("List: %v, %v", all, err)
		}
		if all[0].OpensAt != nil {
			utc := all[0].OpensAt.UTC()
			all[0].OpensAt = &utc
		}
		return all[0]
	}
	if !mirror(func(*queue.Policy) {}) || !reflect.DeepEqual(stored(), p) {
		t.Errorf("stored %+v, want %+v", stored(), p)
	}
	if mirror(func(*queue.Policy) {}) {
		t.Error("the same again was written")
	}
	if mirror(func(q *queue.Policy) { q.Tail = 9 }) || mirror(func(q *queue.Policy) { q.Version, q.Tail = 3, 99 }) ||
		mirror(func(q *queue.Policy) { q.Epoch, q.Tail = 1, 99 }) {
		t.Error("something older was written")
	}
	if !mirror(func(q *queue.Policy) { q.Tail = 11 }) || stored().Tail != 11 {
		t.Error("a new tail was not written")
	}
	if !mirror(func(q *queue.Policy) { q.Version, q.State = 5, queue.Open }) || stored().State != queue.Open {
		t.Error("a new version was not written")
	}
	if !mirror(func(q *queue.Policy) { q.Epoch, q.Version, q.Tail = 3, 6, 0 }) || stored().Tail != 0 {
		t.Error("a new epoch was not written")
	}
}
