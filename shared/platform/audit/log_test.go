package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/platform/audit"
	"github.com/fairgate/fairgate/shared/platform/backendtest/pgtest"
	"github.com/fairgate/fairgate/shared/platform/logging"
)

const horizon = ` AND tx < pg_snapshot_xmin(pg_current_snapshot())`

// ledger reads the ledger's rows under a condition, as sources do.
func ledger(condition string) audit.Source {
	return func(ctx context.Context, tx pgx.Tx, after audit.Position, limit int) ([]audit.Line, error) {
		rows, err := tx.Query(ctx, `SELECT tx::text, id, at FROM ledger WHERE (tx, id) > ($1::text::xid8, $2)`+condition+` ORDER BY tx, id LIMIT $3`,
			strconv.FormatUint(after.Tx, 10), after.ID, limit)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, func(row pgx.CollectableRow) (audit.Line, error) {
			l := audit.Line{Kind: "booking"}
			var transaction string
			if err := row.Scan(&transaction, &l.ID, &l.At); err != nil {
				return l, err
			}
			l.Text = fmt.Appendf(nil, `{"id":%d}`, l.ID)
			l.Tx, err = strconv.ParseUint(transaction, 10, 64)
			return l, err
		})
	}
}

func newLog(pool *pgxpool.Pool, folder string, change func(*audit.Options)) *audit.Log {
	o := audit.Options{
		DB: pool, Source: ledger(horizon), Cursor: "ledger", Folder: audit.Folder{Path: folder, Retention: time.Hour},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&o)
	}
	return audit.New(o)
}

type execer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// enter writes a row into the ledger and returns its id.
func enter(t *testing.T, db execer) (id int64) {
	t.Helper()
	const q = `INSERT INTO ledger (booking_id, entry) VALUES ('bkg-1', 'booking') RETURNING id`
	if err := db.QueryRow(context.Background(), q).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// written counts the lines of each id in a folder's files. What follows the last
// newline may be on its way.
func written(t *testing.T, folder string) map[int64]int {
	t.Helper()
	counts := map[int64]int{}
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		all := content(t, name)
		for text := range strings.Lines(all[:strings.LastIndex(all, "\n")+1]) {
			var l struct{ ID int64 }
			if err := json.Unmarshal([]byte(text), &l); err != nil || l.ID == 0 {
				t.Fatalf("%s holds %q: %v", name, text, err)
			}
			counts[l.ID]++
		}
	}
	return counts
}

