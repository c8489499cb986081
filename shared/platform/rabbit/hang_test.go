package rabbit_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// soon is within a service's grace, and far less than the half minute after which
// heartbeats show that a broker hangs.
const soon = 8 * time.Second

// behindProxy returns a client whose connections go through a proxy.
func behindProxy(t *testing.T) (*rabbit.Client, *backendtest.Proxy) {
	t.Helper()
	return logsBehindProxy(t, slog.New(slog.DiscardHandler))
}

func logsBehindProxy(t *testing.T, log *slog.Logger) (*rabbit.Client, *backendtest.Proxy) {
	t.Helper()
	u, err := url.Parse(backendtest.RabbitURL(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := backendtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr
	client := connectAndLog(t, u.String(), topology(), log)
	t.Cleanup(func() { proxy.Freeze(false) }) // before the client is stopped
	return client, proxy
}

func within(t *testing.T, what string, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	select {
	case <-done:
	case <-time.After(soon):
		t.Errorf("%s took more than %s", what, soon)
	}
}

func TestConsumerStopsThoughTheBrokerHangs(t *testing.T) {
	t.Parallel()
	client, proxy := behindProxy(t)
	handled := make(chan struct{}, 1)
	stop := consume(t, client, rabbit.Consumer{Workers: 2, Handle: func(context.Context, event.Envelope) error {
		handled <- struct{}{}
		return nil
	}})
	mustPublish(t, client, message("evt-1"))
	<-handled
	proxy.Freeze(true)
	within(t, "stopping", stop)
}

func TestPublishGivesUpThoughTheBrokerHangs(t *testing.T) {
	t.Parallel()
	client, proxy := behindProxy(t)
	mustPublish(t, client, message("evt-1"))
	proxy.Freeze(true)
	for _, channel := range []string{"on an open channel", "on a new channel"} {
		within(t, "publishing "+channel, func() {
			if err := client.Publish(context.Background(), []rabbit.Message{message("evt-2")})[0]; err == nil {
				t.Error("a broker that hangs has confirmed a message")
			}
		})
	}
}

func TestAMessageInHandIsCutOffWhenItTakesTooLong(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	begun := make(chan struct{}, 1)
	stop := consume(t, client, rabbit.Consumer{Finish: 100 * time.Millisecond, Handle: func(ctx context.Context, _ event.Envelope) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}})
	mustPublish(t, client, message("evt-1"))
	<-begun
	within(t, "stopping", stop)
}

// A broker that hangs is found by an answer that takes too long: then we break the
// connection ourselves. The library gives nil as the reason, or the failed read if its
// reader sees that first, and the line that says so once ended the process.
func TestAConnectionThatWeBrokeIsMadeAnew(t *testing.T) {
	t.Parallel()
	var lines lockedBuffer
	client, proxy := logsBehindProxy(t, logging.New(&lines, "test", "info"))
	proxy.Freeze(true)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	within(t, "asking for depths", func() {
		if _, err := client.Depths(ctx); err == nil {
			t.Error("a broker that hangs has answered")
		}
	})
	within(t, "saying why", func() {
		for !strings.Contains(lines.String(), "lost the broker") {
			time.Sleep(time.Millisecond)
		}
	})
	proxy.Freeze(false)
	waiting, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := client.Await(waiting); err != nil {
		t.Fatalf("not connected again: %v\n%s", err, lines.String())
	}
	mustPublish(t, client, message("evt-1"))
}

func TestLookingAtParkedMessagesEndsThoughTheBrokerHangs(t *testing.T) {
	t.Parallel()
	client, proxy := behindProxy(t)
	proxy.Freeze(true)
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	within(t, "listing", func() {
		if _, err := client.ListParked(ctx, 1); err == nil {
			t.Error("a broker that hangs has listed messages")
		}
	})
}

// What fills the buffers of a connection to a broker that hangs is given up in time.
func TestPublishingALotGivesUpThoughTheBrokerHangs(t *testing.T) {
	t.Parallel()
	client, proxy := behindProxy(t)
	mustPublish(t, client, message("evt-1"))
	proxy.Freeze(true)
	large := make([]rabbit.Message, rabbit.MaxBatch)
	for i := range large {
		large[i] = message("evt-2")
		large[i].Body = bytes.Repeat([]byte("1"), 64<<10)
	}
	within(t, "publishing 64 MB", func() {
		for _, err := range client.Publish(context.Background(), large) {
			if err == nil {
				t.Error("a broker that hangs has confirmed a message")
				return
			}
		}
	})
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
