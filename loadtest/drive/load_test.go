//go:build load

package drive_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fairgate/fairgate/loadtest/drive"
	"github.com/fairgate/fairgate/loadtest/prepare"
)

// small are settings against the system that "make test-load" started. Its
// thresholds are wide: what is tested is that the scenarios work, on any machine.
func small(t *testing.T, scenario string) drive.Settings {
	t.Helper()
	base, err := strconv.Atoi(os.Getenv("LOAD_PORT_BASE"))
	if err != nil || os.Getenv("K6") == "" {
		t.Fatal("LOAD_PORT_BASE and K6 are not set: run the tests with 'make test-load'")
	}
	s := drive.Unset()
	s.LocalSystem(base)
	s.Scenario, s.Dir, s.K6, s.Out = scenario, "..", os.Getenv("K6"), t.TempDir()
	s.Fans, s.Arrive, s.P99 = 20, time.Second, time.Minute
	return s
}

// pass runs to a verdict that is all clear and returns it with what was printed.
func pass(t *testing.T, s drive.Settings) (drive.Verdict, string) {
	t.Helper()
	var out strings.Builder
	v, err := drive.Run(t.Context(), s, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if v.ExitCode() != 0 {
		t.Fatalf("%+v\n%s", v, &out)
	}
	if info, err := os.Stat(v.Report); err != nil || info.Size() < 5_000 {
		t.Errorf("the report: %v, %v", info, err)
	}
	return v, out.String()
}

func TestEveryScenarioRunsWithoutAViolation(t *testing.T) {
	tests := []struct {
		scenario string
		size     func(*drive.Settings)
		checked  []string // parts of the lines of what was checked
	}{
		{"flash_sale", func(s *drive.Settings) { s.Seats = 6 }, []string{"20 came", "6 seats in", "₩300,000 captured"}},
		{"seat_contention", func(s *drive.Settings) { s.Seats = 2 }, []string{"20 came", "2 seats in 2 bookings", "₩100,000 captured"}},
		{"status_poll", func(s *drive.Settings) { s.Streams, s.Duration, s.Rate = 10, 4*time.Second, 20 }, []string{"10 of 10 open to the end", "0 seats"}},
		{"spike", func(s *drive.Settings) { s.Duration = 3 * time.Second }, []string{"20 came", "0 seats"}},
		{"soak", func(s *drive.Settings) { s.Fans, s.Duration, s.Rate = -1, 6*time.Second, 2 }, []string{"the database", "the provider"}},
		{"browse", func(s *drive.Settings) { s.Duration, s.Rate = 4*time.Second, 40 }, []string{"20 came"}},
	}
	for _, test := range tests {
		t.Run(test.scenario, func(t *testing.T) {
			s := small(t, test.scenario)
			test.size(&s)
			v, out := pass(t, s)
			checked := strings.Join(v.Checked, "\n")
			for _, part := range test.checked {
				if !strings.Contains(checked, part) {
					t.Errorf("checked\n%s\nwithout %q; the run:\n%s", checked, part, out)
				}
			}
			if len(v.NotChecked) > 0 {
				t.Errorf("not checked: %q", v.NotChecked)
			}
		})
	}
}

// The example of README.md must work as it stands there.
func TestTheExampleOfTheManualRuns(t *testing.T) {
	manual, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(manual), "```js\n")
	example, _, ended := strings.Cut(rest, "```\n")
	if !found || !ended {
		t.Fatal("README.md has no example")
	}
	dir := t.TempDir()
	library, err := filepath.Abs("../lib")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(library, filepath.Join(dir, "lib")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "scenarios", "families.js")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	s := small(t, file)
	s.Seats = 200
	v, _ := pass(t, s)
	if !strings.HasPrefix(filepath.Base(v.Report), "families-") {
		t.Errorf("the report is %s", v.Report)
	}
}

// A deployment that makes no accounts and sales, and whose money and database
// nobody may see.
func TestAnotherDeployment(t *testing.T) {
	s := small(t, "flash_sale")
	api := prepare.API{BaseURL: s.BaseURL}
	sale, err := api.Sale(t.Context(), prepare.SaleOptions{Seats: 100, Queued: true, Capacity: 50, RatePerMinute: 6_000, SessionSeconds: 300, MaxSeatsPerAccount: 4, Price: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	if err := api.LineOpen(t.Context(), sale.SaleID, 30*time.Second); err != nil {
		t.Fatal(err)
	}
	accounts, err := api.Accounts(t.Context(), 25, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	s.Tokens = filepath.Join(t.TempDir(), "accounts.csv")
	writeAccounts(t, s.Tokens, accounts)
	s.Sale, s.ProviderURL, s.PostgresURL, s.PrometheusURL, s.MetricsURLs = sale.SaleID, "", "", "", nil
	v, out := pass(t, s)
	if len(v.NotChecked) != 2 || !strings.Contains(out, "fans unpaid") {
		t.Errorf("not checked: %q; the run:\n%s", v.NotChecked, out)
	}
}

// writeAccounts gives the first account no token, so that it has to log in.
func writeAccounts(t *testing.T, name string, accounts []prepare.Account) {
	t.Helper()
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(file)
	_ = w.Write([]string{"email", "password", "access_token"})
	for i, a := range accounts {
		if i == 0 {
			a.AccessToken = ""
		}
		_ = w.Write([]string{a.Email, a.Password, a.AccessToken})
	}
	w.Flush()
	if err := w.Error(); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}
