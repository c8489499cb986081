package slackhook

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/config"
)

var post = notify.Post{Template: notify.BookingConfirmed, Entity: "bkg-1", Text: "fallback", Sections: []string{"*one*", "two"}}

func hook(t *testing.T, answer http.HandlerFunc) *Hook {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	h := New(config.Secret(server.URL + "/services/T0/B0/topsecret"))
	h.pace = 0
	return h
}

func TestPostSendsTextAndBlocks(t *testing.T) {
	t.Parallel()
	var got struct {
		Text   string
		Blocks []struct {
			Type string
			Text struct{ Type, Text string }
		}
	}
	h := hook(t, func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("body: %v, %s", err, r.Header.Get("Content-Type"))
		}
		_, _ = w.Write([]byte("ok"))
	})
	if err := h.Post(context.Background(), post); err != nil {
		t.Fatal(err)
	}
	if got.Text != "fallback" || len(got.Blocks) != 2 || got.Blocks[0].Type != "section" || got.Blocks[0].Text.Text != "*one*" || got.Blocks[0].Text.Type != "mrkdwn" {
		t.Errorf("posted %+v", got)
	}
}

func TestAnswersBecomeErrors(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		status int
		header string
		want   *errs.Error
		wait   time.Duration
	}{
		"told to wait":          {429, "7", ErrTooFast, 7 * time.Second},
		"told to wait somehow":  {429, "", ErrTooFast, 30 * time.Second},
		"a fault of Slack's":    {500, "", ErrUnreachable, 0},
		"a payload it dislikes": {400, "", ErrRefused, 0},
		"no such webhook":       {404, "", ErrRefused, 0},
		"archived channel":      {410, "", ErrRefused, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := hook(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
			})
			err := h.Post(context.Background(), post)
			if !errors.Is(err, c.want) || errs.From(err).RetryAfter != c.wait {
				t.Errorf("error = %v after %s; want %v after %s", err, errs.From(err).RetryAfter, c.want, c.wait)
			}
		})
	}
}

func TestAfterBeingToldToWaitNothingIsPosted(t *testing.T) {
	t.Parallel()
	calls := 0
	h := hook(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(429)
	})
	_ = h.Post(context.Background(), post)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := h.Post(ctx, post)
	if wait := errs.From(err).RetryAfter; !errors.Is(err, ErrTooFast) || wait < 50*time.Second || calls != 1 {
		t.Errorf("second post: %v, retry after %s, %d calls; want to be told at once", err, wait, calls)
	}
}

func TestPostsKeepTheirDistance(t *testing.T) {
	t.Parallel()
	h := hook(t, func(http.ResponseWriter, *http.Request) {})
	h.pace = 50 * time.Millisecond
	began := time.Now()
	for range 4 {
		if err := h.Post(context.Background(), post); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 150*time.Millisecond {
		t.Errorf("four posts took %s; want at least 150ms", took)
	}
}

func TestTheAddressStaysOutOfErrors(t *testing.T) {
	t.Parallel()
	for _, address := range []config.Secret{"http://127.0.0.1:1/services/topsecret", "http://%zz/topsecret"} {
		err := New(address).Post(context.Background(), post)
		if err == nil || strings.Contains(err.Error(), "topsecret") {
			t.Errorf("error = %v", err)
		}
	}
}
