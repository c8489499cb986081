package bench

import (
	"errors"
	"fmt"
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

// Table renders the report in Markdown: the rows, and below them the runs that
// measured them, by letters.
func (r Report) Table() string {
	var text strings.Builder
	var runs []Run
	text.WriteString("| what | baseline | target | measured | | figures | run |\n|---|---|---|---|---|---|---|\n")
	for _, result := range r.Results {
		if !slices.Contains(runs, result.Run) {
			runs = append(runs, result.Run)
		}
		_, _ = fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s | %s |\n", result.What, orDash(result.Baseline), result.Target,
			orDash(result.Value), result.Verdict(), figureText(result), letter(slices.Index(runs, result.Run)))
	}
	text.WriteString("\n")
	for i, run := range runs {
		_, _ = fmt.Fprintf(&text, "- Run %s: %s\n", letter(i), run)
	}
	return text.String()
}

func letter(i int) string { return string(rune('a' + i)) }

// String tells all about a run in a line of Markdown.
func (r Run) String() string {
	if r == (Run{}) {
		return "not recorded."
	}
	command := "command not recorded"
	if r.Command != "" {
		command = "`" + r.Command + "`"
	}
	return fmt.Sprintf("%s, project %s, %s. %s. %s.", r.Date, r.Project, command, r.Versions, r.Machine)
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
