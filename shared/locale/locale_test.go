package locale_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/locale"
)

type said struct {
	Moments, Times []map[string]string
	Seats          []map[string]string
	Sorted         []string
}

func readSaid(t *testing.T) said {
	t.Helper()
	raw, err := os.ReadFile("testdata/said.json")
	if err != nil {
		t.Fatal(err)
	}
	var s said
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestWhatIsSaid holds this package to the same file as the browser's twin.
func TestWhatIsSaid(t *testing.T) {
	t.Parallel()
	s := readSaid(t)
	equal := func(what, language, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s in %s: got %q, want %q", what, language, got, want)
		}
	}
	for _, language := range []string{"ko", "en", "ja", "zh"} {
		l := locale.For(language)
		for _, one := range s.Moments {
			at, err := time.Parse(time.RFC3339, one["at"])
			if err != nil {
				t.Fatal(err)
			}
			equal(one["at"], language, l.Moment(at), one[language])
		}
		for _, one := range s.Times {
			at, err := time.Parse(time.RFC3339, one["at"])
			if err != nil {
				t.Fatal(err)
			}
			equal(one["at"], language, l.TimeOfDay(at), one[language])
		}
	}
	for _, one := range s.Seats {
		equal(one["no"], "ko", locale.For("ko").Seat(one["no"]), one["ko"])
		equal(one["no"], "en", locale.For("en").Seat(one["no"]), one["en"])
	}
	mixed := slices.Clone(s.Sorted)
	slices.Reverse(mixed)
	slices.SortFunc(mixed, locale.CompareSeats)
	if !slices.Equal(mixed, s.Sorted) {
		t.Errorf("seats in order: got %v, want %v", mixed, s.Sorted)
	}
}

func TestFactsOfAPerformance(t *testing.T) {
	t.Parallel()
	en, ko := locale.For("en"), locale.For("ko")
	for text, want := range map[string]string{
		"2시간 30분": "2 h 30 min", "1시간": "1 h", "90분": "90 min", "2시간(인터미션 15분 포함)": "2 h (with an interval of 15 min)",
		"2시간 40분(인터미션 20분 포함)": "2 h 40 min (with an interval of 20 min)", "미정": "미정", "": "",
	} {
		if got := en.Runtime(text); got != want {
			t.Errorf("length %q: got %q, want %q", text, got, want)
		}
		if got := ko.Runtime(text); got != text {
			t.Errorf("length %q in Korean: got %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"만 7세 이상": "Ages 7 and over", "만 13세이상 관람가": "Ages 13 and over", "8세 이상": "Ages 8 and over", "36개월 이상": "36 months and over",
		"전체 관람가": "All ages", "미취학 아동 입장 불가": "미취학 아동 입장 불가",
	} {
		if got := en.Age(text); got != want {
			t.Errorf("age %q: got %q, want %q", text, got, want)
		}
		if got := ko.Age(text); got != text {
			t.Errorf("age %q in Korean: got %q", text, got)
		}
	}
}

func TestDaysOfARun(t *testing.T) {
	t.Parallel()
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	for _, c := range []struct {
		from, to time.Time
		ko, en   string
	}{
		{day(2026, 12, 12), day(2026, 12, 12), "2026. 12. 12.", "12 Dec 2026"},
		{day(2026, 12, 12), day(2026, 12, 13), "2026. 12. 12. – 12. 13.", "12 Dec – 13 Dec 2026"},
		{day(2026, 12, 31), day(2027, 1, 2), "2026. 12. 31. – 2027. 1. 2.", "31 Dec 2026 – 2 Jan 2027"},
	} {
		if got := locale.For("ko").Days(c.from, c.to); got != c.ko {
			t.Errorf("got %q, want %q", got, c.ko)
		}
		if got := locale.For("en").Days(c.from, c.to); got != c.en {
			t.Errorf("got %q, want %q", got, c.en)
		}
	}
}

// TestNothingIsLeftOver: every pattern of every language is filled in, and a value
// that looks like a placeholder stays what it is.
func TestNothingIsLeftOver(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 5, 5, 3, 4, 5, 0, time.UTC)
	for _, language := range []string{"ko", "en", "ja", "zh", "", "fr"} {
		l := locale.For(language)
		for _, text := range []string{l.Day(at), l.Moment(at), l.TimeOfDay(at), l.Days(at, at.AddDate(0, 0, 3)), l.Days(at, at.AddDate(1, 0, 0)), l.Seats([]string{"1F-A-1-1", "FL-1-1-1", "X-1-1"})} {
			if text == "" || strings.ContainsAny(text, "{}") {
				t.Errorf("%q: %q", language, text)
			}
		}
	}
	if got := locale.For("en").Seat("{row}-1-2"); got != "Section {row}, row 1, seat 2" {
		t.Errorf("got %q", got)
	}
}
