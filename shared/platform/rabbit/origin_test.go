package rabbit_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/platform/backendtest"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/rabbit"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/platform/tracing/tracingtest"
)

// written is a log that several goroutines may write to.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// Whatever becomes of a message, its lines and its steps are those of the request that
// caused it.
func TestTheOriginOfAMessageStaysWithIt(t *testing.T) {
	t.Parallel()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	spans, out := tracingtest.New(t), &written{}
	tracer, err := tracing.New(t.Context(), tracing.Settings{Endpoint: spans.URL, Sampler: "parentbased_always_on", SamplerArg: "1"}, "x", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	client := rabbit.New(backendtest.RabbitURL(t), topology(), logging.New(out, "x", "info"), nil)
	client.Trace(tracer)
	start(t, func(ctx context.Context) { _ = client.Run(ctx) })
	if err := client.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var ids []string
	stop := consume(t, client, rabbit.Consumer{Handle: func(ctx context.Context, _ event.Envelope) error {
		mu.Lock()
		defer mu.Unlock()
		ids = append(ids, logging.RequestID(ctx))
		if len(ids) == 1 {
			return errors.New("not yet")
		}
		return nil
	}})
	m := message("evt-1")
	m.Headers = rabbit.OriginHeaders("req-1", "00-"+trace+"-b7ad6b7169203331-01")
	mustPublish(t, client, m)
	eventually(t, "handled at last", func() bool { return strings.Contains(out.String(), "message handled") })
	stop()
	tracer.Close(t.Context())

	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(ids, []string{"req-1", "req-1"}) {
		t.Errorf("handled with the request ids %q", ids)
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, `"msg":"message`) && (!strings.Contains(line, `"request_id":"req-1"`) || !strings.Contains(line, trace)) {
			t.Errorf("a line without its origin: %s", line)
		}
	}
	if got := spans.Spans(); len(got) != 2 || got[0].TraceID != trace || got[1].TraceID != trace || !got[0].Failed || got[1].Failed {
		t.Errorf("spans %+v", got)
	}
}

func TestAMessageWithoutHeadersHasItsEnvelopesRequest(t *testing.T) {
	t.Parallel()
	client := connect(t, backendtest.RabbitURL(t), topology())
	ids := make(chan string, 1)
	consume(t, client, rabbit.Consumer{Handle: func(ctx context.Context, _ event.Envelope) error {
		ids <- logging.RequestID(ctx)
		return nil
	}})
	m := message("evt-1")
	m.Body = bytes.Replace(m.Body, []byte(`"id":"evt-1"`), []byte(`"id":"evt-1","request_id":"req-2"`), 1)
	mustPublish(t, client, m)
	if got := <-ids; got != "req-2" {
		t.Errorf("request id %q", got)
	}
}
