package smtpmail_test

import (
	"context"
	"errors"
	"mime"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/notify"
	"github.com/fairgate/fairgate/shared/notify/notifypg"
	"github.com/fairgate/fairgate/shared/notify/smtpmail"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
)

var confirmed = notify.Mail{
	Template: notify.BookingConfirmed, Entity: "bkg-1", To: "fan@fairgate.test", ToName: "김하늘",
	Subject: "[예매 완료] 밤의 노래", Text: "텍스트", HTML: "<p>본문</p>",
}

func mailer(t *testing.T, addr, tls string) *smtpmail.Mailer {
	t.Helper()
	m, err := smtpmail.New(smtpmail.Settings{Addr: addr, TLS: tls, From: "Fairgate <no-reply@fairgate.test>"})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func parse(t *testing.T, raw string) *netmail.Message {
	t.Helper()
	m, err := netmail.ReadMessage(strings.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMailHasBothPartsAndItsHeaders(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	if err := mailer(t, s.addr, "none").Send(context.Background(), confirmed); err != nil {
		t.Fatal(err)
	}
	if len(s.received()) != 1 {
		t.Fatalf("received %d mails", len(s.received()))
	}
	m := parse(t, s.received()[0])
	want := map[string]string{
		"Message-Id": "<booking_confirmed.bkg-1@fairgate.test>", "X-Fairgate-Template": "booking_confirmed", "X-Fairgate-Entity": "bkg-1",
	}
	for name, value := range want {
		if got := m.Header.Get(name); got != value {
			t.Errorf("%s: %q; want %q", name, got, value)
		}
	}
	if subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject")); err != nil || subject != confirmed.Subject {
		t.Errorf("subject = %q, %v", subject, err)
	}
	if to, err := m.Header.AddressList("To"); err != nil || to[0].Name != "김하늘" || to[0].Address != confirmed.To {
		t.Errorf("to = %v, %v", to, err)
	}
	if contentType := m.Header.Get("Content-Type"); !strings.HasPrefix(contentType, "multipart/alternative") {
		t.Errorf("content type = %s", contentType)
	}
}

func TestWhatTheServerSaysDecides(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		verb, answer, dropAt, tls string
		want                      error
		delivered                 int
	}{
		"greylisted":                     {verb: "RCPT", answer: "451 later", want: smtpmail.ErrUnreachable},
		"no such mailbox":                {verb: "RCPT", answer: "550 unknown", want: smtpmail.ErrRefused},
		"mail refused":                   {verb: ".", answer: "554 spam", want: smtpmail.ErrRefused},
		"mail deferred":                  {verb: ".", answer: "452 full", want: smtpmail.ErrUnreachable},
		"hangs up before the mail":       {dropAt: "DATA", want: smtpmail.ErrUnreachable},
		"hangs up instead of goodbye":    {dropAt: "QUIT", delivered: 1},
		"hangs up after taking the mail": {dropAt: ".", want: smtpmail.ErrUnreachable, delivered: 1},
		"no TLS where TLS is required":   {tls: "starttls", want: smtpmail.ErrUnreachable},
	}
	for name, c := range cases {
		sendTo := func(t *testing.T, ways ...func(s *server)) {
			t.Parallel()
			s := newServer(t, append(ways, func(s *server) {
				if c.verb != "" {
					s.answers[c.verb] = c.answer
				}
				s.dropAt = c.dropAt
			})...)
			tls := "none"
			if c.tls != "" {
				tls = c.tls
			}
			err := mailer(t, s.addr, tls).Send(context.Background(), confirmed)
			if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
				t.Errorf("error = %v; want %v", err, c.want)
			}
			if got := len(s.received()); got != c.delivered {
				t.Errorf("the server has %d mails; want %d", got, c.delivered)
			}
		}
		t.Run(name, func(t *testing.T) { sendTo(t) })
		t.Run(name+", pipelining", func(t *testing.T) { sendTo(t, pipelining) })
	}
}

func TestWhereCommandsMayBeSentTogetherAMailIsTwoRoundTrips(t *testing.T) {
	t.Parallel()
	for want, ways := range map[int][]func(s *server){2: {pipelining}, 7: nil} {
		s := newServer(t, ways...)
		m := mailer(t, s.addr, "none")
		if err := m.Send(context.Background(), confirmed); err != nil {
			t.Fatal(err)
		}
		before := s.roundTrips()
		if err := m.Send(context.Background(), confirmed); err != nil {
			t.Fatal(err)
		}
		if n := s.roundTrips() - before; n != want {
			t.Errorf("%d round trips; want %d", n, want)
		}
	}
}

