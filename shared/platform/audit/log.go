package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/platform/run"
)

// Position is a row's place in the order in which rows are read.
type Position struct {
	Tx uint64 // of the transaction that wrote it
	ID int64
}

// Source reads up to limit changes after a position, in order; only those that nothing
// can come before any more (see the package's invariants).
type Source func(ctx context.Context, tx pgx.Tx, after Position, limit int) ([]Line, error)

// Last returns the position of the last change that has been committed, also of one that
// Source does not give yet; zero when there is none.
type Last func(ctx context.Context, tx pgx.Tx) (Position, error)

// Options of a Log.
type Options struct {
	DB     postgres.Beginner
	Source Source
	Last   Last // only for Finish
	// Cursor names the row of audit_cursor that says how far the source has been written.
	Cursor  string
	Folder  Folder
	Now     func() time.Time
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil: none
	Kinds   []string              // those of the source, to be counted from 0
}

// Log writes a source's changes into a folder.
type Log struct {
	Options
	written *prometheus.CounterVec
	failed  prometheus.Counter
	failing atomic.Bool
}

// New returns a log. Nothing is written before Write is called.
func New(o Options) *Log {
	factory := promauto.With(o.Metrics)
	l := &Log{
		Options: o,
		written: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "fairgate_audit_lines_total", Help: "Lines written to the audit log, by kind.",
		}, []string{"kind"}),
		failed: factory.NewCounter(prometheus.CounterOpts{
			Name: "fairgate_audit_failures_total", Help: "Tries to write lines to the audit log that failed; the lines wait in the ledger.",
		}),
	}
	for _, kind := range o.Kinds {
		l.written.WithLabelValues(kind)
	}
	return l
}

// batch is how many lines are written under one lock of the cursor.
const batch = 500

var errFolder = errors.New("audit: the folder takes no lines")

// Write writes everything that is due. Lines that cannot be written are tried again by
// the next call; that is counted, and said once. The error is the database's.
func (l *Log) Write(ctx context.Context) (run.Tally, error) {
	var total run.Tally
	for ctx.Err() == nil {
		tally, err := l.step(ctx)
		total.Selected += tally.Selected
		total.Done += tally.Done
		total.Failed += tally.Failed
		if errors.Is(err, errFolder) {
			return total, nil
		}
		if err != nil || tally.Selected < batch {
			return total, err
		}
	}
	return total, ctx.Err()
}

const finishPause = 20 * time.Millisecond

// Finish writes everything that has been committed until now, for whoever stops: it
// waits for open transactions that may still come before, until ctx ends.
func (l *Log) Finish(ctx context.Context) error {
	var last Position
	err := pgx.BeginFunc(ctx, l.DB, func(tx pgx.Tx) (err error) { last, err = l.Last(ctx, tx); return err })
	for err == nil {
		if _, err = l.Write(ctx); err != nil {
			break
		}
		var at Position
		err = pgx.BeginFunc(ctx, l.DB, func(tx pgx.Tx) (err error) { at, err = l.lock(ctx, tx); return err })
		if err == nil && !at.before(last) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(finishPause):
		}
	}
	return err
}

func (p Position) before(other Position) bool {
	return p.Tx < other.Tx || p.Tx == other.Tx && p.ID < other.ID
}

// step writes one batch.
func (l *Log) step(ctx context.Context) (tally run.Tally, err error) {
	var lines []Line
	err = pgx.BeginFunc(ctx, l.DB, func(tx pgx.Tx) error {
		after, err := l.lock(ctx, tx)
		if err != nil {
			return err
		}
		if lines, err = l.Source(ctx, tx, after, batch); err != nil || len(lines) == 0 {
			return err
		}
		if err := l.Folder.Append(lines); err != nil {
			l.say(ctx, err)
			return errors.Join(errFolder, err)
		}
		return l.advance(ctx, tx, lines[len(lines)-1].Position)
	})
	if err != nil {
		return run.Tally{Selected: len(lines), Failed: len(lines)}, err
	}
	if len(lines) > 0 {
		l.say(ctx, nil)
	}
	for _, line := range lines {
		l.written.WithLabelValues(line.Kind).Inc()
	}
	return run.Tally{Selected: len(lines), Done: len(lines)}, nil
}

// say counts a failure, and logs the first of a row and its end.
func (l *Log) say(ctx context.Context, err error) {
	if err != nil {
		l.failed.Inc()
	}
	if failing := err != nil; l.failing.Swap(failing) != failing {
		if failing {
			l.Options.Log.ErrorContext(ctx, "the audit log cannot be written; its lines wait in the ledger", "folder", l.Folder.Path, "error", err)
		} else {
			l.Options.Log.InfoContext(ctx, "the audit log is written again", "folder", l.Folder.Path)
		}
	}
}

// lock takes the cursor and returns where it stands.
func (l *Log) lock(ctx context.Context, tx pgx.Tx) (Position, error) {
	const q = `
		SELECT tx::text, id, tx > pg_snapshot_xmax(pg_current_snapshot())
		FROM audit_cursor WHERE name = $1 FOR UPDATE`
	var text string
	var at Position
	var ahead bool
	if err := tx.QueryRow(ctx, q, l.Cursor).Scan(&text, &at.ID, &ahead); err != nil {
		return at, fmt.Errorf("audit: cursor %q: %w", l.Cursor, err)
	}
	if ahead {
		return at, fmt.Errorf("audit: cursor %q lies ahead of every transaction: was the database loaded from a dump?", l.Cursor)
	}
	var err error
	at.Tx, err = strconv.ParseUint(text, 10, 64)
	return at, err
}

func (l *Log) advance(ctx context.Context, tx pgx.Tx, to Position) error {
	const q = `UPDATE audit_cursor SET tx = $2::text::xid8, id = $3, updated_at = now() WHERE name = $1`
	_, err := tx.Exec(ctx, q, l.Cursor, strconv.FormatUint(to.Tx, 10), to.ID)
	return err
}

// Forget deletes files past their retention.
func (l *Log) Forget(ctx context.Context) (run.Tally, error) {
	gone, err := l.Folder.Forget(l.Now())
	for _, name := range gone {
		l.Options.Log.InfoContext(ctx, "audit file deleted, its retention is over", "file", name)
	}
	return run.Tally{Selected: len(gone), Done: len(gone)}, err
}
