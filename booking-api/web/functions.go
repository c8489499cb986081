package web

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/money"
)

// functions are what templates may call beside the methods of their data.
func (s *site) functions() template.FuncMap {
	return template.FuncMap{
		"t":      s.messages.Text,
		"asset":  s.assets.url,
		"won":    won,
		"day":    s.day,
		"days":   s.days,
		"moment": s.moment,
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"prices": prices,
		"fault":  s.fieldFault,
	}
}

// fieldFault is what is wrong with one field of a form, for its template.
type fieldFault struct{ Field, Text string }

func (s *site) fieldFault(v view, field string) fieldFault {
	body, _ := v.Body.(credentials)
	if !body.Wrong(field) {
		return fieldFault{Field: field}
	}
	return fieldFault{Field: field, Text: s.messages.Text(v.Language, body.Faults[field])}
}

// won groups an amount by thousands: 150,000.
func won(amount money.KRW) string {
	digits := fmt.Sprint(int64(amount))
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// day returns a date, e.g. "2026. 11. 20. (금)".
func (s *site) day(language string, t time.Time) string {
	return s.date(language, "date.day", t)
}

func (s *site) date(language, key string, t time.Time) string {
	t = t.In(seoul)
	return s.messages.Text(language, key, "y", t.Year(), "d", t.Day(),
		"m", s.messages.Text(language, fmt.Sprintf("date.month.%d", t.Month())),
		"weekday", s.messages.Text(language, fmt.Sprintf("date.weekday.%s", t.Weekday())))
}

// moment returns a date with its time of day.
func (s *site) moment(language string, t time.Time) string {
	return s.day(language, t) + " " + t.In(seoul).Format("15:04")
}

// days returns the span of a run, both ends inclusive.
func (s *site) days(language string, p catalogue.Performance) string {
	if p.StartsOn.Equal(p.EndsOn) {
		return s.day(language, p.StartsOn)
	}
	if p.StartsOn.Year() == p.EndsOn.Year() {
		return s.messages.Text(language, "date.span", "from", s.date(language, "date.short", p.StartsOn), "to", s.date(language, "date.short", p.EndsOn), "y", p.StartsOn.Year())
	}
	return s.day(language, p.StartsOn) + " – " + s.day(language, p.EndsOn)
}

// gradePrice is one line of a price list.
type gradePrice struct {
	Grade string
	Price money.KRW
}

// prices lists the prices of a showtime, the dearest first.
func prices(showtime catalogue.Showtime) []gradePrice {
	list := make([]gradePrice, 0, len(showtime.Prices))
	for grade, price := range showtime.Prices {
		list = append(list, gradePrice{grade, price})
	}
	slices.SortFunc(list, func(a, b gradePrice) int {
		if a.Price != b.Price {
			return int(b.Price - a.Price)
		}
		return slices.Compare([]byte(a.Grade), []byte(b.Grade))
	})
	return list
}
