//go:build faults

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/fairgate/fairgate/loadtest/prepare"
)

// door is the way into the system for many fans, who count what went wrong.
type door struct {
	front, provider string
	client          *http.Client

	mu       sync.Mutex
	asked    int
	failures map[string]int // step and what came instead of an answer → how often
}

func newDoor(front, provider string) *door {
	return &door{front: front, provider: provider, failures: map[string]int{}, client: &http.Client{
		Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 512, MaxIdleConns: 1024},
	}}
}

func (d *door) count(step string, status int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	switch {
	case err != nil:
		d.failures[step+" unanswered"]++
	case status >= http.StatusInternalServerError:
		d.failures[fmt.Sprintf("%s %d", step, status)]++
	}
}

func (d *door) failed() (asked int, failures map[string]int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	failures = map[string]int{}
	for what, n := range d.failures {
		failures[what] = n
	}
	return d.asked, failures
}

// fan is one person with a browser: asks again with the same Idempotency-Key when no
// answer comes, and never gives up before the deadline.
type fan struct {
	door     *door
	account  prepare.Account
	random   *rand.Rand
	sale     prepare.Sale
	deadline time.Time

	placeToken, pass string
	sessionEnds      time.Time
	keys             int
	seen             []standing // what the line said, when it changed
}

// standing is what the line says of a place.
type standing struct {
	N      uint64  `json:"n"`
	Key    *string `json:"key"`
	State  string  `json:"state"`
	Reason string  `json:"reason"`
	Ahead  *uint64 `json:"ahead"`

	PlaceToken  string `json:"place_token"`
	PollAfterMS int    `json:"poll_after_ms"`
}

// answer is what the system said.
type answer struct {
	status int
	body   []byte
}

func (a answer) read(into any) error { return json.Unmarshal(a.body, into) }

func (a answer) code() string {
	var problem struct{ Code string }
	_ = a.read(&problem)
	return problem.Code
}

func (a answer) retryAfter() time.Duration {
	var problem struct {
		RetryAfterMS int `json:"retry_after_ms"`
	}
	_ = a.read(&problem)
	return time.Duration(problem.RetryAfterMS) * time.Millisecond
}

// outOfTime is the end of a fan's patience.
type outOfTime struct{ step string }

func (e outOfTime) Error() string { return "no answer to " + e.step + " within the fan's patience" }

// newKey is an Idempotency-Key; the same one is sent until there is an answer.
func (f *fan) newKey() string {
	f.keys++
	return fmt.Sprintf("%s-%d-%d", f.account.AccountID, f.keys, f.random.Uint64())
}

// ask sends a request until it is answered by something else than a failure.
func (f *fan) ask(step, method, path string, body any, key string) (answer, error) {
	for try := 0; ; try++ {
		a, err := f.once(step, method, path, body, key)
		again := err != nil || a.status >= http.StatusInternalServerError || a.status == http.StatusTooManyRequests || a.code() == "idempotency_in_progress"
		if !again {
			return a, nil
		}
		wait := max(a.retryAfter(), min(100*time.Millisecond<<min(try, 5), 2*time.Second))
		if err := f.rest(step, wait); err != nil {
			return a, err
		}
	}
}

func (f *fan) once(step, method, path string, body any, key string) (answer, error) {
	var raw io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, err
		}
		raw = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, f.door.front+path, raw)
	if err != nil {
		return answer{}, err
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + f.account.AccessToken, "Content-Type": "application/json", "Place-Token": f.placeToken,
		"Entry-Pass": f.pass, "Idempotency-Key": key, "Prefer": preferOf(step),
	} {
		if value != "" {
			request.Header.Set(name, value)
		}
	}
	response, err := f.door.client.Do(request)
	if err != nil {
		f.door.count(step, 0, err)
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	f.door.count(step, response.StatusCode, err)
	return answer{response.StatusCode, text}, err
}

func preferOf(step string) string {
	if step == "confirm" {
		return "wait=10"
	}
	return ""
}

// rest waits about d.
func (f *fan) rest(step string, d time.Duration) error {
	if time.Now().After(f.deadline) {
		return outOfTime{step}
	}
	time.Sleep(time.Duration(float64(d) * (0.7 + 0.6*f.random.Float64())))
	return nil
}

// unclear is an answer that no fan would understand.
func unclear(step string, a answer) error {
	return fmt.Errorf("%s was answered %d %.300s", step, a.status, a.body)
}

// join takes a place in the line.
func (f *fan) join() error {
	a, err := f.ask("join", http.MethodPost, "/v1/queues/"+f.sale.SaleID+"/places", struct{}{}, "")
	if err != nil {
		return err
	}
	if a.status != http.StatusOK && a.status != http.StatusCreated {
		return unclear("join", a)
	}
	var place standing
	if err := a.read(&place); err != nil {
		return err
	}
	f.placeToken = place.PlaceToken
	f.note(place)
	return nil
}

// look asks where the place stands.
func (f *fan) look() (standing, error) {
	a, err := f.ask("status", http.MethodGet, "/v1/queues/"+f.sale.SaleID+"/places/me", nil, "")
	if err != nil {
		return standing{}, err
	}
	if a.status != http.StatusOK {
		return standing{}, unclear("status", a)
	}
	var place standing
	if err := a.read(&place); err != nil {
		return standing{}, err
	}
	f.note(place)
	return place, nil
}

// note remembers what the line said, if it is new.
func (f *fan) note(place standing) {
	if n := len(f.seen); n > 0 && place.N == f.seen[n-1].N && text(place.Key) == text(f.seen[n-1].Key) && place.State == f.seen[n-1].State {
		f.seen[n-1] = place
		return
	}
	f.seen = append(f.seen, place)
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
