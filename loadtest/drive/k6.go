package drive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fairgate/fairgate/loadtest/prepare"
)

const (
	thresholdsFailed = 99               // k6's exit code
	k6Grace          = 30 * time.Second // to write its summary after an interrupt
	faultsShown      = 20               // lines of k6's complaints; the log has all
)

// job is everything that one run of k6 needs.
type job struct {
	set      Settings
	of       scenario
	id       string
	sale     prepare.Sale
	accounts string // file
	summary  string // file that k6 writes
	log      string // file for its complaints
	address  string // of its own interface
	remote   bool   // write its metrics to Prometheus
}

func (j job) args() []string {
	args := []string{"run", "--quiet", "--no-usage-report", "--address", j.address, "--tag", "scenario=" + j.of.name, "--tag", "run=" + j.id}
	if j.remote {
		args = append(args, "--out", "experimental-prometheus-rw")
	}
	return append(args, j.of.file)
}

func (j job) environ() []string {
	s := j.set
	decimal := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	environ := slices.Concat(os.Environ(), []string{
		"FANS=" + strconv.Itoa(s.Fans), "SEATS=" + strconv.Itoa(s.Seats), "RATE=" + decimal(s.Rate), "CANCEL=" + decimal(s.Cancel),
		"SECONDS=" + decimal(s.Duration.Seconds()), "ARRIVE=" + decimal(s.Arrive.Seconds()), "PATIENCE=" + decimal(s.Patience.Seconds()),
		"P99=" + strconv.FormatInt(s.P99.Milliseconds(), 10),
		"BASE_URL=" + s.BaseURL, "PROVIDER_URL=" + s.ProviderURL,
		"SALE=" + j.sale.SaleID, "SHOWTIME=" + j.sale.ShowtimeID, "QUEUED=" + strconv.FormatBool(j.sale.Queued),
		"ACCOUNTS=" + j.accounts, "SUMMARY=" + j.summary,
	})
	if j.remote {
		environ = append(environ,
			"K6_PROMETHEUS_RW_SERVER_URL="+s.PrometheusURL+remoteWrite, "K6_PROMETHEUS_RW_PUSH_INTERVAL=2s",
			"K6_PROMETHEUS_RW_TREND_STATS=p(50),p(95),p(99),max", "K6_PROMETHEUS_RW_STALE_MARKERS=true")
	}
	return environ
}

// run runs k6 to its end; when ctx ends, k6 stops early and still sums up.
func (j job) run(ctx context.Context, k6 string, out io.Writer) error {
	log, err := os.Create(j.log)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	command := exec.CommandContext(ctx, k6, j.args()...)
	command.Env, command.Stdout = j.environ(), out
	// A group of its own: Ctrl-C in a terminal goes to the whole group, and k6
	// takes a second interrupt for impatience and leaves no summary.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = k6Grace
	complaints, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("starting k6: %w", err)
	}
	told := tellFaults(complaints, log, out)
	err = command.Wait()
	if told == 0 && err == nil {
		_ = os.Remove(j.log)
	}
	return err
}

// tellFaults copies k6's complaints to the log, shows the first of them and returns
// how many lines there were.
func tellFaults(from io.Reader, log, out io.Writer) (told int) {
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		_, _ = io.WriteString(log, line)
		if line != "" && !strings.Contains(line, "thresholds on metrics") { // the verdict tells those
			switch told++; {
			case told <= faultsShown:
				_, _ = fmt.Fprintf(out, "\n  %s\n", strings.TrimRight(line, "\n"))
			case told == faultsShown+1:
				_, _ = fmt.Fprintln(out, "  … more in the log")
			}
		}
		if err != nil {
			return told
		}
	}
}

// missedThresholds reports whether k6 ran to its end and only missed a threshold.
func missedThresholds(err error) bool {
	var exit *exec.ExitError
	return errors.As(err, &exit) && exit.ExitCode() == thresholdsFailed
}

const remoteWrite = "/api/v1/write"

// takesRemoteWrites reports whether a Prometheus answers there whose receiver for
// remote writes is on: then it objects to an empty write, else it knows no such path.
func takesRemoteWrites(ctx context.Context, prometheus string) bool {
	if prometheus == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, prometheus+remoteWrite, http.NoBody)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode != http.StatusNotFound && response.StatusCode != http.StatusMethodNotAllowed
}

// freeAddress returns an address that nobody listened on a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

// absolute returns where a file is from any working folder; k6 reads names from
// its script's folder.
func absolute(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	return filepath.Abs(file)
}