// writeUntil calls Write until each of the ids has its line: other databases of the
// server may hold the horizon back for a moment.
func writeUntil(t *testing.T, log *audit.Log, folder string, ids ...int64) map[int64]int {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		if _, err := log.Write(context.Background()); err != nil {
			t.Fatal(err)
		}
		counts, missing := written(t, folder), 0
		for _, id := range ids {
			if counts[id] == 0 {
				missing++
			}
		}
		if missing == 0 {
			return counts
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d lines are missing", missing, len(ids))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// overtaken lets a transaction commit only after a later one was there to be written,
// and returns the ids of both.
func overtaken(t *testing.T, log *audit.Log, pool *pgxpool.Pool) (early, late int64) {
	t.Helper()
	ctx := context.Background()
	slow, err := pool.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	early = enter(t, slow)
	late = enter(t, pool)
	if _, err := log.Write(ctx); err != nil {
		t.Fatal(err)
	}
	if err := slow.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return early, late
}

func TestALateCommitIsNotOverlooked(t *testing.T) {
	t.Parallel()
	pool, folder := pgtest.Pool(t), t.TempDir()
	log := newLog(pool, folder, nil)
	early, late := overtaken(t, log, pool)
	counts := writeUntil(t, log, folder, early, late)
	if counts[early] != 1 || counts[late] != 1 {
		t.Errorf("lines %v", counts)
	}
}

// The twin: without the horizon the cursor passes what is not committed yet.
func TestWithoutTheHorizonALateCommitIsLost(t *testing.T) {
	t.Parallel()
	pool, folder := pgtest.Pool(t), t.TempDir()
	log := newLog(pool, folder, func(o *audit.Options) { o.Source = ledger("") })
	early, late := overtaken(t, log, pool)
	counts := writeUntil(t, log, folder, late)
	if counts[early] != 0 {
		t.Error("nothing was lost: the test above proves nothing")
	}
}

// crashing loses every commit, as a kill between file and cursor does.
type crashing struct{ *pgxpool.Pool }

type crashed struct{ pgx.Tx }

var errKilled = errors.New("killed")

func (c crashing) Begin(ctx context.Context) (pgx.Tx, error) {
	tx, err := c.Pool.Begin(ctx)
	return crashed{tx}, err
}

func (c crashed) Commit(context.Context) error { return errKilled }

func TestAfterACrashTheSameLinesComeAgain(t *testing.T) {
	t.Parallel()
	pool, folder := pgtest.Pool(t), t.TempDir()
	first := enter(t, pool)
	dying := newLog(pool, folder, func(o *audit.Options) { o.DB = crashing{pool} })
	for len(written(t, folder)) == 0 {
		if _, err := dying.Write(context.Background()); err != nil && !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	second := enter(t, pool)
	counts := writeUntil(t, newLog(pool, folder, nil), folder, first, second)
	if counts[first] != 2 || counts[second] != 1 {
		t.Errorf("lines of each id: %v; want the first twice, the second once", counts)
	}
}

func TestAFolderThatTakesNothingLosesNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	pool, folder, metrics := pgtest.Pool(t), filepath.Join(t.TempDir(), "audit"), prometheus.NewRegistry()
	if err := os.WriteFile(folder, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	log := newLog(pool, folder, func(o *audit.Options) { o.Log, o.Metrics = logging.New(&out, "x", "info"), metrics })
	id := enter(t, pool)
	failures := 0
	for deadline := time.Now().Add(time.Minute); failures < 3 && time.Now().Before(deadline); {
		tally, err := log.Write(context.Background())
		if err != nil || tally.Done != 0 || tally.Selected != tally.Failed {
			t.Fatalf("tally %+v, %v", tally, err)
		}
		failures += tally.Failed
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
	if counts := writeUntil(t, log, folder, id); counts[id] != 1 {
		t.Errorf("lines %v", counts)
	}
	if n := strings.Count(out.String(), "cannot be written"); n != 1 || !strings.Contains(out.String(), "written again") {
		t.Errorf("said %d times:\n%s", n, out.String())
	}
	if got := counter(t, metrics, "fairgate_audit_failures_total"); got != 3 {
		t.Errorf("%v failures counted, want 3", got)
	}
}

func counter(t *testing.T, metrics *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}

// A full disk takes some of the bytes; none of them may stay.
func TestAFullDiskLeavesWholeLines(t *testing.T) {
	t.Parallel()
	folder := audit.Folder{Path: t.TempDir()}
	if err := os.Symlink("/dev/full", filepath.Join(folder.Path, "booking-2026-11-21.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := folder.Append([]audit.Line{line("booking", "2026-11-21T01:00:00Z", `{"id":1}`)}); err == nil {
		t.Error("a full disk took a line")
	}
}

func TestACursorOfAnotherServerIsRefused(t *testing.T) {
	t.Parallel()
	pool := pgtest.Pool(t)
	if _, err := pool.Exec(context.Background(), `UPDATE audit_cursor SET tx = '9000000000000000'`); err != nil {
		t.Fatal(err)
	}
	if _, err := newLog(pool, t.TempDir(), nil).Write(context.Background()); err == nil || !strings.Contains(err.Error(), "dump") {
		t.Errorf("got %v", err)
	}
}

// The environment of a writer in a process of its own.
const envDatabase, envFolder = "AUDIT_TEST_DATABASE", "AUDIT_TEST_FOLDER"

// TestWriterProcess is what the processes of the next test run; by itself it has
// nothing to do.
func TestWriterProcess(t *testing.T) {
	t.Parallel()
	url := os.Getenv(envDatabase)
	if url == "" {
		return
	}
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	log := newLog(pool, os.Getenv(envFolder), nil)
	for {
		if _, err := log.Write(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

func writer(t *testing.T, url, folder string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestWriterProcess$")
	cmd.Env = append(os.Environ(), envDatabase+"="+url, envFolder+"="+folder)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// Three processes write to one folder and each is killed again and again, while rows
// come in: at the end every row has its line, every line is whole, and what is there
// twice was written by one that was killed.
func TestKilledWritersLeaveNoGap(t *testing.T) {
	t.Parallel()
	url, folder := pgtest.URL(t), t.TempDir()
	pool, err := pgxpool.New(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	const rounds, perRound = 6, 150
	var ids []int64
	writers := []*exec.Cmd{writer(t, url, folder), writer(t, url, folder), writer(t, url, folder)}
	for round := range rounds {
		for range perRound {
			ids = append(ids, enter(t, pool))
		}
		before := len(written(t, folder))
		for deadline := time.Now().Add(time.Minute); len(written(t, folder)) == before && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		victim := round % len(writers)
		_ = writers[victim].Process.Kill() // SIGKILL
		_ = writers[victim].Wait()
		writers[victim] = writer(t, url, folder)
	}
	for _, w := range writers {
		_ = w.Process.Kill()
		_ = w.Wait()
	}
	counts := writeUntil(t, newLog(pool, folder, nil), folder, ids...)
	twice := 0
	for _, id := range ids {
		if counts[id] > 1 {
			twice++
		}
	}
	if len(counts) != len(ids) || twice > rounds*perRound {
		t.Errorf("%d ids for %d rows", len(counts), len(ids))
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !strings.HasSuffix(content(t, name), "\n") {
			t.Errorf("%s ends in a torn line", name)
		}
	}
	t.Logf("%d rows, %d of them written twice after a kill", len(ids), twice)
}
