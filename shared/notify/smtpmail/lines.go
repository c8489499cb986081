package smtpmail

import (
	"context"
	"errors"
	"net/textproto"
	"slices"
	"sync"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/fairgate/fairgate/shared/guard"
)

const (
	idleLine     = 20 * time.Second // before a connection that nobody needs is closed
	goodbyeLimit = 5 * time.Second
	mailsPerLine = 50 // servers stop a connection that sends for ever
)

// line is an open connection to the mail server.
type line struct {
	client *mail.Client
	conn   *smtp.Client
	mails  int
	end    *time.Timer // closes it while it is idle
}

// lines are the connections that are open and idle; the last one used is used next.
type lines struct {
	client func() (*mail.Client, error)

	mu   sync.Mutex
	idle []*line
}

func newLines(client func() (*mail.Client, error)) *lines { return &lines{client: client} }

// send sends message on an idle connection, or on a new one: also when the server has
// closed the idle one meanwhile, which shows before the mail is begun.
func (l *lines) send(ctx context.Context, message *mail.Msg) error {
	for {
		open, err := l.take(ctx)
		if err != nil {
			return err
		}
		begun, err := open.send(message)
		if err == nil {
			l.put(open)
			return nil
		}
		used := open.mails > 0
		guard.Go("mail", func() { _ = open.conn.Close() }) // nobody knows what the server waits for
		var answer *textproto.Error
		if begun || !used || errors.As(err, &answer) {
			return err
		}
	}
}

func (l *lines) take(ctx context.Context) (*line, error) {
	l.mu.Lock()
	for len(l.idle) > 0 {
		last := len(l.idle) - 1
		open := l.idle[last]
		l.idle = l.idle[:last]
		if open.end.Stop() {
			l.mu.Unlock()
			return open, nil
		}
	}
	l.mu.Unlock()
	client, err := l.client()
	if err != nil {
		return nil, err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	return &line{client: client, conn: conn}, err
}

func (l *lines) put(open *line) {
	if open.mails++; open.mails >= mailsPerLine {
		guard.Go("mail", open.hangUp)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	open.end = time.AfterFunc(idleLine, guard.Func("mail", func() { l.drop(open) }))
	l.idle = append(l.idle, open)
}

// drop closes a connection that has been idle for long. One that was taken in the same
// moment is no longer among the idle ones, or has been passed over.
func (l *lines) drop(open *line) {
	l.mu.Lock()
	l.idle = slices.DeleteFunc(l.idle, func(other *line) bool { return other == open })
	l.mu.Unlock()
	open.hangUp()
}

// hangUp says goodbye to a server that may not listen.
func (l *line) hangUp() {
	_ = l.conn.UpdateDeadline(goodbyeLimit) // the last mail's is over
	_ = l.conn.Quit()
	_ = l.conn.Close()
}
