package web

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/locale"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/page"
)

// functions are what templates may call beside the methods of their data.
func (s *site) functions() template.FuncMap {
	return template.FuncMap{
		"t":      s.messages.Text,
		"asset":  s.assets.url,
		"won":    won,
		"days":   days,
		"moment": func(language string, t time.Time) string { return locale.For(language).Moment(t) },
		"length": func(language, text string) string { return locale.For(language).Runtime(text) },
		"age":    func(language, text string) string { return locale.For(language).Age(text) },
		"iso":    func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"data":   page.DataLanguage,
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

// days says the span of a run.
func days(language string, p catalogue.Performance) string {
	return locale.For(language).Days(p.StartsOn, p.EndsOn)
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
		return cmp.Or(cmp.Compare(b.Price, a.Price), cmp.Compare(a.Grade, b.Grade))
	})
	return list
}
