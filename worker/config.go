package worker

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/fairgate/fairgate/shared/notify/smtpmail"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/redisx"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// Config is the settings of the worker.
type Config struct {
	Env           config.Env    `env:"ENV" envDefault:"production"`                       // development, test or production
	LogLevel      string        `env:"LOG_LEVEL" envDefault:"info"`                       // debug, info, warn or error
	AdminAddr     string        `env:"ADMIN_ADDR" envDefault:"127.0.0.1:8084"`            // health and metrics; keep it private
	PProf         bool          `env:"PPROF" envDefault:"false"`                          // profiles on the admin address
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"15s" min:"0s" max:"1h"` // for messages and jobs in hand

	PostgresURL   config.Secret `env:"POSTGRES_URL" envDefault:"postgres://fairgate:fairgate@127.0.0.1:8032/fairgate?sslmode=disable"` // the truth
	PostgresConns int32         `env:"POSTGRES_CONNS" envDefault:"14" min:"6" max:"10000"`                                             // connections of this process
	RabbitURL     config.Secret `env:"RABBITMQ_URL" envDefault:"amqp://fairgate:fairgate@127.0.0.1:8072/"`                             // with user, password and virtual host
	Redis         redisx.Settings
	Mail          smtpmail.Settings
	Tracing       tracing.Settings
	Retention     Retention

	PublicURL string `env:"PUBLIC_URL" envDefault:"http://127.0.0.1:8080"` // where links in mails lead

	AuditDir       string        `env:"AUDIT_DIR" envDefault:"audit"`                               // where the audit log's files lie: booking-2026-11-21.jsonl, payment-…
	AuditRetention time.Duration `env:"AUDIT_RETENTION" envDefault:"2160h" min:"24h" max:"876000h"` // files of older days are deleted; the ledger keeps everything

	TossBaseURL   string        `env:"TOSS_BASE_URL" envDefault:"http://127.0.0.1:8090"` // the payment provider, or its simulator
	TossSecretKey config.Secret `env:"TOSS_SECRET_KEY" envDefault:"test_sk_fairgate"`    // signs calls to the payment provider

	// SlackWebhookURL is an incoming webhook; empty turns posts off.
	SlackWebhookURL config.Secret `env:"SLACK_WEBHOOK_URL"`
	// TicketKey is the secret behind the codes of tickets, in base64, 32 bytes or more.
	TicketKey config.Secret `env:"TICKET_KEY" envDefault:"ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtdGlja2V0LWtleTE="`
}

// Validate returns every broken rule, joined.
func (c *Config) Validate() error {
	var faults []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	check(c.Env == config.Development || c.Env == config.Test || c.Env == config.Production, "ENV: %q is not development, test or production", c.Env)
	check(isURL(c.PublicURL), "PUBLIC_URL: %q is not a URL like https://tickets.example.com", c.PublicURL)
	check(isURL(c.TossBaseURL), "TOSS_BASE_URL: %q is not a URL like https://api.tosspayments.com", c.TossBaseURL)
	check(c.SlackWebhookURL == "" || isURL(c.SlackWebhookURL.Reveal()), "SLACK_WEBHOOK_URL: is not a URL")
	check(decodedLen(c.TicketKey) >= 32, "TICKET_KEY: must be at least 32 bytes in base64")
	check(c.AuditDir != "", "AUDIT_DIR: must not be empty")
	faults = append(faults, c.Tracing.Validate())
	if _, err := smtpmail.New(c.Mail); err != nil {
		faults = append(faults, err)
	}
	faults = append(faults, c.Env.Check(config.Own{
		Keys:     map[string]string{"TICKET_KEY": c.TicketKey.Reveal()},
		Words:    map[string]string{"TOSS_SECRET_KEY": c.TossSecretKey.Reveal()},
		Backends: map[string]string{"POSTGRES_URL": c.PostgresURL.Reveal(), "RABBITMQ_URL": c.RabbitURL.Reveal()},
		Outside:  map[string]string{"TOSS_BASE_URL": c.TossBaseURL, "SLACK_WEBHOOK_URL": c.SlackWebhookURL.Reveal()},
		Relays:   map[string]string{"SMTP_ADDR": c.Mail.Addr},
	}))
	return errors.Join(faults...)
}

func isURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func decodedLen(s config.Secret) int {
	raw, err := base64.StdEncoding.DecodeString(s.Reveal())
	if err != nil {
		return 0
	}
	return len(raw)
}
