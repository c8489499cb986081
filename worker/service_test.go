package worker_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/queue"
	"github.com/fairgate/fairgate/shared/queue/queuepg"
	"github.com/fairgate/fairgate/shared/queue/queueredis"
)

const (
	waitingEvents = `SELECT count(*) FROM outbox`
	notifications = `SELECT count(*) FROM notification WHERE entity = $1`
	unsent        = `SELECT count(*) FROM delivery WHERE state <> 'sent'`
)

func TestAnEventReachesMailSlackAndInboxOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.start() // two workers share the work
	confirmed := booked(t, event.TypeBookingConfirmed, "bkg-1")
	w.happen(confirmed, confirmed) // the same event twice, as after a lost confirm
	w.happen(booked(t, event.TypeBookingExpired, "bkg-2"))
	eventually(t, "everybody was told", func() bool {
		return len(w.mails.about()) == 2 && len(w.posts.posted()) == 2 &&
			w.count(notifications, "bkg-1") == 1 && w.count(notifications, "bkg-2") == 1
	})
	eventually(t, "outbox drained, deliveries done", func() bool { return w.count(waitingEvents) == 0 && w.count(unsent) == 0 })
	for what, n := range w.mails.about() {
		if n != 1 {
			t.Errorf("%d mails about %s; want 1", n, what)
		}
	}
	if w.mails.about()["booking_confirmed bkg-1"] != 1 || w.mails.about()["booking_expired bkg-2"] != 1 {
		t.Errorf("mails = %v", w.mails.about())
	}
	if posts := w.posts.posted(); len(posts) != 2 || !strings.Contains(strings.Join(posts, "\n"), "밤의 노래 150,000원") {
		t.Errorf("posts = %q", posts)
	}
}

// Workers stop and start and the broker goes away while bookings are confirmed:
// each fan gets a mail and a notification.
func TestEveryoneIsToldThroughOutagesAndRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.SlackWebhookURL = "" // one post a second is too slow for this many
	_, stop := w.start()
	const rounds, size = 6, 20
	for round := range rounds {
		for i := range size {
			w.happen(booked(t, event.TypeBookingConfirmed, fmt.Sprintf("bkg-%d-%d", round, i)))
		}
		switch round {
		case 1, 4:
			w.broker.Cut()
		case 2:
			w.broker.SetDown(true)
		case 3:
			w.broker.SetDown(false)
		case 5:
			stop()
			_, stop = w.start()
		}
	}
	eventually(t, "everybody has a mail", func() bool { return len(w.mails.about()) == rounds*size })
	eventually(t, "everybody has a notification", func() bool {
		return w.count(`SELECT count(*) FROM notification`) == rounds*size
	})
	eventually(t, "outbox drained, deliveries done", func() bool { return w.count(waitingEvents) == 0 && w.count(unsent) == 0 })
	for what, n := range w.mails.about() {
		if n != 1 {
			t.Errorf("%d mails about %s; want 1", n, what)
		}
	}
}

func TestStopsWithinTheGraceThoughTheBrokerHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, stop := w.start()
	for i := range 20 {
		w.happen(booked(t, event.TypeBookingConfirmed, fmt.Sprintf("bkg-%d", i)))
	}
	eventually(t, "messages flow", func() bool { return len(w.mails.about()) > 0 })
	w.broker.Freeze(true)
	stop() // fails the test when the grace was not enough
}

