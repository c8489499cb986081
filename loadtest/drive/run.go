package drive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/fairgate/fairgate/loadtest/prepare"
	"github.com/fairgate/fairgate/loadtest/stream"
)

// SettingsError is a fault of the caller's settings.
type SettingsError struct{ Err error }

func (e *SettingsError) Error() string { return e.Err.Error() }
func (e *SettingsError) Unwrap() error { return e.Err }

// Run prepares, runs, verifies and reports. An error means that there is no
// verdict, since something could not be run.
func Run(ctx context.Context, set Settings, out io.Writer) (Verdict, error) {
	of, err := find(set.Dir, set.Scenario)
	if err != nil {
		return Verdict{}, &SettingsError{err}
	}
	set.complete(of)
	if err := set.validate(of); err != nil {
		return Verdict{}, &SettingsError{err}
	}
	begin := time.Now()
	r := &run{set: set, of: of, out: newConsole(out), begin: begin, id: of.name + "-" + begin.UTC().Format("20060102-150405")}
	if err := os.MkdirAll(set.Out, 0o755); err != nil {
		return Verdict{}, err
	}
	folder, err := os.MkdirTemp("", "fairgate-load-")
	if err != nil {
		return Verdict{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := r.prepare(ctx, folder); err != nil {
		return Verdict{}, err
	}
	if err := r.drive(ctx, folder); err != nil {
		return Verdict{}, err
	}
	verdict, err := r.judge(ctx)
	if err != nil {
		return verdict, err
	}
	verdict.Report, err = r.report(verdict)
	return verdict, err
}

// run is one run and what came of it.
type run struct {
	set   Settings
	of    scenario
	out   *console
	begin time.Time
	id    string

	sale      prepare.Sale
	fresh     bool // the sale was made for this run
	accounts  string
	watchers  []string // tokens of the fans who watch streams
	prepared  time.Duration
	remote    bool // Prometheus gets k6's metrics
	stopped   bool // before its end
	missed    bool // k6 missed a threshold
	summary   *summary
	series    series
	streams   *stream.Result
	reporting progress
}

func (r *run) say(format string, args ...any) { _, _ = fmt.Fprintf(r.out, format+"\n", args...) }

func (r *run) path(ending string) string { return filepath.Join(r.set.Out, r.id+ending) }

func (r *run) prepare(ctx context.Context, folder string) error {
	api := prepare.API{BaseURL: r.set.BaseURL}
	if err := api.Ready(ctx); err != nil {
		return err
	}
	r.say("%s: %s", r.of.name, r.of.about)
	start := time.Now()
	if err := r.prepareSale(ctx, api); err != nil {
		return err
	}
	if err := r.prepareAccounts(ctx, api, folder); err != nil {
		return err
	}
	if r.sale.Queued {
		if err := api.LineOpen(ctx, r.sale.SaleID, 15*time.Second); err != nil {
			return err
		}
	}
	r.prepared = time.Since(start)
	return nil
}

func (r *run) prepareSale(ctx context.Context, api prepare.API) (err error) {
	switch {
	case r.set.Sale != "":
		r.sale, err = api.Existing(ctx, r.set.Sale)
	case r.of.sells:
		r.fresh = true
		r.sale, err = api.Sale(ctx, prepare.SaleOptions{
			Seats: r.set.Seats, Queued: r.of.queued, Capacity: r.set.Capacity, RatePerMinute: r.set.EnterRate,
			SessionSeconds: sessionSeconds, MaxSeatsPerAccount: maxSeatsPerAccount, Price: price,
		})
	}
	return err
}

const (
	maxSeatsPerAccount = 4
	sessionSeconds     = 300
	price              = 50_000 // KRW
)

func (r *run) prepareAccounts(ctx context.Context, api prepare.API, folder string) error {
	if !r.of.accounts {
		return nil
	}
	wanted := r.set.Fans + r.set.Streams + r.of.intruders
	accounts, err := r.getAccounts(ctx, api, wanted)
	if err != nil {
		return err
	}
	if len(accounts) < wanted {
		return fmt.Errorf("%s has %d accounts, this run needs %d", r.set.Tokens, len(accounts), wanted)
	}
	forK6 := r.set.Fans + r.of.intruders
	for _, watcher := range accounts[forK6:wanted] {
		if watcher.AccessToken == "" {
			return errors.New("the fans who watch streams need access tokens: give them first in the file, or STREAMS=0")
		}
		r.watchers = append(r.watchers, watcher.AccessToken)
	}
	raw, err := json.Marshal(accounts[:forK6])
	if err != nil {
		return err
	}
	r.accounts = filepath.Join(folder, "accounts.json")
	return os.WriteFile(r.accounts, raw, 0o600)
}

func (r *run) getAccounts(ctx context.Context, api prepare.API, wanted int) ([]prepare.Account, error) {
	if r.set.Tokens != "" {
		return prepare.File(r.set.Tokens)
	}
	start := time.Now()
	accounts, err := api.Accounts(ctx, wanted, func(made int) {
		r.reporting.line(r.out, fmt.Sprintf("%d of %d accounts", made, wanted), made == wanted)
	})
	if err == nil {
		r.say("  made in %.1f s", time.Since(start).Seconds())
	}
	return accounts, err
}

// drive runs k6, and the streams beside it, and watches both.
func (r *run) drive(ctx context.Context, folder string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	r.remote = takesRemoteWrites(ctx, r.set.PrometheusURL)
	j := job{set: r.set, of: r.of, id: r.id, sale: r.sale, summary: filepath.Join(folder, "summary.json"), log: r.path(".log"), address: address, remote: r.remote}
	if j.accounts, err = absolute(r.accounts); err != nil {
		return err
	}
	if r.remote {
		r.say("k6's metrics go to %s, tagged run=%s", r.set.PrometheusURL, r.id)
	}
	watching, end := context.WithCancel(ctx)
	defer end()
	var beside sync.WaitGroup
	watcher := newWatcher(address, r.set.MetricsURLs)
	beside.Go(func() { watcher.watch(watching, func(p point) { r.reporting.show(r.out, p) }) })
	if len(r.watchers) > 0 {
		beside.Go(func() { r.watchStreams(watching) })
	}
	k6Err := j.run(ctx, r.set.K6, r.out)
	end()
	beside.Wait()
	r.series, r.stopped, r.missed = watcher.series, ctx.Err() != nil, missedThresholds(k6Err)
	if r.summary, err = readSummary(j.summary); err != nil {
		return errors.Join(fmt.Errorf("k6 left no summary; its log is %s", j.log), k6Err, ctx.Err())
	}
	if k6Err != nil && !r.missed && !r.stopped {
		return fmt.Errorf("k6: %w; its log is %s", k6Err, j.log)
	}
	return nil
}

func (r *run) watchStreams(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, r.set.Duration)
	defer cancel()
	result := stream.Crowd{BaseURL: r.set.BaseURL, SaleID: r.sale.SaleID, Tokens: r.watchers, Arrive: r.set.Arrive}.Watch(ctx)
	r.streams = &result
}
