//go:build faults

package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fairgate/fairgate/loadtest/prepare"
)

// TestTheWaitingPageStaysCalm watches the page of a fan who waits while Redis is away,
// then both APIs, then one gateway: no error, no reload, the place is kept.
func TestTheWaitingPageStaysCalm(t *testing.T) {
	n := openNight(t, size{seats: 30, ratePerMinute: 600})
	fan := openPage(t, n.waiting[0].sale.SaleID)

	site.stop(t, "redis")
	fan.watch(t, 10*time.Second, "redis-away")
	site.start(t, "redis")

	site.crash(t, "booking-api-1")
	site.crash(t, "booking-api-2")
	eventually(t, "both gateways pause the line", time.Minute, func() bool { return site.isPaused(n.waiting[0].sale.SaleID) })
	fan.watch(t, 8*time.Second, "apis-away")
	site.start(t, "booking-api-1")
	site.start(t, "booking-api-2")

	site.crash(t, "queue-gateway-1")
	fan.watch(t, 5*time.Second, "one-gateway-away")
	site.start(t, "queue-gateway-1")

	n.nowHealthy()
	did := fan.leave(t)
	for _, violation := range judgePage(did) {
		t.Error(violation)
	}
	if !slices.Contains(did.Screens, "paused") {
		t.Errorf("without the booking API the page showed only %v", did.Screens)
	}
	n.report(fmt.Sprintf("a browser showed the screens %v, %d navigations", slices.Compact(did.Screens), did.Navigations))
	n.finish()
}

// isPaused reports whether every gateway shows the line as paused.
func (s *system) isPaused(sale string) bool {
	for _, gateway := range s.ports().Instances {
		var line struct{ State string }
		if err := fetch(url(gateway.Gateway, "/v1/queues/"+sale), &line); err != nil || line.State != "paused" {
			return false
		}
	}
	return true
}

// conduct is what the page did while it was watched.
type conduct struct {
	Screens     []string // one after the other
	Navigations int
	Faults      []string // of its scripts
}

// judgePage wants nothing but the calm screens of somebody who waits.
func judgePage(did conduct) []string {
	var violations []string
	for _, screen := range did.Screens {
		if !slices.Contains([]string{"waiting", "nearly", "offline", "paused"}, screen) {
			violations = append(violations, "the page showed "+screen)
		}
	}
	if len(did.Screens) == 0 {
		violations = append(violations, "the page showed nothing")
	}
	if did.Navigations > 0 {
		violations = append(violations, fmt.Sprintf("the page loaded %d times again", did.Navigations))
	}
	for _, fault := range did.Faults {
		violations = append(violations, "the page's scripts: "+fault)
	}
	return violations
}

func TestPlantedPageViolationsAreFound(t *testing.T) {
	expect(t, "calm", judgePage(conduct{Screens: []string{"waiting", "offline", "waiting"}}), "")
	expect(t, "an error", judgePage(conduct{Screens: []string{"waiting", "error"}}), "showed error")
	expect(t, "a place gone", judgePage(conduct{Screens: []string{"waiting", "lapsed"}}), "showed lapsed")
	expect(t, "a reload", judgePage(conduct{Screens: []string{"waiting"}, Navigations: 1}), "1 times again")
	expect(t, "a script that fails", judgePage(conduct{Screens: []string{"waiting"}, Faults: []string{"TypeError"}}), "TypeError")
	expect(t, "nothing", judgePage(conduct{}), "nothing")
}

// page is a browser that waits in a line.
type page struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// openPage lets a new fan join the line and returns when the page shows the wait.
func openPage(t *testing.T, sale string) *page {
	t.Helper()
	accounts, err := prepare.API{BaseURL: site.front()}.Accounts(t.Context(), 1, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	const longest = 3 * time.Minute
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	cmd := exec.CommandContext(ctx, "node", "tests/faults/calm.js")
	kill := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // the browser is a grandchild
	cmd.Cancel = kill
	cmd.Dir, cmd.Stderr = filepath.Join(site.Root, "deploy", "e2e"), os.Stderr
	cmd.Env = append(os.Environ(), "SITE="+site.front(), "SALE="+sale, "EMAIL="+accounts[0].Email, "PASSWORD="+accounts[0].Password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var p page
	if p.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = kill()
		_ = cmd.Wait()
		cancel()
	})
	if line, err := p.out.ReadString('\n'); strings.TrimSpace(line) != "waiting" {
		t.Fatalf("the page does not wait: %q %v", line, err)
	}
	return &p
}

// watch leaves the page alone for d and takes a picture.
func (p *page) watch(t *testing.T, d time.Duration, name string) {
	t.Helper()
	time.Sleep(d)
	if _, err := fmt.Fprintln(p.in, name); err != nil {
		t.Error(err)
	}
}

// leave waits until the page shows the wait again and returns what it did.
func (p *page) leave(t *testing.T) conduct {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, "over"); err != nil {
		t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("the page did not come back: %v", err)
	}
	var did conduct
	if err := json.Unmarshal(line, &did); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return did
}
