// Package drive runs one k6 scenario against a running Fairgate: it prepares
// accounts and a sale, starts k6 and the streams beside it, shows the course,
// verifies from outside what is left behind, and writes a report.
package drive

import (
	"errors"
	"fmt"
	"time"
)

// Settings say what is run, how big, and against what. A size, pace or time below
// zero is the scenario's own.
type Settings struct {
	Scenario string // a name in Dir/scenarios, or the path of a .js file
	Dir      string // of the load tests
	K6       string // the program
	Out      string // folder for reports and logs

	Fans, Seats int
	Streams     int           // fans who watch their place as a stream, beside k6's
	Rate        float64       // a second: arrivals, polls or pages
	Duration    time.Duration // of scenarios that have no end of their own
	Arrive      time.Duration // within which the fans come
	Patience    time.Duration // for which a fan stays
	Cancel      float64       // share of buyers who give their ticket back
	P99         time.Duration // allowed for the scenario's main request
	Capacity    int           // of the line
	EnterRate   int           // of the line, fans a minute

	BaseURL       string
	ProviderURL   string   // the payment simulator; without it nobody pays
	PostgresURL   string   // for the verification
	PrometheusURL string   // takes k6's metrics, when its receiver for remote writes is on
	MetricsURLs   []string // of the services, each as name=url, for memory over time

	Sale   string // one that exists, instead of a new one
	Tokens string // file of accounts, instead of new ones
}

const maxSeats = 100_000 // that a development sale may have

// Unset are settings that leave all sizes to the scenario.
func Unset() Settings {
	return Settings{Fans: -1, Seats: -1, Streams: -1, Rate: -1, Duration: -1, Arrive: -1, Patience: -1, Cancel: -1, P99: -1, Capacity: -1, EnterRate: -1}
}

// LocalSystem points at what "make up" with a port base started.
func (s *Settings) LocalSystem(base int) {
	local := func(port int, path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", base+port, path) }
	fill(&s.BaseURL, "", local(80, ""))
	fill(&s.ProviderURL, "", local(90, ""))
	fill(&s.PostgresURL, "", fmt.Sprintf("postgres://fairgate:fairgate@127.0.0.1:%d/fairgate?sslmode=disable", base+32))
	fill(&s.PrometheusURL, "", local(91, ""))
	if len(s.MetricsURLs) == 0 {
		s.MetricsURLs = []string{"queue-gateway=" + local(82, "/metrics"), "booking-api=" + local(83, "/metrics"), "worker=" + local(84, "/metrics")}
	}
}

// complete fills in the scenario's own sizes.
func (s *Settings) complete(of scenario) {
	d := of.sizes
	fill(&s.Rate, -1, d.Rate)
	fill(&s.Duration, -1, d.Duration)
	if of.arrivals {
		fill(&s.Fans, -1, int(s.Rate*s.Duration.Seconds())+1)
		fill(&s.Seats, -1, min(max(s.Fans, 100), maxSeats))
	}
	fill(&s.Fans, -1, d.Fans)
	fill(&s.Seats, -1, d.Seats)
	fill(&s.Streams, -1, d.Streams)
	fill(&s.Arrive, -1, d.Arrive)
	fill(&s.Patience, -1, 5*time.Minute)
	fill(&s.Cancel, -1, d.Cancel)
	fill(&s.P99, -1, d.P99)
	fill(&s.Capacity, -1, d.Capacity)
	fill(&s.EnterRate, -1, d.EnterRate)
	if of.timed {
		s.Patience = max(s.Patience, s.Duration+time.Minute)
	}
}

func fill[T comparable](into *T, unset, value T) {
	if *into == unset {
		*into = value
	}
}

// validate returns every fault, joined.
func (s *Settings) validate(of scenario) error {
	var faults []error
	check := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New(fault))
		}
	}
	check(s.Fans >= 1 && s.Fans <= 1_000_000, "FANS: from 1 to 1,000,000")
	check(!of.sells || s.Seats >= 1 && s.Seats <= maxSeats, "SEATS: from 1 to 100,000")
	check(s.Streams >= 0 && s.Streams <= 100_000, "STREAMS: from 0 to 100,000")
	check(s.Streams == 0 || of.queued, "STREAMS: only for scenarios with a line")
	check(s.Rate >= 0, "RATE: at least 0")
	check(!of.arrivals || s.Rate > 0, "RATE: more than 0")
	check(!of.timed || s.Duration > 0, "DURATION: more than 0")
	check(s.Arrive >= 0, "ARRIVE: at least 0")
	check(s.Patience > 0, "PATIENCE: more than 0")
	check(s.Cancel >= 0 && s.Cancel <= 1, "CANCEL: a share from 0 to 1")
	check(s.P99 > 0, "P99: more than 0")
	check(s.BaseURL != "", "BASE_URL: where is the system?")
	return errors.Join(faults...)
}
