package notify_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/notify"
)

func sample(locale string) event.Booking {
	return event.Booking{
		ID: "bkg-1", OrderID: "ord-1", AccountID: "acc-1", Email: "fan@fairgate.test", Name: "김하늘", Locale: locale,
		PerformanceTitle: "밤의 <노래> & 춤", VenueName: "KSPO DOME", StartsAt: time.Date(2026, 12, 24, 10, 30, 0, 0, time.UTC),
		Seats:  []event.Seat{{No: "1F-A-1-7", Grade: "VIP", Price: 165_000}, {No: "1F-A-1-8", Grade: "VIP", Price: 165_000}},
		Amount: 330_000, RefundAmount: 320_000,
	}
}

func writer(t *testing.T) *notify.Writer {
	t.Helper()
	w, err := notify.NewWriter("http://127.0.0.1:8080/")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestMailSaysWhatMatters(t *testing.T) {
	t.Parallel()
	cases := []struct {
		template notify.Template
		locale   string
		subject  string
		both     []string // in text and HTML
	}{
		{notify.BookingConfirmed, "ko", "[예매 완료] 밤의 <노래> & 춤", []string{"김하늘님", "2026. 12. 24. (목) 19:30", "330,000원", "1층 A구역 1열 7번", "165,000원", "KSPO DOME", "ord-1", "http://127.0.0.1:8080/me/bookings#bkg-1"}},
		{notify.BookingConfirmed, "en", "Booking confirmed: 밤의 <노래> & 춤", []string{"Hello 김하늘", "Thu, 24 Dec 2026, 19:30 KST", "₩330,000", "Floor 1, section A, row 1, seat 8", "http://127.0.0.1:8080/me/bookings#bkg-1"}},
		{notify.BookingCancelled, "ko", "[예매 취소] 밤의 <노래> & 춤", []string{"환불 금액", "320,000원"}},
		{notify.BookingCancelled, "en", "Booking cancelled: 밤의 <노래> & 춤", []string{"Refund", "₩320,000"}},
		{notify.BookingExpired, "ko", "[예매 만료] 밤의 <노래> & 춤", []string{"만료"}},
		{notify.BookingExpired, "en", "Booking expired: 밤의 <노래> & 춤", []string{"expired"}},
		{notify.PaymentRefunded, "ko", "[환불 완료] 밤의 <노래> & 춤", []string{"환불 금액", "320,000원"}},
		{notify.PaymentRefunded, "en", "Refunded: 밤의 <노래> & 춤", []string{"₩320,000"}},
		{notify.BookingConfirmed, "", "[예매 완료] 밤의 <노래> & 춤", []string{"예매 내역 보기"}},
	}
	for _, c := range cases {
		t.Run(string(c.template)+"/"+c.locale, func(t *testing.T) {
			t.Parallel()
			m, err := writer(t).Mail(c.template, sample(c.locale))
			if err != nil {
				t.Fatal(err)
			}
			if m.Subject != c.subject || m.To != "fan@fairgate.test" || m.Entity != "bkg-1" || m.Template != c.template {
				t.Errorf("mail = %q to %q about %q", m.Subject, m.To, m.Entity)
			}
			for _, part := range c.both {
				if !strings.Contains(m.Text, part) || !strings.Contains(m.HTML, part) {
					t.Errorf("%q is missing in text (%t) or HTML (%t)", part, strings.Contains(m.Text, part), strings.Contains(m.HTML, part))
				}
			}
			if strings.Contains(m.HTML, "<노래>") || !strings.Contains(m.HTML, "&lt;노래&gt; &amp; 춤") {
				t.Error("the title is not escaped in HTML")
			}
			if !strings.Contains(m.Text, "밤의 <노래> & 춤") {
				t.Error("the title is escaped in plain text")
			}
		})
	}
}

func TestUnknownTemplateIsRefused(t *testing.T) {
	t.Parallel()
	w := writer(t)
	if _, err := w.Mail("no_such", sample("ko")); !errors.Is(err, notify.ErrUnknownTemplate) {
		t.Errorf("Mail: %v", err)
	}
	if _, err := w.Notification("no_such", sample("ko")); !errors.Is(err, notify.ErrUnknownTemplate) {
		t.Errorf("Notification: %v", err)
	}
	if _, err := w.Post("no_such", sample("ko")); !errors.Is(err, notify.ErrUnknownTemplate) {
		t.Errorf("Post: %v", err)
	}
}

func TestPostCarriesNoPersonalDataAndEscapes(t *testing.T) {
	t.Parallel()
	p, err := writer(t).Post(notify.BookingConfirmed, sample("en"))
	if err != nil {
		t.Fatal(err)
	}
	whole := p.Text + strings.Join(p.Sections, "\n")
	for _, private := range []string{"김하늘", "fan@fairgate.test", "acc-1"} {
		if strings.Contains(whole, private) {
			t.Errorf("the post contains %q", private)
		}
	}
	if !strings.Contains(whole, "밤의 &lt;노래&gt; &amp; 춤") || !strings.Contains(whole, "330,000원") || !strings.Contains(whole, "2석") {
		t.Errorf("post = %s", whole)
	}
}

func TestNotificationIsInTheFansLanguage(t *testing.T) {
	t.Parallel()
	n, err := writer(t).Notification(notify.BookingConfirmed, sample("en"))
	if err != nil {
		t.Fatal(err)
	}
	if n.Title != "Booking confirmed: 밤의 <노래> & 춤" || n.Link != "/me/bookings#bkg-1" || n.AccountID != "acc-1" || !strings.Contains(n.Body, "Floor 1, section A, row 1, seat 7; Floor 1, section A, row 1, seat 8") {
		t.Errorf("notification = %+v", n)
	}
}

func TestTheTitleOverSeatsCountsThem(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{1: "Seat\n", 2: "Seats\n"} {
		b := sample("en")
		b.Seats = b.Seats[:n]
		mail, err := writer(t).Mail(notify.BookingConfirmed, b)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(mail.Text, "\n"+want) {
			t.Errorf("over %d seats: want %q in\n%s", n, want, mail.Text)
		}
	}
}
