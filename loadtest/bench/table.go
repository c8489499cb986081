package bench

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
)

// The table in RESULTS.md stands between these lines; the rest is written by hand.
const (
	tableBegins = "<!-- table: written by make bench -->"
	tableEnds   = "<!-- end of table -->"
)

// Table renders the report in Markdown.
func (r Report) Table() string {
	var text strings.Builder
	_, _ = fmt.Fprintf(&text, "%s. %s. %s. `%s`\n\n", r.Date, r.Machine, r.versionText(), strings.Join(r.Commands, "`, `"))
	text.WriteString("| what | baseline | target | measured | | figures |\n|---|---|---|---|---|---|\n")
	for _, result := range r.Results {
		_, _ = fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", result.What, orDash(result.Baseline), result.Target,
			orDash(result.Value), result.Verdict(), figureText(result))
	}
	return text.String()
}

func (r Report) versionText() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Versions)) {
		parts = append(parts, name+" "+r.Versions[name])
	}
	return strings.Join(parts, ", ")
}

func orDash(text string) string {
	if text == "" {
		return "–"
	}
	return text
}

func figureText(r Result) string {
	var parts []string
	if r.Error != "" {
		parts = append(parts, strings.NewReplacer("\n", " ", "|", "/").Replace(r.Error))
	}
	for _, f := range r.Figures {
		parts = append(parts, strings.TrimSpace(f.Name+" "+number(f.Value)+separator(f.Unit)+f.Unit))
	}
	return strings.Join(parts, "; ")
}

// separator keeps rates together ("120/s") and units apart ("1.5 ms").
func separator(unit string) string {
	if unit == "" || strings.HasPrefix(unit, "/") {
		return ""
	}
	return " "
}

// number writes three digits that count, and thousands apart.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return "?"
	case v < 0:
		return "−" + number(-v)
	case v >= 100 || v == float64(int64(v)):
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func thousands(digits string) string {
	if len(digits) <= 3 {
		return digits
	}
	return thousands(digits[:len(digits)-3]) + "," + digits[len(digits)-3:]
}

// WriteTable puts the table into the file in the place of the one that is there.
func (r Report) WriteTable(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		return errors.New(path + " has no place for the table")
	}
	return os.WriteFile(path, []byte(before+tableBegins+"\n"+r.Table()+tableEnds+after), 0o644)
}
