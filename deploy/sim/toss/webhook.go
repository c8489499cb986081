package toss

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/ident"
)

// The resends after an answer other than 200 within ten seconds.
var webhookResends = []time.Duration{
	time.Minute, 4 * time.Minute, 16 * time.Minute, 64 * time.Minute,
	256 * time.Minute, 1024 * time.Minute, 4096 * time.Minute,
}

const (
	webhookTimeout = 10 * time.Second
	webhookSenders = 4
	webhookBacklog = 10_000
	webhookAnswer  = 4 << 10 // bytes of an answer that are read
)

// notifier sends PAYMENT_STATUS_CHANGED to one address. Webhooks are hints: when
// the backlog is full they are dropped, as they may be lost in life.
type notifier struct {
	url    string // empty: nobody listens
	client *http.Client
	log    *slog.Logger
	faults *switchboard
	queue  chan transmission
}

type transmission struct {
	id      string
	body    []byte
	retried int
}

func newNotifier(url string, faults *switchboard, log *slog.Logger) *notifier {
	return &notifier{
		url: url, faults: faults, log: log,
		client: &http.Client{Timeout: webhookTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: webhookSenders}},
		queue:  make(chan transmission, webhookBacklog),
	}
}

func (n *notifier) announce(p Payment) {
	if n.url == "" {
		return
	}
	body, err := json.Marshal(map[string]any{
		"eventType": "PAYMENT_STATUS_CHANGED",
		"createdAt": time.Now().In(seoul).Format("2006-01-02T15:04:05.000000"),
		"data":      p,
	})
	if err != nil {
		n.log.Error("webhook", "error", err)
		return
	}
	t := transmission{id: ident.New("whk"), body: body}
	faults := n.faults.get().Webhooks
	n.later(t, time.Duration(faults.DelayMS)*time.Millisecond)
	if faults.Duplicate {
		n.later(t, time.Duration(faults.DelayMS)*time.Millisecond)
	}
}

func (n *notifier) later(t transmission, wait time.Duration) {
	if wait > 0 {
		time.AfterFunc(wait, guard.Func("webhooks", func() { n.enqueue(t) }))
		return
	}
	n.enqueue(t)
}

func (n *notifier) enqueue(t transmission) {
	select {
	case n.queue <- t:
	default:
		n.log.Warn("webhook dropped: too many are waiting")
	}
}

// run sends until ctx ends.
func (n *notifier) run(ctx context.Context) {
	for range webhookSenders {
		guard.Go("webhooks", func() {
			guard.Keep(ctx, "webhooks", func(ctx context.Context) error {
				for {
					select {
					case t := <-n.queue:
						n.send(ctx, t)
					case <-ctx.Done():
						return nil
					}
				}
			})
		})
	}
}

func (n *notifier) send(ctx context.Context, t transmission) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url, bytes.NewReader(t.body))
	if err != nil {
		n.log.Error("webhook", "error", err)
		return
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("tosspayments-webhook-transmission-id", t.id)
	request.Header.Set("tosspayments-webhook-transmission-time", stamp(time.Now()))
	request.Header.Set("tosspayments-webhook-transmission-retried-count", strconv.Itoa(t.retried))
	response, err := n.client.Do(request)
	if err == nil {
		_, _ = io.CopyN(io.Discard, response.Body, webhookAnswer) // only a connection whose answer was read is used again
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
	}
	if t.retried < len(webhookResends) {
		wait := webhookResends[t.retried]
		t.retried++
		n.later(t, wait)
	}
}
