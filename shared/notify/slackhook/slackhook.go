// Package slackhook posts to a Slack incoming webhook.
package slackhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/config"
)

// The failures of posting.
var (
	ErrUnreachable = errs.New(errs.Unavailable, "slack_unavailable", "Slack does not answer.")
	ErrTooFast     = errs.New(errs.Limited, "slack_rate_limited", "Slack asks us to wait.")
	ErrRefused     = errs.New(errs.Invalid, "slack_refused", "Slack will never take this post.")
)

const (
	timeout        = 10 * time.Second
	pace           = time.Second // about what Slack takes from one webhook
	defaultRetry   = 30 * time.Second
	mostAnswerText = 200 // bytes
)

// Hook posts to one webhook, at most about once a second. Safe for concurrent use.
type Hook struct {
	url    config.Secret
	client *http.Client
	pace   time.Duration

	mu   sync.Mutex
	next time.Time // before which nothing may be posted
}

// New returns a hook to url, which is a secret.
func New(url config.Secret) *Hook {
	return &Hook{url: url, client: &http.Client{Timeout: timeout}, pace: pace}
}

// Post sends p. Errors: ErrTooFast with the time to wait, ErrUnreachable (try
// again), ErrRefused (never try again). It waits for its turn as long as ctx allows.
func (h *Hook) Post(ctx context.Context, p notify.Post) error {
	if err := h.takeTurn(ctx); err != nil {
		return err
	}
	request, err := h.request(ctx, p)
	if err != nil {
		return ErrRefused.Because(err)
	}
	response, err := h.client.Do(request)
	if err != nil {
		return ErrUnreachable.Because(withoutURL(err))
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(io.LimitReader(response.Body, mostAnswerText))
	return h.translate(response, strings.TrimSpace(string(text)))
}

// takeTurn waits until the next post may go, or says when that is if ctx ends first.
func (h *Hook) takeTurn(ctx context.Context) error {
	h.mu.Lock()
	now := time.Now()
	turn := now
	if h.next.After(now) {
		turn = h.next
	}
	wait := turn.Sub(now)
	if deadline, has := ctx.Deadline(); has && turn.Add(timeout).After(deadline) {
		h.mu.Unlock()
		return ErrTooFast.WithRetryAfter(wait)
	}
	h.next = turn.Add(h.pace)
	h.mu.Unlock()
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ErrTooFast.WithRetryAfter(wait)
	}
}

func (h *Hook) request(ctx context.Context, p notify.Post) (*http.Request, error) {
	blocks := make([]map[string]any, len(p.Sections))
	for i, section := range p.Sections {
		blocks[i] = map[string]any{"type": "section", "text": map[string]string{"type": "mrkdwn", "text": section}}
	}
	body, err := json.Marshal(map[string]any{"text": p.Text, "blocks": blocks})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url.Reveal(), bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the webhook's URL cannot be read")
	}
	request.Header.Set("Content-Type", "application/json")
	return request, nil
}

func (h *Hook) translate(response *http.Response, text string) error {
	switch {
	case response.StatusCode < 300:
		return nil
	case response.StatusCode == http.StatusTooManyRequests:
		wait := retryAfter(response)
		h.holdBack(wait)
		return ErrTooFast.WithRetryAfter(wait)
	case response.StatusCode >= 500:
		return ErrUnreachable.Because(fmt.Errorf("%s: %s", response.Status, text))
	}
	return ErrRefused.Because(fmt.Errorf("%s: %s", response.Status, text))
}

func retryAfter(response *http.Response) time.Duration {
	seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return defaultRetry
	}
	return time.Duration(seconds) * time.Second
}

// holdBack keeps the other posts from running into the same limit.
func (h *Hook) holdBack(wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if until := time.Now().Add(wait); until.After(h.next) {
		h.next = until
	}
}

// withoutURL keeps the webhook's address out of logs.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}
