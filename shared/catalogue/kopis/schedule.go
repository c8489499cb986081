package kopis

import (
	"regexp"
	"strings"
	"time"
)

var (
	weekdays = map[string]time.Weekday{
		"일요일": time.Sunday, "월요일": time.Monday, "화요일": time.Tuesday, "수요일": time.Wednesday,
		"목요일": time.Thursday, "금요일": time.Friday, "토요일": time.Saturday,
	}
	// "화요일 ~ 금요일(20:00)": a day or a span of days, then times in brackets.
	timeTable = regexp.MustCompile(`([^\s(),~]+)(?:\s*~\s*([^\s(),~]+))?\s*\(([0-9:,\s]+)\)`)
)

// Showtimes expands dtguidance over the run, in order: "화요일 ~ 금요일(20:00),
// 토요일(14:00,19:00)". What is no weekday ("HOL": on holidays) is left out.
func (p Performance) Showtimes() []time.Time {
	table := p.timeTable()
	var starts []time.Time
	for day := p.From; !day.After(p.To); day = day.AddDate(0, 0, 1) {
		for _, clock := range table[day.Weekday()] {
			starts = append(starts, time.Date(day.Year(), day.Month(), day.Day(), clock.Hour(), clock.Minute(), 0, 0, Seoul).UTC())
		}
	}
	return starts
}

func (p Performance) timeTable() map[time.Weekday][]time.Time {
	table := map[time.Weekday][]time.Time{}
	for _, match := range timeTable.FindAllStringSubmatch(p.TimeText, -1) {
		first, ok := weekdays[match[1]]
		if !ok {
			continue
		}
		last := first
		if match[2] != "" {
			if last, ok = weekdays[match[2]]; !ok {
				continue
			}
		}
		times := clocks(match[3])
		for day := first; ; day = (day + 1) % 7 {
			table[day] = append(table[day], times...)
			if day == last {
				break
			}
		}
	}
	return table
}

func clocks(text string) []time.Time {
	var times []time.Time
	for _, part := range strings.Split(text, ",") {
		if t, err := time.Parse("15:04", strings.TrimSpace(part)); err == nil {
			times = append(times, t)
		}
	}
	return times
}
