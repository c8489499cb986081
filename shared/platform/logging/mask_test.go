package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/logging"
)

const (
	jwt   = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJhY2MtMSJ9.c2lnbmF0dXJlLWJ5dGVz"
	place = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9v"
)

// logged returns the one line that log writes, decoded, and as text.
func logger(w io.Writer) *slog.Logger { return logging.New(w, "test", "info") }

func logged(t *testing.T, level string, log func(*slog.Logger)) (map[string]any, string) {
	t.Helper()
	var out bytes.Buffer
	log(logging.New(&out, "test", level))
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("no JSON line: %q: %v", out.String(), err)
	}
	return line, out.String()
}

func TestSecretsAreMaskedWhereverTheyStand(t *testing.T) {
	t.Parallel()
	type body struct {
		Email    string `json:"email"`
		Password string `json:"password"`
		Seats    int    `json:"seats"`
	}
	cases := []struct {
		name   string
		log    func(*slog.Logger)
		secret string
		want   string // what must still be read
	}{
		{"key", func(l *slog.Logger) { l.Info("m", "password", "hunter-2") }, "hunter-2", `"password":"***"`},
		{"key in capitals", func(l *slog.Logger) { l.Info("m", "Authorization", "Bearer abc") }, "abc", "***"},
		{"key of With", func(l *slog.Logger) { l.With("token", "abc123").Info("m") }, "abc123", "***"},
		{"key in a group", func(l *slog.Logger) { l.Info("m", slog.Group("g", "cookie", "abc123")) }, "abc123", "***"},
		{"e-mail", func(l *slog.Logger) { l.Info("m", "to", "fan.kim@example.test") }, "fan.kim@", "f***@example.test"},
		{"e-mail in the message", func(l *slog.Logger) { l.Info("mail to fan@example.test failed") }, "fan@", "f***@example.test failed"},
		{"e-mail in a query", func(l *slog.Logger) { l.Info("m", "path", "/x?to=fan%40example.test") }, "fan%40", "f***%40example.test"},
		{"e-mail in an error", func(l *slog.Logger) {
			l.Info("m", "error", fmt.Errorf("send: %w", errors.New("550 <fan@example.test> unknown")))
		}, "fan@", "550 <f***@example.test>"},
		{"token in a path", func(l *slog.Logger) { l.Info("m", "path", "/v1/holds/"+place) }, place, "/v1/holds/***"},
		{"token after two points", func(l *slog.Logger) { l.Info("m", "value", jwt) }, "c2lnbmF0dXJl", "***"},
		{"bearer in a text", func(l *slog.Logger) { l.Info("m", "header", "Bearer short1") }, "short1", "Bearer ***"},
		{"query", func(l *slog.Logger) { l.Info("m", "url", "http://kopis/list?page=1&token=abc&x=2") }, "abc", "page=1&token=***&x=2"},
		{"cookie header", func(l *slog.Logger) { l.Info("m", "dump", "Cookie: place=abcdef; other=ghi") }, "ghi", "Cookie: ***"},
		{"card", func(l *slog.Logger) { l.Info("m", "text", "card 4111-1111-1111-1111 declined") }, "1111", "card *** declined"},
		{"card without marks", func(l *slog.Logger) { l.Info("m", "text", "4111111111111111") }, "4111", "***"},
		{"struct", func(l *slog.Logger) { l.Info("m", "body", body{"fan@example.test", "hunter-2", 2}) }, "hunter-2", `"seats":2`},
		{"struct's e-mail", func(l *slog.Logger) { l.Info("m", "body", body{"fan@example.test", "hunter-2", 2}) }, "fan@", "f***@example.test"},
		{"JSON in a text", func(l *slog.Logger) { l.Info("m", "raw", `{"password": "hunter \"2", "seats": 2}`) }, "hunter", `seats`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, text := logged(t, "info", c.log)
			if strings.Contains(text, c.secret) || !strings.Contains(text, c.want) {
				t.Errorf("logged %s; want %q and never %q", text, c.want, c.secret)
			}
		})
	}
}

func TestWhatOperatorsNeedIsNotMasked(t *testing.T) {
	t.Parallel()
	longID := strings.Repeat("client-", 9) // 63 characters: the longest that is taken
	ctx := logging.WithRequestID(context.Background(), longID)
	booking, showtime := ident.New("bkg"), ident.New("showtime")
	line, text := logged(t, "info", func(l *slog.Logger) {
		l.InfoContext(ctx, "handled: all is well", "booking", booking, "path", "/v1/showtimes/"+showtime+"/holds", "duration_ms", 12.5,
			"at", "2026-11-21T20:00:00.123+09:00", "error", errors.New("toss: no answer: dial tcp 127.0.0.1:8090: connection refused"))
	})
	if line["request_id"] != longID || line["booking"] != booking || line["path"] != "/v1/showtimes/"+showtime+"/holds" ||
		line["msg"] != "handled: all is well" || line["at"] != "2026-11-21T20:00:00.123+09:00" || line["duration_ms"] != 12.5 || strings.Contains(text, "***") {
		t.Errorf("logged %s", text)
	}
}

func TestMaskEmail(t *testing.T) {
	t.Parallel()
	for email, want := range map[string]string{"fan@fairgate.test": "f***@fairgate.test", "no address": "***", "@x": "***", "": "***"} {
		if got := logging.MaskEmail(email); got != want {
			t.Errorf("MaskEmail(%q) = %q, want %q", email, got, want)
		}
	}
}

// Not parallel: it counts the allocations of the whole process.
func TestALineBelowTheLevelCostsNoAllocation(t *testing.T) {
	log := logging.New(&bytes.Buffer{}, "test", "warn")
	ctx := logging.WithRequestID(context.Background(), "req-1")
	if n := testing.AllocsPerRun(100, func() { log.InfoContext(ctx, "quiet") }); n > 0 {
		t.Errorf("%v allocations for a line that is not written", n)
	}
}

func BenchmarkRequestLine(b *testing.B) {
	log := logging.New(io.Discard, "test", "info")
	ctx := logging.WithRequestID(context.Background(), ident.New("req"))
	for b.Loop() {
		log.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("method", "POST"), slog.String("route", "/v1/bookings"),
			slog.Int("status", 201), slog.Float64("duration_ms", 1.25))
	}
}
