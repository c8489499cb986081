package main

import (
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/fairgate/fairgate/loadtest/drive"
)

// settings reads flags and, for those that are not given, the environment variables
// of the same names in capitals: -enter-rate is ENTER_RATE.
func settings(args []string, lookup func(string) (string, bool), faults io.Writer) (drive.Settings, error) {
	s, base := drive.Unset(), portBase
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.SetOutput(faults)
	flags.StringVar(&s.Scenario, "scenario", "flash_sale", "a name, or the path of a file of your own")
	flags.StringVar(&s.Dir, "dir", "loadtest", "folder of the load tests")
	flags.StringVar(&s.K6, "k6", "k6", "the k6 program")
	flags.StringVar(&s.Out, "out", ".run/load", "folder for reports")

	flags.IntVar(&s.Fans, "fans", s.Fans, "how many fans come")
	flags.IntVar(&s.Seats, "seats", s.Seats, "how many seats there are")
	flags.IntVar(&s.Streams, "streams", s.Streams, "how many more fans watch their place as a stream")
	flags.Float64Var(&s.Rate, "rate", s.Rate, "a second: arrivals (soak), polls (status_poll), pages (browse)")
	flags.Var((*duration)(&s.Duration), "duration", "how long, such as 90s, 10m or 2h")
	flags.Var((*duration)(&s.Arrive), "arrive", "within which time the fans come")
	flags.Var((*duration)(&s.Patience), "patience", "how long a fan stays")
	flags.Float64Var(&s.Cancel, "cancel", s.Cancel, "the share of buyers who give their ticket back (soak)")
	flags.Var((*duration)(&s.P99), "p99", "the 99th percentile allowed for the main request")
	flags.IntVar(&s.Capacity, "capacity", s.Capacity, "how many fans may book at once")
	flags.IntVar(&s.EnterRate, "enter-rate", s.EnterRate, "how many fans may enter a minute")

	flags.IntVar(&base, "port-base", base, "where `make up` runs, unless base-url is given")
	flags.StringVar(&s.BaseURL, "base-url", "", "another deployment's gateway; then nothing else is assumed")
	flags.StringVar(&s.ProviderURL, "provider-url", "", "its payment simulator")
	flags.StringVar(&s.PostgresURL, "postgres-url", "", "its database, for the verification")
	flags.StringVar(&s.PrometheusURL, "prometheus-url", "", "a Prometheus that takes remote writes")
	metrics := flags.String("metrics-urls", "", "its services' metrics, as name=url,name=url")
	flags.StringVar(&s.Sale, "sale", "", "a sale that exists, instead of a new one")
	flags.StringVar(&s.Tokens, "tokens", "", "file of accounts, instead of new ones")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	if err := fromEnviron(flags, lookup); err != nil {
		return s, err
	}
	if *metrics != "" {
		s.MetricsURLs = strings.Split(*metrics, ",")
	}
	if s.BaseURL == "" {
		s.LocalSystem(base)
	}
	s.BaseURL = strings.TrimSuffix(s.BaseURL, "/")
	return s, nil
}

// fromEnviron sets the flags that were not given.
func fromEnviron(flags *flag.FlagSet, lookup func(string) (string, bool)) error {
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var fault error
	flags.VisitAll(func(f *flag.Flag) {
		name := strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := lookup(name)
		if given[f.Name] || !ok || value == "" || fault != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			fault = fmt.Errorf("%s=%s: %w", name, value, err)
		}
	})
	return fault
}

// duration is a flag in Go's notation, or in plain seconds.
type duration time.Duration

func (d *duration) String() string { return time.Duration(*d).String() }

func (d *duration) Set(text string) error {
	value, err := time.ParseDuration(text)
	if number, plain := strconv.ParseFloat(text, 64); plain == nil {
		value, err = time.Duration(number*float64(time.Second)), nil
	}
	if err != nil || value < 0 {
		return fmt.Errorf("give a time such as 90s, 10m or 2h")
	}
	*d = duration(value)
	return nil
}
