package drive

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
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
	askTimeout   = 10 * time.Second
)

func newWatcher(k6 string, metricsURLs []string) *watcher {
	w := &watcher{k6: k6, services: map[string]string{}, client: &http.Client{Timeout: askTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: 40}}, begin: time.Now()}
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
		if p, err := w.sample(ctx); err == nil {
			w.series.Points = append(w.series.Points, p)
			show(p)
		}
	}
}

// sample asks k6 for each counter alone: all metrics at once would make it sort
// every time it has measured. There is no point in half a sample.
func (w *watcher) sample(ctx context.Context) (point, error) {
	names := []string{"http_reqs", "server_errors", "ways_started", "within_longer"}
	for _, bound := range bounds() {
		names = append(names, withinName(bound))
	}
	for _, outcome := range ends() {
		names = append(names, outcomePrefix+outcome)
	}
	counts, err := w.counters(ctx, names)
	if err != nil {
		return point{}, err
	}
	p := point{At: time.Since(w.begin), Requests: counts["http_reqs"], Errors: counts["server_errors"], Started: counts["ways_started"]}
	for _, outcome := range ends() {
		p.Ended += counts[outcomePrefix+outcome]
	}
	p.Bought = counts[outcomePrefix+"bought"] + counts[outcomePrefix+"cancelled"]
	for _, bound := range bounds() {
		p.Within = append(p.Within, counts[withinName(bound)])
	}
	p.Within = append(p.Within, counts["within_longer"])
	return p, nil
}

func withinName(bound float64) string { return fmt.Sprintf("within_%gms", bound) }

// counters asks for all at the same time: a busy k6 is slow to answer.
func (w *watcher) counters(ctx context.Context, names []string) (map[string]int, error) {
	counts, faults := make([]int, len(names)), make([]error, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { counts[i], faults[i] = w.counter(ctx, name) })
	}
	all.Wait()
	byName := map[string]int{}
	for i, name := range names {
		byName[name] = counts[i]
	}
	return byName, errors.Join(faults...)
}

// ends are the outcomes that lib/live.js counts.
func ends() []string {
	return []string{"bought", "cancelled", "unpaid", "sold_out", "beaten", "lapsed", "declined", "done", "other", "gave_up", "unclear", "crashed"}
}

// counter returns 0 for what k6 has not counted yet.
func (w *watcher) counter(ctx context.Context, name string) (int, error) {
	var answer struct {
		Data struct {
			Attributes struct {
				Sample struct{ Count float64 }
			}
		}
	}
	err := w.get(ctx, "http://"+w.k6+"/v1/metrics/"+name, func(r *http.Response) error {
		return json.NewDecoder(r.Body).Decode(&answer)
	})
	if errors.Is(err, errNotThere) {
		return 0, nil
	}
	return int(answer.Data.Attributes.Sample.Count), err
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
	switch response.StatusCode {
	case http.StatusOK:
		return read(response)
	case http.StatusNotFound:
		return errNotThere
	default:
		return fmt.Errorf("%s: %s", url, response.Status)
	}
}

var errNotThere = errors.New("there is no such page")

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
