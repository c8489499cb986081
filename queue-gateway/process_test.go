package queuegateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// fleet is three gateway processes on one Redis.
type fleet struct {
	*world
	gateways []*gateway    // only base is set
	stay     time.Duration // of a fan who has entered; 0: until the session ends
}

func newFleet(t *testing.T, change func(*queue.Policy)) *fleet {
	t.Helper()
	f := &fleet{world: newWorld(t)}
	addr := f.ownRedis()
	f.line(sale, func(p *queue.Policy) {
		p.Identity = queue.ByBrowser
		change(p)
	})
	binary := filepath.Join(t.TempDir(), "queue-gateway")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/queue-gateway").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for range 3 {
		base, environ := f.environment()
		command := exec.Command(binary)
		command.Env = append(os.Environ(), append(environ, "REDIS_ADDRS="+addr)...)
		command.Stderr = os.Stderr
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { stopProcess(t, command) })
		g := &gateway{t: t, base: base}
		eventually(t, "a process serves the line", func() bool {
			response, err := http.Get(base + linePath)
			if err != nil {
				return false
			}
			_ = response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
		f.gateways = append(f.gateways, g)
	}
	return f
}

// stopProcess ends a gateway as an operator would, and expects it to end well.
func stopProcess(t *testing.T, command *exec.Cmd) {
	_ = command.Process.Signal(syscall.SIGTERM)
	killed := time.AfterFunc(15*time.Second, func() { _ = command.Process.Kill() })
	defer killed.Stop()
	if err := command.Wait(); err != nil {
		t.Errorf("a gateway ended with %v", err)
	}
}

// crowd joins count fans over all gateways and returns their places.
func (f *fleet) crowd(count int) []queue.PlaceRef {
	f.t.Helper()
	refs := make([]queue.PlaceRef, count)
	var group sync.WaitGroup
	for worker := range 12 {
		group.Go(func() {
			for i := worker; i < count; i += 12 {
				a := call(f.t, "POST", f.gateways[i%3].base+linePath+"/places", "")
				if a.StatusCode != http.StatusCreated {
					f.t.Errorf("join: %d %s", a.StatusCode, a.text)
					return
				}
				ref, err := f.tokens.Verify(a.json["place_token"].(string), sale)
				if err != nil {
					f.t.Error(err)
					return
				}
				refs[i] = ref
			}
		})
	}
	group.Wait()
	return refs
}

// tally is what the fans of a run saw.
type tally struct {
	mu      sync.Mutex
	entered []time.Time
	twice   int // fans who were given a second turn
	faults  []error
}

// fan follows one place until it has entered (or lets its turn pass, for a
// no-show), asking another gateway each time.
func (f *fleet) fan(ctx context.Context, ref queue.PlaceRef, shows bool, t *tally) {
	token, err := f.tokens.Mint(ref)
	if err != nil {
		t.fault(err)
		return
	}
	turns := 0
	for wasOffered := false; ctx.Err() == nil; {
		at := f.gateways[rand.IntN(3)].base + placePath
		me, err := ask(ctx, "GET", at, token)
		if err != nil {
			t.fault(err)
			return
		}
		offered := me == "offered"
		if offered && !wasOffered {
			turns++
		}
		wasOffered = wasOffered || offered
		if offered && shows {
			status, err := ask(ctx, "POST", at+"/entry", token)
			if err != nil {
				t.fault(err)
				return
			}
			if status == "200" {
				me = "active"
			}
		}
		if me == "active" {
			t.enter(turns)
			f.leaveLater(ctx, at, token, t)
			return
		}
		pause(ctx, time.Duration(400+rand.IntN(200))*time.Millisecond)
	}
}

