package notify

import (
	"bytes"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"slices"
	"strings"
	texttemplate "text/template"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/locale"
)

// Mail is one mail, ready to be sent.
type Mail struct {
	Template Template
	Entity   string
	Account  string // the id of the account it is for
	To       string // an e-mail address
	ToName   string
	Subject  string
	Text     string
	HTML     string
}

// Delivery returns the identity of the mail.
func (m Mail) Delivery() Delivery {
	return Delivery{Channel: ByMail, Template: m.Template, Entity: m.Entity, Recipient: m.Account}
}

// ErrUnknownTemplate says that there are no words for a template.
var ErrUnknownTemplate = errs.New(errs.Invalid, "unknown_template", "There is no such template.")

//go:embed templates
var templateFiles embed.FS

// Writer finds the words, in Korean or English. Times are shown in Korean time.
type Writer struct {
	publicURL string
	html      *htmltemplate.Template
	text      *texttemplate.Template
}

// NewWriter returns a writer whose links begin with publicURL.
func NewWriter(publicURL string) (*Writer, error) {
	html, err := htmltemplate.ParseFS(templateFiles, "templates/mail.html")
	if err != nil {
		return nil, err
	}
	text, err := texttemplate.ParseFS(templateFiles, "templates/mail.txt")
	if err != nil {
		return nil, err
	}
	return &Writer{publicURL: strings.TrimRight(publicURL, "/"), html: html, text: text}, nil
}

// letter is what the two layouts show.
type letter struct {
	Lang, Subject, Greeting, Intro string
	Facts                          []fact
	SeatsTitle, PriceTitle         string
	Seats                          []seatLine
	Button, Link, Footer           string
	Tone                           string // colour of the head: "#rrggbb"
}

type fact struct{ Label, Value string }

type seatLine struct{ Where, Grade, Price string }

// Mail writes the mail of a template about a booking, in the booking's language.
func (w *Writer) Mail(t Template, b event.Booking) (Mail, error) {
	l, err := w.letter(t, b)
	if err != nil {
		return Mail{}, err
	}
	var text, html bytes.Buffer
	if err := w.text.Execute(&text, l); err != nil {
		return Mail{}, fmt.Errorf("notify: %s text: %w", t, err)
	}
	if err := w.html.Execute(&html, l); err != nil {
		return Mail{}, fmt.Errorf("notify: %s html: %w", t, err)
	}
	return Mail{
		Template: t, Entity: b.ID, Account: b.AccountID, To: b.Email, ToName: b.Name,
		Subject: l.Subject, Text: text.String(), HTML: html.String(),
	}, nil
}

func (w *Writer) letter(t Template, b event.Booking) (letter, error) {
	p := phrasesOf(b.Locale)
	says, known := p.templates[t]
	if !known {
		return letter{}, ErrUnknownTemplate.WithMessage("There is no template %q.", t)
	}
	l := letter{
		Lang: p.lang, Subject: fmt.Sprintf(says.subject, b.PerformanceTitle), Greeting: fmt.Sprintf(p.greeting, b.Name),
		Intro: says.body, SeatsTitle: p.seatsTitle(len(b.Seats)), PriceTitle: p.price,
		Button: says.button, Link: w.publicURL + linkTo(b), Footer: p.footer, Tone: says.tone,
		Facts: []fact{
			{p.performance, b.PerformanceTitle},
			{p.venue, b.VenueName},
			{p.startsAt, p.says.Moment(b.StartsAt)},
			{p.amount, p.won(b.Amount)},
			{p.number, b.OrderID},
		},
	}
	if b.RefundAmount > 0 && t != BookingConfirmed {
		l.Facts = append(l.Facts, fact{p.refund, p.won(b.RefundAmount)})
	}
	for _, seat := range inOrder(b.Seats) {
		l.Seats = append(l.Seats, seatLine{Where: p.says.Seat(seat.No), Grade: seat.Grade, Price: p.won(seat.Price)})
	}
	return l, nil
}

// Notification writes the inbox entry of a template about a booking.
func (w *Writer) Notification(t Template, b event.Booking) (Notification, error) {
	p := phrasesOf(b.Locale)
	says, known := p.templates[t]
	if !known {
		return Notification{}, ErrUnknownTemplate.WithMessage("There is no template %q.", t)
	}
	return Notification{
		AccountID: b.AccountID, Kind: t, Entity: b.ID,
		Title: fmt.Sprintf(says.subject, b.PerformanceTitle),
		Body:  fmt.Sprintf("%s · %s", p.says.Moment(b.StartsAt), p.says.Seats(seatNumbers(b))),
		Link:  linkTo(b),
	}, nil
}

func linkTo(b event.Booking) string { return "/me/bookings#" + b.ID }

func seatNumbers(b event.Booking) []string {
	numbers := make([]string, len(b.Seats))
	for i, seat := range b.Seats {
		numbers[i] = seat.No
	}
	return numbers
}

// inOrder returns seats as they lie in the hall.
func inOrder(seats []event.Seat) []event.Seat {
	return slices.SortedStableFunc(slices.Values(seats), func(a, b event.Seat) int { return locale.CompareSeats(a.No, b.No) })
}
