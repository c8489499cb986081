package kopis

import (
	"slices"
	"strings"
	"testing"
	"time"
)

const performance = `<?xml version="1.0" encoding="UTF-8"?><dbs><db>
	<mt20id>PF1</mt20id><prfnm>늦은 저녁</prfnm><prfpdfrom>2026.01.06</prfpdfrom><prfpdto>2026.01.11</prfpdto>
	<prfcast>김하나, 이두리 등</prfcast><genrenm>연극</genrenm>
	<pcseguidance>R석 60,000원, S석 45,000원</pcseguidance>
	<dtguidance>목요일 ~ 금요일(20:00), 토요일(14:00,19:00), HOL(15:00)</dtguidance></db></dbs>`

func TestPerformance(t *testing.T) {
	t.Parallel()
	list, err := ReadPerformances(strings.NewReader(performance))
	if err != nil || len(list) != 1 {
		t.Fatalf("%d performances, %v", len(list), err)
	}
	p := list[0]
	if cast := p.Cast(); !slices.Equal(cast, []string{"김하나", "이두리"}) {
		t.Errorf("cast %q", cast)
	}
	if prices := p.Prices(); !slices.Equal(prices, []Price{{"R석", 60000}, {"S석", 45000}}) {
		t.Errorf("prices %v", prices)
	}
	var got []string
	for _, start := range p.Showtimes() {
		got = append(got, start.Format(time.RFC3339))
	}
	want := []string{"2026-01-08T11:00:00Z", "2026-01-09T11:00:00Z", "2026-01-10T05:00:00Z", "2026-01-10T10:00:00Z"}
	if !slices.Equal(got, want) {
		t.Errorf("showtimes %v, want %v", got, want)
	}
}

func TestErrorsThatComeAsSuccess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body   string
		fails  bool
		venues int
	}{
		"bad key":     {`<dbs><db><returncode>02</returncode><errmsg>SERVICE KEY IS NOT REGISTERED</errmsg></db></dbs>`, true, 0},
		"no data":     {`<dbs><db><returncode>04</returncode><errmsg>NO DATA</errmsg></db></dbs>`, false, 0},
		"empty":       {`<dbs/>`, false, 0},
		"not XML":     {`Service unavailable`, true, 0},
		"one":         {`<dbs><db><mt10id>FC1</mt10id><la>37.5</la><lo>127</lo></db></dbs>`, false, 1},
		"no latitude": {`<dbs><db><mt10id>FC1</mt10id><la></la><lo>127</lo></db></dbs>`, true, 0},
		"cut in half": {`<dbs><db><mt10id>FC1`, true, 0},
	} {
		venues, err := ReadVenues(strings.NewReader(c.body))
		if (err != nil) != c.fails || len(venues) != c.venues {
			t.Errorf("%s: %d venues, %v", name, len(venues), err)
		}
	}
}
