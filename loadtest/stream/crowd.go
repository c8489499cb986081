// Package stream is a crowd that watches its places in a line as server-sent
// events, which k6 cannot.
package stream

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Crowd is who watches what.
type Crowd struct {
	BaseURL string
	SaleID  string
	Tokens  []string      // one fan each
	Arrive  time.Duration // within which they come
	Begun   func()        // called when a fan sees the first event; nil: nobody is told
}

// Result is what they saw together.
type Result struct {
	Fans     int           // who wanted to watch
	Opened   int           // streams
	Full     int           // fans answered 204: the gateway has no more streams for them, they would poll
	Failed   int           // fans who got no stream for another reason
	Broken   int           // streams that ended before they were closed
	Events   int           // of all kinds
	Bytes    int64         // of all streams
	Watched  time.Duration // the sum over all streams
	FirstP99 time.Duration // from asking for a stream to its first event
	Silence  time.Duration // the longest without a byte
	Errors   []string      // a few, as examples
}

const maxErrors = 5

// BytesPerFanMinute is what one watching fan costs in a minute.
func (r Result) BytesPerFanMinute() float64 {
	if r.Watched == 0 {
		return 0
	}
	return float64(r.Bytes) / r.Watched.Minutes()
}

// Violations are the promises that were broken.
func (r Result) Violations() []string {
	var all []string
	add := func(n int, what string) {
		if n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(r.Failed, "fans who got no stream "+strings.Join(r.Errors, "; "))
	add(r.Broken, "streams that broke off")
	return all
}

// Watch lets everybody join and watch until ctx ends, and leave.
func (c Crowd) Watch(ctx context.Context) Result {
	transport := &http.Transport{MaxIdleConnsPerHost: 100, DisableCompression: true}
	defer transport.CloseIdleConnections()
	w := &watch{crowd: c, client: &http.Client{Transport: transport}}
	w.result.Fans = len(c.Tokens)
	var all sync.WaitGroup
	for i, token := range c.Tokens {
		all.Go(func() {
			pause(ctx, c.Arrive*time.Duration(i)/time.Duration(len(c.Tokens)))
			w.fan(ctx, token)
		})
	}
	all.Wait()
	return w.sum()
}

type watch struct {
	crowd  Crowd
	client *http.Client

	mu     sync.Mutex
	result Result
	firsts []time.Duration
}

func (w *watch) fan(ctx context.Context, token string) {
	if ctx.Err() != nil {
		return
	}
	place, err := w.join(ctx, token)
	if err == nil {
		err = w.follow(ctx, place)
		w.leave(context.WithoutCancel(ctx), place)
	}
	if err != nil && ctx.Err() == nil {
		w.note(func(r *Result) {
			if r.Failed++; len(r.Errors) < maxErrors {
				r.Errors = append(r.Errors, err.Error())
			}
		})
	}
}

func (w *watch) note(change func(*Result)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.result)
}

func (w *watch) join(ctx context.Context, token string) (string, error) {
	for {
		response, err := w.ask(ctx, http.MethodPost, "", http.Header{"Authorization": {"Bearer " + token}})
		if err != nil {
			return "", err
		}
		var place struct {
			PlaceToken string `json:"place_token"`
			Wait       int    `json:"retry_after_ms"`
		}
		err = json.NewDecoder(response.Body).Decode(&place)
		_ = response.Body.Close()
		switch {
		case err != nil:
			return "", fmt.Errorf("joining: %w", err)
		case response.StatusCode == http.StatusTooManyRequests && ctx.Err() == nil:
			pause(ctx, time.Duration(place.Wait)*time.Millisecond)
		case response.StatusCode >= 300:
			return "", fmt.Errorf("joining was answered %s", response.Status)
		default:
			return place.PlaceToken, nil
		}
	}
}

// leave gives the place back, so that nothing is left behind.
func (w *watch) leave(ctx context.Context, place string) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	response, err := w.ask(ctx, http.MethodDelete, "/me", http.Header{"Place-Token": {place}})
	if err == nil {
		_ = response.Body.Close()
	}
}

func (w *watch) ask(ctx context.Context, method, path string, header http.Header) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, w.crowd.BaseURL+"/v1/queues/"+w.crowd.SaleID+"/places"+path, nil)
	if err != nil {
		return nil, err
	}
	request.Header = header
	return w.client.Do(request)
}

// follow reads one stream to its end. An error means that there was none.
func (w *watch) follow(ctx context.Context, place string) error {
	asked := time.Now()
	response, err := w.ask(ctx, http.MethodGet, "/me/events", http.Header{"Cookie": {"place_" + w.crowd.SaleID + "=" + place}})
	if err != nil {
		return fmt.Errorf("opening a stream: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusNoContent {
		w.note(func(r *Result) { r.Full++ })
		return nil
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a stream was answered %s", response.Status)
	}
	s := reading{asked: asked, last: asked, begun: w.crowd.Begun}
	err = s.read(response.Body)
	w.note(func(r *Result) {
		r.Opened++
		r.Events += s.events
		r.Bytes += s.bytes
		r.Watched += time.Since(asked)
		r.Silence = max(r.Silence, s.silence)
		if ctx.Err() == nil && !errors.Is(err, context.Canceled) {
			r.Broken++
		}
		if s.events > 0 {
			w.firsts = append(w.firsts, s.first)
		}
	})
	return nil
}

// reading is one open stream.
type reading struct {
	asked, last    time.Time
	events         int
	bytes          int64
	first, silence time.Duration
	begun          func()
}

func (s *reading) read(body io.Reader) error {
	lines := bufio.NewReaderSize(body, 1024)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return err
		}
		now := time.Now()
		s.bytes += int64(len(line))
		s.silence = max(s.silence, now.Sub(s.last))
		s.last = now
		if strings.HasPrefix(string(line), "event:") {
			if s.events == 0 {
				s.first = now.Sub(s.asked)
				if s.begun != nil {
					s.begun()
				}
			}
			s.events++
		}
	}
}

func (w *watch) sum() Result {
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.Sort(w.firsts)
	if n := len(w.firsts); n > 0 {
		w.result.FirstP99 = w.firsts[(n-1)*99/100]
	}
	return w.result
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
