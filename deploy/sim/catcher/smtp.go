package catcher

import (
	"errors"
	"io"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // reads mails in any character set
	"github.com/emersion/go-message/mail"
	"github.com/emersion/go-smtp"
)

type smtpBackend struct{ catcher *Catcher }

func (b smtpBackend) NewSession(*smtp.Conn) (smtp.Session, error) {
	return &smtpSession{catcher: b.catcher}, nil
}

type smtpSession struct {
	catcher    *Catcher
	from       string
	recipients []string
}

func (s *smtpSession) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *smtpSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.recipients = append(s.recipients, to)
	return nil
}

func (s *smtpSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	faults := s.catcher.currentFaults()
	time.Sleep(time.Duration(faults.SMTPDelayMS) * time.Millisecond)
	if faults.SMTPRefuse {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "refused on request"}
	}
	caught, err := parse(strings.NewReader(string(raw)))
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "unreadable message"}
	}
	for _, to := range s.recipients {
		copied := caught
		copied.From, copied.To, copied.ReceivedAt = s.from, to, time.Now().UTC()
		s.catcher.addMail(copied)
	}
	return nil
}

func (s *smtpSession) Reset()        { s.from, s.recipients = "", nil }
func (s *smtpSession) Logout() error { return nil }

func parse(r io.Reader) (Mail, error) {
	reader, err := mail.CreateReader(r)
	if err != nil && !message.IsUnknownCharset(err) {
		return Mail{}, err
	}
	defer func() { _ = reader.Close() }()
	caught := Mail{Template: reader.Header.Get("X-Fairgate-Template"), EntityID: reader.Header.Get("X-Fairgate-Entity")}
	caught.MessageID, _ = reader.Header.MessageID()
	caught.Subject, _ = reader.Header.Subject()
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return caught, nil
		}
		if err != nil {
			return Mail{}, err
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			return Mail{}, err
		}
		header, inline := part.Header.(*mail.InlineHeader)
		if !inline {
			continue
		}
		switch kind, _, _ := header.ContentType(); kind {
		case "text/html":
			caught.HTML += string(body)
		default:
			caught.Text += string(body)
		}
	}
}