// A change committed just before the worker is told to stop has its line when the
// worker is gone, though an older transaction was still open then.
func TestTheLastChangesBeforeAStopAreAudited(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cfg.ShutdownGrace = 6 * limit // other tests' transactions may be open for a while
	admin, stop := w.start()
	ctx := context.Background()
	older, err := w.pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = older.Rollback(ctx) }()
	if _, err := older.Exec(ctx, `SELECT pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.pool.Exec(ctx, `INSERT INTO ledger (booking_id, entry) VALUES ('bkg-last', 'booking')`); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { defer close(stopped); stop() }()
	eventually(t, "it stops", func() bool { status, _ := get(admin, "/healthz"); return status == 0 })
	if err := older.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	<-stopped
	if text := w.audited(); strings.Count(text, `"bkg-last"`) != 1 {
		t.Errorf("not one line of it in the audit log: %q", text)
	}
}

// audited returns all lines of the audit log.
func (w *world) audited() string {
	w.t.Helper()
	files, err := filepath.Glob(filepath.Join(w.cfg.AuditDir, "*.jsonl"))
	if err != nil {
		w.t.Fatal(err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

func TestReadinessFollowsTheBroker(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, _ := w.start()
	w.broker.SetDown(true)
	eventually(t, "not ready without the broker", func() bool {
		status, body := get(admin, "/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"postgres":"ok"`) && strings.Contains(body, "broker_down")
	})
	if status, _ := get(admin, "/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d; the process is well", status)
	}
	w.broker.SetDown(false)
	eventually(t, "ready again", func() bool { status, _ := get(admin, "/readyz"); return status == http.StatusOK })
	eventually(t, "metrics of jobs, outbox and broker", func() bool {
		_, metrics := get(admin, "/metrics")
		for _, name := range []string{
			`fairgate_job_runs_total{name="check_invariants",outcome="ok"}`, "fairgate_outbox_oldest_age_seconds 0",
			`fairgate_message_broker_connections{use="consume"} 1`, "fairgate_booking_invariant_violations",
			`fairgate_message_queue_messages{queue="fairgate.parked"} 0`, `fairgate_message_queue_consumers{queue="fairgate.payment"} 1`,
			`fairgate_booking_pending_items{kind="payment",state="unknown"} 0`,
			`fairgate_job_duration_seconds_count{name="expire_bookings"}`,
		} {
			if !strings.Contains(metrics, name) {
				return false
			}
		}
		return true
	})
	_, metrics := get(admin, "/metrics")
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "fairgate_job_runs_total") && strings.Contains(line, `outcome="failed"`) && !strings.HasSuffix(line, " 0\n") {
			t.Errorf("a job failed: %s", line)
		}
	}
}

// A line exists only in its mirror; the worker makes it, and ends the session of
// the fan whose booking is confirmed.
func TestALineIsMadeAndItsSessionsFollowBookings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	policy := queue.DefaultPolicy("sale-1")
	policy.State = queue.Open
	mirror := queuepg.New(w.pool)
	if _, err := mirror.Mirror(ctx, policy); err != nil {
		t.Fatal(err)
	}
	w.start()
	tokens, err := queue.NewPlaceTokens([]byte("a test key of at least thirty-two bytes"), clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	lines := queueredis.New(w.redis, w.prefix, tokens)
	eventually(t, "the line was made", func() bool { _, err := lines.Policy(ctx, "sale-1"); return err == nil })

	session := enter(t, lines, "sale-1", "acc-1")
	from := &event.Session{SaleID: session.SaleID, Epoch: session.Epoch, N: session.N}
	payBefore := session.EndsAt.Add(5 * time.Minute)
	withSession := func(b *event.Booking) { b.Session, b.PayBefore = from, payBefore }

	w.happen(booked(t, event.TypeBookingCreated, "bkg-1", withSession))
	eventually(t, "the session lasts until the booking must be paid", func() bool {
		endsAt, active, err := lines.SessionActive(ctx, session.Ref(), "")
		return err == nil && active && endsAt.Equal(payBefore.Truncate(time.Millisecond))
	})
	w.happen(booked(t, event.TypeBookingConfirmed, "bkg-1", withSession))
	eventually(t, "the session is over", func() bool {
		_, active, err := lines.SessionActive(ctx, session.Ref(), "")
		return err == nil && !active
	})
	eventually(t, "the mirror knows the tail", func() bool {
		mirrored, err := mirror.List(ctx)
		return err == nil && len(mirrored) == 1 && mirrored[0].Tail >= session.N
	})
}

// enter lets an account join, ticks the line and returns its session.
func enter(t *testing.T, lines *queueredis.Store, sale, account string) (session queue.Session) {
	t.Helper()
	ctx := context.Background()
	place, _, err := lines.Join(ctx, sale, account)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "entered", func() bool {
		if err := lines.ReportPresence(ctx, sale, place.N); err != nil {
			t.Fatal(err)
		}
		if _, err := lines.Tick(ctx, sale); err != nil {
			t.Fatal(err)
		}
		session, err = lines.Enter(ctx, place.PlaceRef)
		return err == nil
	})
	return session
}
