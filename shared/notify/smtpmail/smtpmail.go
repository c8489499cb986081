// Package smtpmail sends mails over SMTP.
package smtpmail

import (
	"context"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/platform/config"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

// Settings of the mail server.
type Settings struct {
	Addr     string        `env:"SMTP_ADDR" envDefault:"127.0.0.1:8026"`                    // host:port
	Username string        `env:"SMTP_USERNAME"`                                            // empty: no authentication
	Password config.Secret `env:"SMTP_PASSWORD,unset"`                                      // of SMTP_USERNAME
	TLS      string        `env:"SMTP_TLS" envDefault:"none"`                               // none, starttls (required) or tls
	From     string        `env:"MAIL_FROM" envDefault:"Fairgate <no-reply@fairgate.test>"` // the sender of every mail
}

// The failures of sending.
var (
	ErrUnreachable = errs.New(errs.Unavailable, "mail_unavailable", "The mail server does not take mails just now.")
	ErrRefused     = errs.New(errs.Invalid, "mail_refused", "The mail server will never take this mail.")
)

const timeout = 15 * time.Second

// Mailer sends mails. Safe for concurrent use: a connection carries one mail at a
// time, and is used again for some while.
type Mailer struct {
	from  *netmail.Address
	lines *lines
}

// New returns a mailer, or what is wrong with the settings.
func New(s Settings) (*Mailer, error) {
	host, portText, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return nil, fmt.Errorf("SMTP_ADDR: %w", err)
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return nil, fmt.Errorf("SMTP_ADDR: %w", err)
	}
	from, err := netmail.ParseAddress(s.From)
	if err != nil {
		return nil, fmt.Errorf("MAIL_FROM: %w", err)
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(timeout), mail.WithHELO(domainOf(from.Address))}
	switch s.TLS {
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	case "starttls":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	case "tls":
		options = append(options, mail.WithSSL())
	default:
		return nil, fmt.Errorf("SMTP_TLS: %q is not none, starttls or tls", s.TLS)
	}
	if s.Username != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover),
			mail.WithUsername(s.Username), mail.WithPassword(s.Password.Reveal()))
	}
	return &Mailer{from: from, lines: newLines(func() (*mail.Client, error) { return mail.NewClient(host, options...) })}, nil
}

func domainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// Send sends m and returns nil once the server has it. The Message-ID depends only
// on the template and the entity, so that a mail sent twice is known as one.
// Errors: ErrUnreachable (try again), ErrRefused (never try again).
func (s *Mailer) Send(ctx context.Context, m notify.Mail) (err error) {
	ctx, span := tracing.Start(ctx, "send a mail", tracing.Client)
	span.Set("fairgate.template", string(m.Template))
	defer func() { span.End(&err) }()
	message, err := s.message(m)
	if err != nil {
		return ErrRefused.Because(err)
	}
	err = s.lines.send(ctx, message)
	if err == nil || message.IsDelivered() { // it may fail after delivery
		return nil
	}
	return translate(err)
}

func (s *Mailer) message(m notify.Mail) (*mail.Msg, error) {
	message := mail.NewMsg()
	message.FromMailAddress(s.from)
	to, err := netmail.ParseAddress(m.To)
	if err != nil {
		return nil, err
	}
	message.ToMailAddress(&netmail.Address{Name: m.ToName, Address: to.Address})
	message.Subject(m.Subject)
	message.SetDate()
	message.SetMessageIDWithValue(fmt.Sprintf("%s.%s@%s", m.Template, m.Entity, domainOf(s.from.Address)))
	message.SetGenHeader("X-Fairgate-Template", string(m.Template))
	message.SetGenHeader("X-Fairgate-Entity", m.Entity)
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetBodyString(mail.TypeTextPlain, m.Text)
	message.AddAlternativeString(mail.TypeTextHTML, m.HTML)
	return message, nil
}

// translate keeps 5xx answers about this mail apart from everything that may pass:
// network faults, 4xx, a server that refuses our log-in.
func translate(err error) error {
	var refused *mail.SendError
	var answer *textproto.Error
	switch {
	case errors.As(err, &refused) && !refused.IsTemp() && refused.ErrorCode() >= 500:
		return ErrRefused.Because(err)
	case !errors.As(err, &refused) && errors.As(err, &answer) && answer.Code >= 500:
		return ErrRefused.Because(err)
	}
	return ErrUnreachable.Because(err)
}