// An address with a character that could be taken for a command goes the careful way.
func TestAnAddressIsNoCommand(t *testing.T) {
	t.Parallel()
	s := newServer(t, pipelining)
	m := mailer(t, s.addr, "none")
	odd := confirmed
	odd.To = `"a b>c"@fairgate.test`
	if err := m.Send(context.Background(), odd); err != nil {
		t.Fatal(err)
	}
	if err := m.Send(context.Background(), confirmed); err != nil {
		t.Fatal(err)
	}
	if n := len(s.received()); n != 2 {
		t.Errorf("%d mails; want 2", n)
	}
}

func TestAConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	t.Run("command by command", func(t *testing.T) { useAgain(t, newServer(t)) })
	t.Run("pipelining", func(t *testing.T) { useAgain(t, newServer(t, pipelining)) })
}

func useAgain(t *testing.T, s *server) {
	t.Helper()
	t.Parallel()
	m := mailer(t, s.addr, "none")
	send := func(mails int) {
		t.Helper()
		for range mails {
			if err := m.Send(context.Background(), confirmed); err != nil {
				t.Fatal(err)
			}
		}
	}
	send(10)
	if n := s.connections(); n != 1 {
		t.Errorf("%d connections for mails one after another; want 1", n)
	}
	s.hangUp()
	send(1)
	if n := s.connections(); n != 2 {
		t.Errorf("%d connections after the server has hung up; want another one", n)
	}
	send(60)
	if n, mails := s.connections(), len(s.received()); n != 3 || mails != 71 {
		t.Errorf("%d connections, %d mails; want a new connection after 50 mails, and every mail once", n, mails)
	}
}

func TestManySendersHaveAConnectionEach(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	m := mailer(t, s.addr, "none")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				if err := m.Send(context.Background(), confirmed); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if n, mails := s.connections(), len(s.received()); n > 8+2 || mails != 80 {
		t.Errorf("%d connections, %d mails; want at most one for each sender, and every mail once", n, mails)
	}
}

func TestNoServerIsUnreachable(t *testing.T) {
	t.Parallel()
	if err := mailer(t, "127.0.0.1:1", "none").Send(context.Background(), confirmed); !errors.Is(err, smtpmail.ErrUnreachable) {
		t.Errorf("error = %v; want %v", err, smtpmail.ErrUnreachable)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for _, s := range []smtpmail.Settings{
		{Addr: "nohost", TLS: "none", From: "a@b.test"},
		{Addr: "127.0.0.1:25", TLS: "maybe", From: "a@b.test"},
		{Addr: "127.0.0.1:25", TLS: "none", From: "nobody"},
	} {
		if _, err := smtpmail.New(s); err == nil {
			t.Errorf("%+v was accepted", s)
		}
	}
}

// A worker dies after the server has the mail and before it is marked: the next
// one sends it again, under the same Message-ID.
func TestTakenOverMailKeepsItsMessageID(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	pool := pgtest.Pool(t)
	deliveries := notifypg.NewDeliveries(pool)
	ctx := context.Background()
	if _, err := deliveries.Lease(ctx, confirmed.Delivery(), time.Minute); err != nil {
		t.Fatal(err)
	}
	m := mailer(t, s.addr, "none")
	if err := m.Send(ctx, confirmed); err != nil {
		t.Fatal(err)
	}
	// dead. Its lease lapses.
	if _, err := pool.Exec(ctx, `UPDATE delivery SET leased_until = now() - interval '1 s'`); err != nil {
		t.Fatal(err)
	}
	courier := notify.NewCourier(deliveries, time.Minute)
	for range 2 { // the second finds it sent
		if err := courier.Deliver(ctx, confirmed.Delivery(), func(ctx context.Context) error { return m.Send(ctx, confirmed) }); err != nil {
			t.Fatal(err)
		}
	}
	mails := s.received()
	if len(mails) != 2 {
		t.Fatalf("the server has %d mails; want 2", len(mails))
	}
	first, second := parse(t, mails[0]).Header.Get("Message-Id"), parse(t, mails[1]).Header.Get("Message-Id")
	if first != second || first == "" {
		t.Errorf("Message-IDs %q and %q differ", first, second)
	}
}
