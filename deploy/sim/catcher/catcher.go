// Package catcher catches what the system sends out in development and tests:
// mails by SMTP and Slack posts by webhook, shown on a page and as JSON. It
// delivers nothing anywhere.
package catcher

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/fairgate/fairgate/shared/platform/run"
)

// Config of the catcher.
type Config struct {
	Addr     string `env:"ADDR" envDefault:"127.0.0.1:8025"`      // page, API and Slack webhook
	SMTPAddr string `env:"SMTP_ADDR" envDefault:"127.0.0.1:8026"` // mail
}

const maxKept = 200_000 // mails and posts each; the oldest go first

// Mail is one message that was caught.
type Mail struct {
	MessageID  string    `json:"message_id"`
	From       string    `json:"from"`
	To         string    `json:"to"` // the envelope's recipient
	Subject    string    `json:"subject"`
	Text       string    `json:"text"`
	HTML       string    `json:"html"`
	Template   string    `json:"template"`  // header X-Fairgate-Template
	EntityID   string    `json:"entity_id"` // header X-Fairgate-Entity
	ReceivedAt time.Time `json:"received_at"`
}

// Post is one Slack message that was caught.
type Post struct {
	Text       string    `json:"text"`
	Body       any       `json:"body"` // as posted
	ReceivedAt time.Time `json:"received_at"`
}

// Catcher holds what was caught, in memory.
type Catcher struct {
	log *slog.Logger

	mu     sync.Mutex
	mails  []Mail
	posts  []Post
	faults Faults
}

// Faults make the mail server slow or unwilling.
type Faults struct {
	SMTPDelayMS int  `json:"smtp_delay_ms"` // before each message is accepted
	SMTPRefuse  bool `json:"smtp_refuse"`   // answer 451 to every message
	SlackLimit  bool `json:"slack_limit"`   // answer 429 with Retry-After: 1 to every post
}

// New returns an empty catcher.
func New(log *slog.Logger) *Catcher { return &Catcher{log: log} }

// Run listens for mail on smtpListener and for HTTP on webListener until ctx ends.
func (c *Catcher) Run(ctx context.Context, webListener, smtpListener net.Listener) error {
	mail := smtp.NewServer(smtpBackend{c})
	mail.Domain = "localhost"
	mail.AllowInsecureAuth = true
	mail.MaxMessageBytes = 16 << 20
	mail.ReadTimeout, mail.WriteTimeout = time.Minute, time.Minute
	web := &http.Server{Handler: c.Handler(), ReadHeaderTimeout: 5 * time.Second}
	return run.Together(ctx,
		func(ctx context.Context) error { <-ctx.Done(); return errors.Join(web.Close(), mail.Close()) },
		func(context.Context) error { return expect(mail.Serve(smtpListener), smtp.ErrServerClosed) },
		func(context.Context) error { return expect(web.Serve(webListener), http.ErrServerClosed) },
	)
}

func expect(err, normal error) error {
	if errors.Is(err, normal) {
		return nil
	}
	return err
}

func (c *Catcher) addMail(m Mail) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mails = keepNewest(append(c.mails, m))
}

func (c *Catcher) addPost(p Post) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts = keepNewest(append(c.posts, p))
}

func keepNewest[T any](items []T) []T {
	if over := len(items) - maxKept; over > 0 {
		return append([]T(nil), items[over:]...)
	}
	return items
}

// Mails returns the mails to one recipient, or all for "", oldest first.
func (c *Catcher) Mails(to string) []Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := []Mail{}
	for _, m := range c.mails {
		if to == "" || m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// Posts returns the Slack posts, oldest first.
func (c *Catcher) Posts() []Post {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Post{}, c.posts...)
}

func (c *Catcher) setFaults(f Faults) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = f
}

func (c *Catcher) currentFaults() Faults {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.faults
}
