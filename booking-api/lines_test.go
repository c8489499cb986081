package bookingapi

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// TestAClosedLineIsOfferedNoMore: an operator closes the line of a sale that is open;
// its performance's page sends nobody there.
func TestAClosedLineIsOfferedNoMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sale, showtime := w.sale(map[string]any{"seats": 30, "queued": true})
	at := "/performances/" + w.call("GET", "/v1/showtimes/"+showtime, nil).is(200).str("performance_id")
	offers := func() bool {
		return strings.Contains(w.call("GET", at, nil, "Accept", "text/html").is(200).text, `href="/q/`+sale+`?showtime=`+showtime)
	}
	policy := queue.DefaultPolicy(sale)
	policy.State = queue.Open
	if _, err := w.lines.Ensure(context.Background(), policy); err != nil {
		t.Fatal(err)
	}
	if !offers() {
		t.Fatal("an open line is not offered")
	}
	if _, err := w.lines.Act(context.Background(), sale, queue.VerbClose); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the closed line is offered no more", func() bool { return !offers() })
}

// A page neither waits long for the store of lines nor asks it for each fan.
func TestTheStateOfALineIsAskedOnceForAll(t *testing.T) {
	t.Parallel()
	now, asked, answer := time.Unix(1, 0), 0, error(nil)
	states := newLineStates(nil, func() time.Time { return now })
	states.policy = func(ctx context.Context, _ string) (queue.Policy, error) {
		if deadline, bounded := ctx.Deadline(); !bounded || time.Until(deadline) > linePatience {
			t.Error("the question has no bound")
		}
		asked++
		return queue.Policy{State: queue.Open, SoldOut: asked > 1}, answer
	}
	want := func(state queue.State, err error, times int) {
		t.Helper()
		for range 3 {
			if got, failure := states.LineState(context.Background(), "s"); got != state || !errors.Is(failure, err) || asked != times {
				t.Errorf("%q, %v after %d questions; want %q, %v after %d", got, failure, asked, state, err, times)
			}
		}
	}
	want(queue.Open, nil, 1)
	now = now.Add(lineFresh)
	want(queue.SoldOut, nil, 2)
	now, answer = now.Add(lineFresh), queue.ErrUnavailable
	want(queue.SoldOut, queue.ErrUnavailable, 3)
}
