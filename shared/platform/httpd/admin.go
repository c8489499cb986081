package httpd

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fairgate/fairgate/shared/guard"
)

// scrapeTimeout is less than Prometheus waits.
const scrapeTimeout = 4 * time.Second

// Check is one dependency without which a service is not ready.
type Check struct {
	Name  string
	Probe func(ctx context.Context) error
}

// probeLimit is how long a dependency may take to show that it is there.
const probeLimit = 2 * time.Second

var errSilent = errors.New("no answer in time")

// Readiness runs all checks at once and returns each one's state ("ok" or the error).
// It takes at most two seconds: one that hangs is not ready, and hides no other.
func Readiness(ctx context.Context, checks []Check) (states map[string]string, ready bool) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	outcomes := make([]chan error, len(checks))
	for i, check := range checks {
		outcome := make(chan error, 1)
		outcomes[i] = outcome
		guard.Go("readiness", func() {
			outcome <- guard.Call("readiness", func() error { return check.Probe(ctx) })
		})
	}
	states, ready = map[string]string{}, true
	for i, check := range checks {
		states[check.Name] = "ok"
		if err := await(ctx, outcomes[i]); err != nil {
			states[check.Name], ready = err.Error(), false
		}
	}
	return states, ready
}

// await returns what a probe says, or errSilent when ctx ends before, as a probe that
// does not heed ctx would have it.
func await(ctx context.Context, outcome <-chan error) error {
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-outcome: // it came just in time
		return err
	default:
		return errSilent
	}
}

// ServeAdmin listens on addr (loopback) until ctx ends: /healthz, /readyz,
// /metrics and, if profiling is on, /debug/pprof.
func ServeAdmin(ctx context.Context, addr string, metrics prometheus.Gatherer, checks []Check, profiling bool) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeStates(w, map[string]string{"process": "ok"}, true) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		states, ready := Readiness(r.Context(), checks)
		writeStates(w, states, ready)
	})
	// What can be collected is better than nothing: one broken collector must not
	// blind the operator.
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, Timeout: scrapeTimeout,
	}))
	if profiling {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, guard.Func("admin", func() { _ = server.Close() }))
	defer stop()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func writeStates(w http.ResponseWriter, states map[string]string, ready bool) {
	status, word := http.StatusOK, "ok"
	if !ready {
		status, word = http.StatusServiceUnavailable, "unavailable"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": word, "checks": states})
}
