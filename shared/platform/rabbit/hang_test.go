package rabbit_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
)

// soon is within a service's grace, and far less than the half minute after which
// heartbeats show that a broker hangs.
const soon = 8 * time.Second

// behindProxy returns a client whose connections go through a proxy.
func behindProxy(t *testing.T) (*rabbit.Client, *backendtest.Proxy) {
	t.Helper()
	u, err := url.Parse(backendtest.RabbitURL(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := backendtest.NewProxy(t, u.Host)
	u.Host = proxy.Addr
	client := connect(t, u.String(), topology())
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
