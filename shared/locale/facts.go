package locale

import (
	"regexp"
	"strings"
)

// What the catalogue says of a performance is Korean free text, mostly of these forms.
var (
	runtimeForm = regexp.MustCompile(`^(?:(\d+)\s*시간)?\s*(?:(\d+)\s*분)?\s*(?:\((?:인터미션|휴식)\s*(\d+)\s*분\s*포함\))?$`)
	yearsForm   = regexp.MustCompile(`^(?:만\s*)?(\d+)\s*세\s*이상(?:\s*관람\s*가능|\s*관람가)?$`)
	monthsForm  = regexp.MustCompile(`^(\d+)\s*개월\s*이상(?:\s*관람\s*가능|\s*관람가)?$`)
)

// Runtime says how long a performance takes: "2시간 30분" is "2 h 30 min" in English.
// What it cannot read, and any other language, gets the text as it is.
func (l Locale) Runtime(text string) string {
	text = strings.TrimSpace(text)
	m := runtimeForm.FindStringSubmatch(text)
	if l.Language != "en" || m == nil || m[1]+m[2] == "" {
		return text
	}
	var parts []string
	if m[1] != "" {
		parts = append(parts, m[1]+" h")
	}
	if m[2] != "" {
		parts = append(parts, m[2]+" min")
	}
	said := strings.Join(parts, " ")
	if m[3] != "" {
		said += " (with an interval of " + m[3] + " min)"
	}
	return said
}

// Age says who may come: "만 7세 이상" is "Ages 7 and over" in English. What it cannot
// read, and any other language, gets the text as it is.
func (l Locale) Age(text string) string {
	text = strings.TrimSpace(text)
	if l.Language != "en" {
		return text
	}
	if m := yearsForm.FindStringSubmatch(text); m != nil {
		return "Ages " + m[1] + " and over"
	}
	if m := monthsForm.FindStringSubmatch(text); m != nil {
		return m[1] + " months and over"
	}
	if strings.ReplaceAll(text, " ", "") == "전체관람가" || strings.ReplaceAll(text, " ", "") == "전체관람가능" {
		return "All ages"
	}
	return text
}
