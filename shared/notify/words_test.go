package notify

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/event"
)

// every is all templates; a template that a language lacks fails the tests below.
func every() []Template {
	return []Template{BookingConfirmed, BookingCancelled, BookingExpired, PaymentRefunded}
}

func booked(locale string) event.Booking {
	return event.Booking{
		ID: "bkg-1", OrderID: "ord-1", AccountID: "acc-1", Email: "fan@fairgate.test", Name: "100%s {n}", Locale: locale,
		PerformanceTitle: "50% off %d {title}", VenueName: "Hall {venue}", StartsAt: time.Date(2026, 12, 24, 10, 30, 0, 0, time.UTC),
		Seats:  []event.Seat{{No: "1F-B-10-1", Grade: "R", Price: 1}, {No: "FL-3-5-7", Grade: "VIP", Price: 2}, {No: "1F-B-9-12", Grade: "R", Price: 3}},
		Amount: 6, RefundAmount: 5,
	}
}

// said returns all that anybody is sent about b.
func said(t *testing.T, template Template, b event.Booking) map[string]string {
	t.Helper()
	w, err := NewWriter("https://fairgate.test")
	if err != nil {
		t.Fatal(err)
	}
	m, err := w.Mail(template, b)
	if err != nil {
		t.Fatal(err)
	}
	n, err := w.Notification(template, b)
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Post(template, b)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"subject": m.Subject, "text": m.Text, "html": m.HTML, "title": n.Title, "body": n.Body,
		"post": strings.Join(append(p.Sections, p.Text), "\n"),
	}
}

// rawSeat is a seat's number as machines write it.
var rawSeat = regexp.MustCompile(`\b(?:\d+F|FL)-[0-9A-Z]+-\d+-\d+\b`)

func TestSeatsAreSaidInWordsAndInOrder(t *testing.T) {
	t.Parallel()
	words := map[string][]string{
		"ko": {"1층 B구역 9열 12번", "1층 B구역 10열 1번", "플로어 3구역 5열 7번"},
		"en": {"Floor 1, section B, row 9, seat 12", "Floor 1, section B, row 10, seat 1", "Arena floor, section 3, row 5, seat 7"},
	}
	for language, seats := range words {
		for _, template := range every() {
			for part, text := range said(t, template, booked(language)) {
				if raw := rawSeat.FindString(text); raw != "" {
					t.Errorf("%s, %s, %s names the seat %s as machines do", template, language, part, raw)
				}
				if part != "text" && part != "html" && part != "body" {
					continue
				}
				last := -1
				for _, seat := range seats {
					at := strings.Index(text, seat)
					if at <= last {
						t.Errorf("%s, %s, %s: %q stands at %d, after %d was wanted", template, language, part, seat, at, last)
					}
					last = at
				}
			}
		}
	}
}

// TestNothingIsLeftUnfilled: no placeholder of ours stays, and data that look like one
// stay as they are.
func TestNothingIsLeftUnfilled(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"ko", "en", "", "ja"} {
		for _, template := range every() {
			b := booked(language)
			for part, text := range said(t, template, b) {
				for _, data := range []string{b.PerformanceTitle, b.VenueName, b.Name} {
					text = strings.ReplaceAll(text, data, "")
				}
				if left := regexp.MustCompile(`\{[a-z_]*\}|%[a-z!]|<no value>|<nil>`).FindString(text); left != "" {
					t.Errorf("%s, %q, %s: %q is left in %q", template, language, part, left, text)
				}
			}
		}
	}
}

// TestWordsNameNoNumbers: what depends on settings or on the booking is filled in,
// never written into a text where it would soon be untrue.
func TestWordsNameNoNumbers(t *testing.T) {
	t.Parallel()
	digit := regexp.MustCompile(`[0-9]`)
	for _, p := range []phrases{korean(), english()} {
		for _, template := range every() {
			if p.templates[template].body == "" {
				t.Errorf("%s has no words for %s", p.lang, template)
			}
		}
		for template, w := range p.templates {
			for _, text := range []string{w.subject, w.body, w.button} {
				if digit.MatchString(text) {
					t.Errorf("%s, %s: %q names a number", p.lang, template, text)
				}
			}
		}
		fields := reflect.ValueOf(p)
		for i := range fields.NumField() {
			if text := fields.Field(i); text.Kind() == reflect.String && digit.MatchString(text.String()) {
				t.Errorf("%s, %s: %q names a number", p.lang, fields.Type().Field(i).Name, text)
			}
		}
	}
}