func (f *fleet) leaveLater(ctx context.Context, at, token string, t *tally) {
	if f.stay == 0 {
		return
	}
	pause(ctx, f.stay)
	if _, err := ask(ctx, "DELETE", at, token); err != nil {
		t.fault(err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func (t *tally) enter(turns int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entered = append(t.entered, time.Now())
	if turns > 1 {
		t.twice++
	}
}

func (t *tally) fault(err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, err)
}

var fleetClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: 20 * time.Second}

// ask returns the state in an answer to GET, the status of any other.
func ask(ctx context.Context, method, url, token string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("Place-Token", token)
	response, err := fleetClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	if method != http.MethodGet {
		if response.StatusCode >= 300 && response.StatusCode != 409 && response.StatusCode != 410 {
			return "", fmt.Errorf("%s %s: %s", method, url, response.Status)
		}
		return fmt.Sprint(response.StatusCode), nil
	}
	return stateOf(response)
}

func stateOf(response *http.Response) (string, error) {
	var body struct {
		State string `json:"state"`
		Code  string `json:"code"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("places/me: %s %s", response.Status, body.Code)
	}
	return body.State, nil
}

// watch reads the line's own figures ten times a second: entries with the time
// Redis says, and the most sessions seen at once.
func (f *fleet) watch(ctx context.Context, t *testing.T) (samples []sample, most uint64) {
	for ctx.Err() == nil {
		snapshot, err := f.store.Snapshot(ctx, sale)
		if err == nil {
			samples = append(samples, sample{snapshot.At, snapshot.Figures.Entered})
			most = max(most, snapshot.Figures.Active)
		} else if ctx.Err() == nil {
			t.Errorf("snapshot: %v", err)
		}
		pause(ctx, 100*time.Millisecond)
	}
	return samples, most
}

type sample struct {
	at      time.Time
	entered uint64
}

// between returns how many entered from the first sample at or after from to the
// last before to, and the seconds between the two.
func between(samples []sample, from, to time.Time) (entered, seconds float64) {
	var first, last *sample
	for i := range samples {
		s := &samples[i]
		if s.at.Before(from) || s.at.After(to) {
			continue
		}
		if first == nil {
			first = s
		}
		last = s
	}
	if first == nil {
		return 0, 0
	}
	return float64(last.entered - first.entered), last.at.Sub(first.at).Seconds()
}

func (f *fleet) open() {
	f.t.Helper()
	if _, err := f.store.Act(context.Background(), sale, queue.VerbResume); err != nil {
		f.t.Fatal(err)
	}
}

// run opens the line to a crowd for d and returns what was seen.
func (f *fleet) run(crowd int, noShows float64, d time.Duration) (*tally, []sample, uint64) {
	f.t.Helper()
	refs := f.crowd(crowd)
	f.open()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	seen := &tally{}
	var fans sync.WaitGroup
	for _, ref := range refs {
		shows := rand.Float64() >= noShows
		fans.Go(func() { f.fan(ctx, ref, shows, seen) })
	}
	samples, most := f.watch(ctx, f.t)
	fans.Wait()
	for _, err := range seen.faults {
		f.t.Error(err)
	}
	return seen, samples, most
}

func TestThreeProcessesAdmitAsFastAsOneAndNobodyTwice(t *testing.T) {
	f := newFleet(t, func(p *queue.Policy) { p.State, p.RatePerMinute, p.Capacity = queue.Paused, 600, 1000 })
	seen, samples, _ := f.run(250, 0, 16*time.Second)
	last := samples[len(samples)-1].at
	entered, seconds := between(samples, last.Add(-6*time.Second), last)
	t.Logf("%.0f entered in %.2f s, set 10 a second", entered, seconds)
	// One fan at each end of the window, and the 300 ms that a tick may lag.
	if want := seconds * 10; entered < want-5 || entered > want+5 {
		t.Errorf("%.0f entered in %.2f s, want %.0f", entered, seconds, want)
	}
	if seen.twice > 0 || len(seen.entered) == 0 {
		t.Errorf("%d of %d had two turns", seen.twice, len(seen.entered))
	}
}

func TestThreeProcessesNeverExceedTheCapacity(t *testing.T) {
	f := newFleet(t, func(p *queue.Policy) { p.State, p.RatePerMinute, p.Capacity = queue.Paused, 6000, 7 })
	f.stay = time.Second
	seen, _, most := f.run(150, 0, 16*time.Second)
	t.Logf("at most %d at once, %d entered", most, len(seen.entered))
	if most > 7 {
		t.Errorf("%d sessions at once, the capacity is 7", most)
	}
	if len(seen.entered) < 21 {
		t.Errorf("only %d entered: slots are not used again", len(seen.entered))
	}
	if seen.twice > 0 {
		t.Errorf("%d had two turns", seen.twice)
	}
}

func TestThreeProcessesMakeUpForNoShows(t *testing.T) {
	f := newFleet(t, func(p *queue.Policy) {
		p.State, p.RatePerMinute, p.Capacity = queue.Paused, 600, 1000
		p.ClaimSeconds = 6 // shorter than operators may set: what lapses is learnt from within the run
	})
	_, samples, _ := f.run(350, 0.3, 20*time.Second)
	last := samples[len(samples)-1].at
	entered, seconds := between(samples, last.Add(-6*time.Second), last)
	t.Logf("%.0f entered in %.2f s with 30 %% no-shows, set 10 a second", entered, seconds)
	if want := seconds * 10; entered < 0.85*want-3 || entered > want+5 {
		t.Errorf("%.0f entered in %.2f s, want about %.0f", entered, seconds, want)
	}
}
