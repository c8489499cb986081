package drive

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// bounds are the milliseconds that lib/measure.js counts requests by; the last
// counter has what took longer.
func bounds() []float64 { return []float64{5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000} }

// point is the state of a run at one moment; counts are from its beginning.
type point struct {
	At       time.Duration `json:"at"`
	Requests int           `json:"requests"`
	Errors   int           `json:"errors"`
	Started  int           `json:"started"`
	Ended    int           `json:"ended"`
	Bought   int           `json:"bought"`
	Within   []int         `json:"within"` // by bounds, then the rest
}

// usage is what a service takes at one moment.
type usage struct {
	At     time.Duration `json:"at"`
	Memory float64       `json:"memory"` // bytes, resident
	CPU    float64       `json:"cpu"`    // seconds since its start
}

// series is the course of a run.
type series struct {
	Points   []point            `json:"points"`
	Services map[string][]usage `json:"services"`
}

// watcher samples k6's own interface every second and the services' metrics less often.
type watcher struct {
	k6       string            // its address
	services map[string]string // name → metrics page
	client   *http.Client
	begin    time.Time
	series   series
}

const (
	sampleEvery  = time.Second
	servicesEach = 2 // samples of k6, at first
	maxUsages    = 120
)

func newWatcher(k6 string, metricsURLs []string) *watcher {
	w := &watcher{k6: k6, services: map[string]string{}, client: &http.Client{Timeout: 2 * time.Second}, begin: time.Now()}
	w.series.Services = map[string][]usage{}
	for _, entry := range metricsURLs {
		name, url, named := strings.Cut(entry, "=http")
		if url = "http" + url; !named {
			name, url = entry, entry
		}
		w.services[name] = url
	}
	return w
}

// watch samples until ctx ends and hands every point to show.
func (w *watcher) watch(ctx context.Context, show func(point)) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	each := servicesEach
	for n := 0; ; n++ {
		if n%each == 0 {
			w.sampleServices(ctx)
			if n/each >= maxUsages {
				each *= 2
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if p, ok := w.sample(ctx); ok {
			w.series.Points = append(w.series.Points, p)
			show(p)
		}
	}
}

// sample asks k6 for one counter after the other: all at once would make it sort
// every time it has measured.
func (w *watcher) sample(ctx context.Context) (point, bool) {
	p := point{At: time.Since(w.begin), Requests: w.counter(ctx, "http_reqs")}
	if p.Requests < 0 {
		return p, false
	}
	p.Errors = max(0, w.counter(ctx, "server_errors"))
	p.Started = max(0, w.counter(ctx, "ways_started"))
	for _, outcome := range []string{"bought", "cancelled", "unpaid", "sold_out", "beaten", "lapsed", "declined", "done", "other", "gave_up", "unclear", "crashed"} {
		n := max(0, w.counter(ctx, outcomePrefix+outcome))
		p.Ended += n
		if outcome == "bought" || outcome == "cancelled" {
			p.Bought += n
		}
	}
	for _, bound := range bounds() {
		p.Within = append(p.Within, max(0, w.counter(ctx, fmt.Sprintf("within_%gms", bound))))
	}
	p.Within = append(p.Within, max(0, w.counter(ctx, "within_longer")))
	return p, true
}

// counter returns -1 when k6 knows nothing of it, or does not answer.
func (w *watcher) counter(ctx context.Context, name string) int {
	var answer struct {
		Data struct {
			Attributes struct {
				Sample struct{ Count float64 }
			}
		}
	}
	if err := w.get(ctx, "http://"+w.k6+"/v1/metrics/"+name, func(r *http.Response) error {
		return json.NewDecoder(r.Body).Decode(&answer)
	}); err != nil {
		return -1
	}
	return int(answer.Data.Attributes.Sample.Count)
}

func (w *watcher) sampleServices(ctx context.Context) {
	for name, url := range w.services {
		u := usage{At: time.Since(w.begin)}
		err := w.get(ctx, url, func(r *http.Response) error {
			lines := bufio.NewScanner(r.Body)
			for lines.Scan() {
				key, value, _ := strings.Cut(lines.Text(), " ")
				switch key {
				case "process_resident_memory_bytes":
					u.Memory, _ = strconv.ParseFloat(value, 64)
				case "process_cpu_seconds_total":
					u.CPU, _ = strconv.ParseFloat(value, 64)
				}
			}
			return lines.Err()
		})
		if err == nil && u.Memory > 0 {
			w.series.Services[name] = append(w.series.Services[name], u)
		}
	}
}

func (w *watcher) get(ctx context.Context, url string, read func(*http.Response) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return read(response)
}

// between returns the counts of what happened after p and until q.
func (p point) between(q point) []int {
	counts := make([]int, len(q.Within))
	for i := range counts {
		counts[i] = q.Within[i]
		if i < len(p.Within) {
			counts[i] -= p.Within[i]
		}
	}
	return counts
}

// quantile estimates the q-quantile in ms of counts by bounds, evenly spread
// within each; it is -1 when there is nothing.
func quantile(counts []int, q float64) float64 {
	total := 0
	for _, n := range counts {
		total += n
	}
	if total == 0 {
		return -1
	}
	rank, below, seen := q*float64(total), 0.0, 0.0
	for i, bound := range bounds() {
		n := float64(counts[i])
		if seen+n >= rank && n > 0 {
			return below + (bound-below)*(rank-seen)/n
		}
		seen, below = seen+n, bound
	}
	return below
}
