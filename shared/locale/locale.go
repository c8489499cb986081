package locale

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Locale says things in one language.
type Locale struct {
	Language string // "ko", "en", "ja" or "zh"
	Words    Words
}

// For returns the locale of a language, Korean for one that is not known.
func For(language string) Locale {
	switch language {
	case "en":
		return Locale{language, english()}
	case "ja":
		return Locale{language, japanese()}
	case "zh":
		return Locale{language, chinese()}
	}
	return Locale{"ko", korean()}
}

// inSeoul returns t in the zone of the halls, which has had no summer time since
// 1988, so that it needs no database.
func inSeoul(t time.Time) time.Time { return t.In(time.FixedZone("KST", 9*60*60)) }

// Day says a date, e.g. "2026. 12. 24. (목)" or "Thu, 24 Dec 2026".
func (l Locale) Day(t time.Time) string { return l.date(l.Words.Day, t) }

// Moment says a date with its time of day, e.g. "Thu, 24 Dec 2026, 19:30 KST".
func (l Locale) Moment(t time.Time) string {
	return fill(l.Words.Moment, "day", l.Day(t), "time", inSeoul(t).Format("15:04"))
}

// TimeOfDay says a time of day, e.g. "19:30 KST".
func (l Locale) TimeOfDay(t time.Time) string {
	return fill(l.Words.Time, "time", inSeoul(t).Format("15:04"))
}

// Days says the span of a run, both ends inclusive. No day of a run has its weekday, so
// that those of a list look alike.
func (l Locale) Days(from, to time.Time) string {
	if from.Equal(to) {
		return l.date(l.Words.Date, from)
	}
	if year := inSeoul(from).Year(); year == inSeoul(to).Year() {
		return fill(l.Words.Span, "from", l.date(l.Words.Short, from), "to", l.date(l.Words.Short, to), "y", strconv.Itoa(year))
	}
	return l.date(l.Words.Date, from) + " – " + l.date(l.Words.Date, to)
}

func (l Locale) date(pattern string, t time.Time) string {
	t = inSeoul(t)
	return fill(pattern, "y", strconv.Itoa(t.Year()), "m", l.Words.Months[t.Month()-1], "d", strconv.Itoa(t.Day()), "weekday", l.Words.Weekdays[t.Weekday()])
}

// Seat says where a seat is: "1F-B-5-7" is "1층 B구역 5열 7번". A number is
// "<zone>-<row>-<seat>"; one of another form is said as it is.
func (l Locale) Seat(no string) string {
	parts := strings.Split(no, "-")
	if len(parts) < 3 {
		return no
	}
	last := len(parts) - 2
	return fill(l.Words.Seat, "zone", l.Zone(strings.Join(parts[:last], "-")), "row", parts[last], "col", parts[last+1])
}

// Zone says a zone by its code: "2F-B" is section B of floor 2, "FL-3" section 3 of
// the floor before the stage, any other code the section of that name.
func (l Locale) Zone(code string) string {
	place, section, found := strings.Cut(code, "-")
	if found && place == "FL" {
		return fill(l.Words.Arena, "s", section)
	}
	floor, isFloor := strings.CutSuffix(place, "F")
	if found && isFloor && isNumber(floor) {
		return fill(l.Words.Floor, "n", floor, "s", section)
	}
	return fill(l.Words.Section, "s", code)
}

func isNumber(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
}

// Seats says seats one after the other, in the order in which they lie.
func (l Locale) Seats(numbers []string) string {
	said := make([]string, len(numbers))
	for i, no := range slices.SortedFunc(slices.Values(numbers), CompareSeats) {
		said[i] = l.Seat(no)
	}
	return strings.Join(said, l.Words.Between)
}

// CompareSeats orders seat numbers as the seats lie: number by number, so that row 9
// comes before row 10.
func CompareSeats(a, b string) int {
	return slices.CompareFunc(strings.Split(a, "-"), strings.Split(b, "-"), func(x, y string) int {
		m, errX := strconv.Atoi(x)
		n, errY := strconv.Atoi(y)
		if errX == nil && errY == nil {
			return cmp.Compare(m, n)
		}
		return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y))
	})
}

// fill replaces each {name} of pattern, all at once: a value that looks like a
// placeholder stays as it is.
func fill(pattern string, values ...string) string {
	pairs := make([]string, len(values))
	for i := 0; i+1 < len(values); i += 2 {
		pairs[i], pairs[i+1] = "{"+values[i]+"}", values[i+1]
	}
	return strings.NewReplacer(pairs...).Replace(pattern)
}
