//go:build faults

package faults

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestABackendHangs stops a backend's processes where they are and lets them go on
// later: connections stay open, nothing is refused, nothing answers. That is worse than
// a death, which everybody notices at once. Afterwards everything is as after any other
// night, and no process of ours has died or been started anew.
func TestABackendHangs(t *testing.T) {
	for _, c := range []struct {
		part string
		long time.Duration
		job  string // goes on meanwhile; "": none can
	}{
		{"postgres", 15 * time.Second, ""},                   // longer than we wait for an answer
		{"redis", 15 * time.Second, "expire_bookings"},       // whose runs wait a while for Redis to be told
		{"rabbitmq", 20 * time.Second, "reconcile_payments"}, // longer than its answers, shorter than its heartbeats
		{"catcher", 25 * time.Second, "reconcile_payments"},  // longer than an SMTP command may take
		{"toss-sim", 20 * time.Second, "expire_bookings"},    // longer than a capture may take
	} {
		t.Run(c.part, func(t *testing.T) {
			n := openNight(t, usual)
			n.whenSold(0.25)
			before := n.pids()
			resume, err := site.Hang(c.part)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = resume() })
			over := time.After(c.long)
			n.whileItHangs(c.part, c.long, c.job)
			<-over
			if err := resume(); err != nil {
				t.Fatal(err)
			}
			n.nowHealthy()
			n.finish()
			for part, pid := range n.pids() {
				if pid != before[part] {
					t.Errorf("%s was process %d and is process %d now (0: none)", part, before[part], pid)
				}
			}
		})
	}
}

// pids returns the processes of all services and simulators; 0 for one that is gone.
func (n *night) pids() map[string]int {
	pids := map[string]int{}
	for _, part := range site.Services() {
		pids[part] = 0
		if pid, running := site.Pid(part); running {
			pids[part] = pid
		}
	}
	return pids
}

// whileItHangs looks at the services until limit is over: each readiness probe answers,
// whatever it says, and the worker that leads goes on with the job.
func (n *night) whileItHangs(part string, limit time.Duration, job string) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	client := http.Client{Timeout: 10 * time.Second} // on a busy machine; a probe takes 2 s at most
	for name, address := range site.Probes() {
		if name == part {
			continue
		}
		response, err := client.Get(address)
		if err != nil {
			n.t.Errorf("the readiness probe of %s: %v", name, err)
			continue
		}
		_ = response.Body.Close()
	}
	if job == "" {
		return
	}
	begun, err := runsOf(job)
	for now := begun; err == nil && now < begun+2; now, err = runsOf(job) {
		select {
		case <-ctx.Done():
			n.t.Errorf("%s ran %.0f times while %s hung; want 2", job, now-begun, part)
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
	if err != nil {
		n.t.Error(err)
	}
}

// runsOf returns how often the workers have run a job without a fault.
func runsOf(job string) (runs float64, err error) {
	for _, worker := range site.ports().Instances {
		response, err := http.Get(url(worker.WorkerAdmin, "/metrics"))
		if err != nil {
			return 0, err
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(response.Body)
		_ = response.Body.Close()
		if err != nil {
			return 0, fmt.Errorf("metrics of a worker: %w", err)
		}
		family, known := families["fairgate_job_runs_total"]
		if !known {
			continue
		}
		for _, m := range family.GetMetric() {
			labels := map[string]string{}
			for _, pair := range m.GetLabel() {
				labels[pair.GetName()] = pair.GetValue()
			}
			if labels["name"] == job && labels["outcome"] == "ok" {
				runs += m.GetCounter().GetValue()
			}
		}
	}
	return runs, nil
}
