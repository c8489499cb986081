// Command load runs one k6 scenario against a running Fairgate and then verifies,
// from the database and the payment provider, that every promise was kept. It
// exits non-zero if one was broken.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fairgate/fairgate/loadtest/prepare"
	"github.com/fairgate/fairgate/loadtest/verify"
)

type options struct {
	scenario, dir, k6              string
	baseURL, providerURL, dbURL    string
	fans, seats, capacity, rate    int
	arriveSeconds, patienceSeconds int
}

func main() { os.Exit(exitCode(parse())) }

func exitCode(o options) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		return 1
	}
	return 0
}

func parse() options {
	var o options
	flag.StringVar(&o.scenario, "scenario", "flash_sale", "name of a file in scenarios")
	flag.StringVar(&o.dir, "dir", "loadtest", "folder of the load tests")
	flag.StringVar(&o.k6, "k6", ".tools/bin/k6", "the k6 program")
	flag.StringVar(&o.baseURL, "base-url", "http://127.0.0.1:8080", "the gateway")
	flag.StringVar(&o.providerURL, "provider-url", "http://127.0.0.1:8090", "the payment simulator")
	flag.StringVar(&o.dbURL, "postgres-url", "postgres://fairgate:fairgate@127.0.0.1:8032/fairgate?sslmode=disable", "the database, for the verification")
	flag.IntVar(&o.fans, "fans", 500, "how many fans come")
	flag.IntVar(&o.seats, "seats", 100, "how many seats there are")
	flag.IntVar(&o.capacity, "capacity", 200, "how many fans may book at once")
	flag.IntVar(&o.rate, "rate", 6000, "how many fans may enter a minute")
	flag.IntVar(&o.arriveSeconds, "arrive", 5, "within how many seconds they come")
	flag.IntVar(&o.patienceSeconds, "patience", 300, "for how many seconds a fan stays")
	flag.Parse()
	return o
}

const maxSeatsPerAccount = 4

func run(ctx context.Context, o options) error {
	if o.fans < 1 || o.seats < 1 {
		return errors.New("give at least one fan and one seat")
	}
	folder, err := os.MkdirTemp("", "fairgate-load-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	sale, err := prepareRun(ctx, o, folder)
	if err != nil {
		return err
	}
	summary, k6Err := runK6(ctx, o, folder, sale)
	if summary == nil {
		return fmt.Errorf("k6 left no summary: %w", k6Err)
	}
	return judge(ctx, o, sale, summary, k6Err)
}

func prepareRun(ctx context.Context, o options, folder string) (prepare.Sale, error) {
	api := prepare.API{BaseURL: o.baseURL}
	if err := api.Ready(ctx); err != nil {
		return prepare.Sale{}, err
	}
	sale, err := api.Sale(ctx, prepare.SaleOptions{
		Seats: o.seats, Queued: true, Capacity: o.capacity, RatePerMinute: o.rate, SessionSeconds: 300,
		MaxSeatsPerAccount: maxSeatsPerAccount, Price: 50_000,
	})
	if err != nil {
		return sale, err
	}
	const intruders = 5
	start := time.Now()
	accounts, err := api.Accounts(ctx, o.fans+intruders, func(made int) { fmt.Printf("\r%d of %d accounts", made, o.fans+intruders) })
	if err != nil {
		return sale, err
	}
	fmt.Printf(" in %.1f s\n", time.Since(start).Seconds())
	raw, err := json.Marshal(accounts)
	if err != nil {
		return sale, err
	}
	if err := os.WriteFile(filepath.Join(folder, "accounts.json"), raw, 0o600); err != nil {
		return sale, err
	}
	return sale, api.LineOpen(ctx, sale.SaleID, 15*time.Second)
}

// summary is what the scenarios write (lib/report.js).
type summary struct {
	Outcomes          map[string]int `json:"outcomes"`
	ServerErrors      int            `json:"server_errors"`
	UnclearAnswers    int            `json:"unclear_answers"`
	IntrudersSent     int            `json:"intruders_sent"`
	IntrudersAdmitted int            `json:"intruders_admitted"`
}

func runK6(ctx context.Context, o options, folder string, sale prepare.Sale) (*summary, error) {
	file := filepath.Join(folder, "summary.json")
	command := exec.CommandContext(ctx, o.k6, "run", "--no-usage-report", "--address", "127.0.0.1:0", filepath.Join(o.dir, "scenarios", o.scenario+".js"))
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.Env = append(os.Environ(),
		"SALE="+sale.SaleID, "SHOWTIME="+sale.ShowtimeID, "ACCOUNTS="+filepath.Join(folder, "accounts.json"), "SUMMARY="+file,
		"BASE_URL="+o.baseURL, "PROVIDER_URL="+o.providerURL, "FANS="+strconv.Itoa(o.fans),
		"ARRIVE_SECONDS="+strconv.Itoa(o.arriveSeconds), "PATIENCE="+strconv.Itoa(o.patienceSeconds),
	)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	runErr := command.Run()
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.Join(runErr, err)
	}
	var s summary
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, err
	}
	return &s, runErr
}

func judge(ctx context.Context, o options, sale prepare.Sale, s *summary, k6Err error) error {
	db, err := pgx.Connect(ctx, o.dbURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close(ctx) }()
	if err := verify.Settled(ctx, db, sale.SaleID, 2*time.Minute); err != nil {
		return err
	}
	payments, err := verify.Payments(ctx, o.providerURL)
	if err != nil {
		return err
	}
	report, err := verify.Check(ctx, db, payments, verify.Expectation{
		SaleID: sale.SaleID, Seats: o.seats, SoldOut: o.fans >= o.seats, Queued: true, MaxSeatsPerAccount: maxSeatsPerAccount,
	})
	if err != nil {
		return err
	}
	violations := slices.Concat(report.Violations, s.violations(o.fans))
	if k6Err != nil {
		violations = append(violations, "k6: "+k6Err.Error())
	}
	fmt.Printf("Verified from outside, sale %s: %d of %d seats sold in %d bookings, ₩%d captured and kept.\n",
		sale.SaleID, report.SeatsSold, o.seats, report.Bookings, report.Captured)
	for _, v := range violations {
		fmt.Println("  VIOLATION:", v)
	}
	if len(violations) > 0 {
		return fmt.Errorf("%d violations", len(violations))
	}
	fmt.Println("0 violations.")
	return nil
}

// violations are the promises that only the fans can tell about.
func (s *summary) violations(fans int) []string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	ended := 0
	for _, n := range s.Outcomes {
		ended += n
	}
	add(fans-ended, "fans whose way did not end")
	add(s.Outcomes["gave_up"], "fans who gave up without an answer")
	add(s.Outcomes["crashed"], "fans whose way broke off")
	add(s.UnclearAnswers, "answers that a fan cannot understand")
	add(s.ServerErrors, "answers 5xx, or none")
	add(s.IntrudersAdmitted, "intruders without a pass who were not refused")
	if s.IntrudersSent == 0 {
		all = append(all, "no intruder tried: the run proves nothing about the pass")
	}
	return all
}
