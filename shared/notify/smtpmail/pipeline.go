package smtpmail

import (
	"errors"
	"strings"

	"github.com/wneessen/go-mail"
)

// send hands message to the server. begun reports whether the server may have it
// though err is not nil. Where the server takes commands together, a mail is two round
// trips instead of seven.
func (l *line) send(message *mail.Msg) (begun bool, err error) {
	from, to, ok := plainEnvelope(message)
	if pipelining, _ := l.conn.Extension("PIPELINING"); pipelining && ok {
		return l.sendPipelined(message, from, to)
	}
	err = l.client.SendWithSMTPClient(l.conn, message)
	var failed *mail.SendError
	return !errors.As(err, &failed) || failed.Reason != mail.ErrConnCheck, err
}

func (l *line) sendPipelined(message *mail.Msg, from, to string) (begun bool, err error) {
	if err := l.conn.UpdateDeadline(timeout); err != nil {
		return false, err
	}
	text := l.conn.Text
	if err := text.PrintfLine("MAIL FROM:%s\r\nRCPT TO:%s\r\nDATA", from, to); err != nil {
		return false, err
	}
	var refused error
	for _, want := range []int{250, 25, 354} {
		if _, _, err := text.ReadResponse(want); err != nil && refused == nil {
			refused = err
		}
	}
	if refused != nil {
		return false, refused // and the connection is not used again, whatever it waits for
	}
	content := text.DotWriter()
	if _, err := message.WriteTo(content); err != nil {
		return true, err
	}
	if err := content.Close(); err != nil {
		return true, err
	}
	_, _, err = text.ReadResponse(250)
	return true, err
}

// plainEnvelope returns the sender and the recipient of message, each in angle brackets,
// and whether they may be written as they are.
func plainEnvelope(message *mail.Msg) (from, to string, ok bool) {
	from, err := message.GetSender(false)
	if err != nil {
		return "", "", false
	}
	recipients, err := message.GetRecipients()
	if err != nil || len(recipients) != 1 {
		return "", "", false
	}
	return from, recipients[0], isPlain(from) && isPlain(recipients[0])
}

func isPlain(path string) bool {
	address, open := strings.CutPrefix(path, "<")
	address, closed := strings.CutSuffix(address, ">")
	return open && closed && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '<' || r == '>' })
}
