package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	var hundred []time.Duration
	for i := 1; i <= 100; i++ {
		hundred = append(hundred, time.Duration(i))
	}
	cases := []struct {
		sorted []time.Duration
		p      int
		want   time.Duration
	}{
		{nil, 99, 0}, {[]time.Duration{7}, 50, 7}, {[]time.Duration{7}, 99, 7}, {hundred, 50, 50}, {hundred, 99, 99}, {hundred, 100, 100},
		{[]time.Duration{1, 2, 3}, 50, 2}, {[]time.Duration{1, 2, 3}, 99, 3}, {[]time.Duration{1, 2, 3}, 0, 1},
	}
	for _, c := range cases {
		if got := percentile(c.sorted, c.p); got != c.want {
			t.Errorf("p%d of %d values: %d, want %d", c.p, len(c.sorted), got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{0: nil, 3: {3}, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		given := slices.Clone(values)
		if got := median(values); got != want || !slices.Equal(values, given) {
			t.Errorf("median of %v: %v, left %v", given, got, values)
		}
	}
}

func TestSampleOfCountsOnlyGoodAnswers(t *testing.T) {
	t.Parallel()
	s := sampleOf([]time.Duration{3 * time.Millisecond, time.Millisecond, 2 * time.Millisecond}, 4, 2*time.Second)
	if s.Count != 3 || s.Failed != 4 || s.PerSecond != 1.5 || s.P50 != 2*time.Millisecond || s.P99 != 3*time.Millisecond {
		t.Errorf("%+v", s)
	}
}

func TestRatioIsAMissBelowItsTargetOrWithFailures(t *testing.T) {
	t.Parallel()
	at := func(rate float64, failed int) []Sample {
		return []Sample{{PerSecond: rate, Failed: failed}, {PerSecond: rate * 3}, {PerSecond: 0}} // outliers on both sides
	}
	cases := []struct {
		ours, theirs []Sample
		hit          bool
		value        string
	}{
		{at(70, 0), at(100, 0), true, "0.70 ×"}, {at(69, 0), at(100, 0), false, "0.69 ×"}, {at(90, 1), at(100, 0), false, "0.90 ×"},
	}
	for _, c := range cases {
		if o := ratioOutcome("holds", 0.7, c.ours, c.theirs); o.Hit != c.hit || o.Value != c.value {
			t.Errorf("%v against %v: %+v", c.ours[0], c.theirs[0], o)
		}
	}
}

func TestALongTailIsAMissWhereTheTailCounts(t *testing.T) {
	t.Parallel()
	at := func(p99 time.Duration) []Sample { return []Sample{{PerSecond: 1, P99: p99}} }
	for p99, hit := range map[time.Duration]bool{5 * time.Millisecond: true, 6 * time.Millisecond: false} {
		if o := ratioOutcome("polls", 0.9, at(p99), at(p99)).tail(0.9, at(p99), at(5*time.Millisecond)); o.Hit != hit {
			t.Errorf("p99 %v against 5 ms: %+v", p99, o)
		}
	}
}

// paced is a line that is read four times a second for two minutes and lets fans in
// at a rate, with one change after a minute and a half.
func paced(perMinute, afterwards float64) []reading {
	start := time.Date(2026, 5, 1, 20, 0, 0, 0, time.UTC)
	var readings []reading
	entered := 1.0
	for i := range 600 {
		rate := perMinute
		if i >= 360 {
			rate = afterwards
		}
		readings = append(readings, reading{at: start.Add(time.Duration(i) * 250 * time.Millisecond), entered: int(entered)})
		entered += rate / 240
	}
	return readings
}

func TestWorstPaceFindsTheWorstMinute(t *testing.T) {
	t.Parallel()
	percent, fans, ok := worstPace(paced(1200, 1200), 1200)
	if !ok || !keepsPace(percent, fans) {
		t.Errorf("a steady line: %.2f %%, %.1f fans, %v", percent, fans, ok)
	}
	percent, fans, ok = worstPace(paced(1200, 600), 1200)
	if !ok || percent < 49 || percent > 51 || fans > -590 || keepsPace(percent, fans) {
		t.Errorf("a line that halves: %.2f %%, %.1f fans, %v", percent, fans, ok)
	}
	if _, _, ok := worstPace(paced(1200, 1200)[:300], 1200); ok {
		t.Error("75 seconds have no whole minute after the first thirty seconds")
	}
	if _, _, ok := worstPace([]reading{{}, {}}, 1200); ok {
		t.Error("nobody has entered, yet there is a pace")
	}
	if !keepsPace(90, -1) {
		t.Error("one fan of ten is allowed")
	}
}

func TestParseStat(t *testing.T) {
	t.Parallel()
	const line = "4242 (a (strange) name) S 77 4240 4240 0 -1 4194304 100 0 0 0 250 50 7 3 20 0 9 0 12345 1000 100"
	pid, parent, ticks, ok := parseStat(line)
	if !ok || pid != 4242 || parent != 77 || ticks != 310 {
		t.Errorf("pid %d, parent %d, ticks %v, %v", pid, parent, ticks, ok)
	}
	for _, text := range []string{"", "12", "12 (x) S 1 2", "x (x) S 1 77 4240 0 -1 4194304 100 0 0 0 250 50 7 3 20"} {
		if _, _, _, ok := parseStat(text); ok {
			t.Errorf("%q was read", text)
		}
	}
}

func TestNumbersAreReadable(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]float64{"0": 0, "7": 7, "1,234,567": 1_234_567.4, "12.3": 12.34, "0.72": 0.7249, "−1.50": -1.5, "312": 312.4} {
		if got := number(v); got != want {
			t.Errorf("%v is written %s, want %s", v, got, want)
		}
	}
}

func TestARunOfSomeRowsKeepsTheOthers(t *testing.T) {
	t.Parallel()
	ids := Rows()
	before, now := Run{Date: "before"}, Run{Date: "now"}
	old := Report{Results: []Result{{ID: ids[3], What: "old", Run: before}, {ID: ids[0], What: "old", Run: before}, {ID: "gone"}}}
	merged := Report{Results: []Result{{ID: ids[1], What: "new", Run: now}, {ID: ids[3], What: "new", Run: now}}}.Merge(old)
	var got []string
	for _, r := range merged.Results {
		got = append(got, r.ID+" "+r.What+" "+r.Run.Date)
	}
	if want := []string{ids[0] + " old before", ids[1] + " new now", ids[3] + " new now"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestEachRowTellsItsRun(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "results.json")
	whole := Run{Date: "2026-05-01 20:00 UTC", Command: "make bench", Project: "1111111", Versions: "go 1", Machine: "2 cores"}
	some := whole
	some.Date, some.Command, some.Project = "2026-05-02 08:00 UTC", "make bench ONLY=join", "2222222 and changes"
	report := Report{Results: []Result{
		{ID: "rank", What: "status poll", Run: whole}, {ID: "join", What: "join", Run: some},
		{ID: "mail", What: "mail", Run: whole}, {ID: "streams", What: "streams"},
	}}
	if err := report.Write(file); err != nil {
		t.Fatal(err)
	}
	read, err := ReadReport(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range read.Results {
		if r.Run != report.Results[i].Run {
			t.Errorf("%s: read %+v, written %+v", r.ID, r.Run, report.Results[i].Run)
		}
	}
	table := read.Table()
	for _, want := range []string{
		"| status poll | – |  | – | MISS |  | a |\n", "| join | – |  | – | MISS |  | b |\n", "| mail | – |  | – | MISS |  | a |\n", "| streams | – |  | – | MISS |  | c |\n",
		"- Run a: 2026-05-01 20:00 UTC, project 1111111, `make bench`. go 1. 2 cores.\n",
		"- Run b: 2026-05-02 08:00 UTC, project 2222222 and changes, `make bench ONLY=join`. go 1. 2 cores.\n", "- Run c: not recorded.\n",
	} {
		if strings.Count(table, want) != 1 {
			t.Errorf("not once %q in\n%s", want, table)
		}
	}
	if n := strings.Count(table, "- Run "); n != 3 {
		t.Errorf("%d runs in\n%s", n, table)
	}
}

func TestTheProjectIsTheCommitAndWhetherItChanged(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if got := project(t.Context(), filepath.Join(root, "nowhere")); got != "unknown" {
		t.Errorf("no repository: %q", got)
	}
	git := func(args ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{"-C", root, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	write := func(name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	git("init", "-q")
	write("service.go")
	git("add", "-A")
	git("commit", "-q", "--no-gpg-sign", "-m", "first")
	commit := git("rev-parse", "--short", "HEAD")
	write("loadtest/results.json")
	if got := project(t.Context(), root); got != commit {
		t.Errorf("only results changed: %q, want %q", got, commit)
	}
	write("other.go")
	if got := project(t.Context(), root); got != commit+" and changes" {
		t.Errorf("a file changed: %q, want %q and changes", got, commit)
	}
}

func TestTheTableTakesTheOldOnesPlaceAndNothingElse(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "RESULTS.md")
	if err := os.WriteFile(file, []byte("before\n"+tableBegins+"\nold\n"+tableEnds+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	report := Report{Results: []Result{
		{ID: "holds", What: "2-seat hold", Target: "≥ 0.7 ×", Outcome: Outcome{Value: "0.60 ×", Figures: []Figure{{"holds", 12_345, "/s"}, {"p99", 1.25, "ms"}}}},
		{ID: "mail", What: "mail", Target: "equal", Error: "no | answer\nat all"},
	}}
	for range 2 {
		if err := report.WriteTable(file); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"before\n" + tableBegins + "\n", tableEnds + "\nafter\n",
		"| 2-seat hold | – | ≥ 0.7 × | 0.60 × | MISS | holds 12,345/s; p99 1.25 ms | a |", "| mail | – | equal | – | FAILED | no / answer at all | a |",
	} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("not once %q in\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "\nold\n") {
		t.Error("the old table is still there")
	}
}

func TestRowsAreNamedOnceAndBounded(t *testing.T) {
	t.Parallel()
	total, seen := time.Duration(0), map[string]bool{}
	for _, r := range rows() {
		if seen[r.id] || r.what == "" || r.target == "" || r.limit <= 0 || r.measure == nil {
			t.Errorf("row %q is not as a row should be", r.id)
		}
		seen[r.id] = true
		total += r.limit
	}
	if total > time.Hour {
		t.Errorf("the rows may take %s", total)
	}
	if _, err := ParseRows("holds,nothing"); err == nil || !strings.Contains(err.Error(), "nothing") {
		t.Errorf("an unknown row: %v", err)
	}
}

func TestEachPairOfSeatsIsGivenOnce(t *testing.T) {
	t.Parallel()
	s := seatStock{seats: []string{"A-1", "A-2", "A-3", "A-4", "A-5"}}
	if first, second := s.pair(), s.pair(); !slices.Equal(first, []string{"A-1", "A-2"}) || !slices.Equal(second, []string{"A-3", "A-4"}) {
		t.Errorf("%v, %v", first, second)
	}
	if third := s.pair(); third != nil {
		t.Error("there is no third pair")
	}
}

func TestMailRoundsTakeTurnsAtGoingFirst(t *testing.T) {
	t.Parallel()
	rounds := mailRounds()
	places := map[int]int{} // delay → sum of the places of its rounds
	for place, delay := range rounds {
		places[delay] += place
	}
	if len(places) != 2 || places[0] != places[slowMailMillis] {
		t.Errorf("%v: a drift would weigh on one side more", rounds)
	}
}

func TestMailIsAHitWithinFivePercent(t *testing.T) {
	t.Parallel()
	all := func(millis int) []time.Duration {
		return slices.Repeat([]time.Duration{time.Duration(millis) * time.Millisecond}, 20)
	}
	for slow, hit := range map[int]bool{100: true, 104: true, 96: true, 106: false, 94: false} {
		o := mailOutcome(all(100), all(slow))
		if o.Hit != hit || o.Value != fmt.Sprintf("%+.1f %% (p50)", float64(slow-100)) {
			t.Errorf("%d ms against 100 ms: %+v", slow, o)
		}
	}
}
