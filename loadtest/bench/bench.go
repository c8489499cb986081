package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// Bench runs rows against one system.
type Bench struct {
	System *System
	Out    io.Writer
	K6     string // path of the program; empty: k6's figures are left out
	// Command is what was typed; the results tell it.
	Command string
	// LineFans is how many fans join the longest line: a million, fewer to try it out.
	LineFans int

	redis *redis.Client
	db    *pgxpool.Pool
	row   string // that runs
}

// row is one line of the table.
type row struct {
	id       string
	what     string
	baseline string
	target   string
	limit    time.Duration // for all of it
	measure  func(ctx context.Context, b *Bench) (Outcome, error)
}

// Outcome is what a row measured.
type Outcome struct {
	Value   string   `json:"value"`   // what is compared with the target
	Hit     bool     `json:"hit"`     // whether the target is reached
	Figures []Figure `json:"figures"` // absolute, and whatever else is worth knowing
}

// Figure is one measured number.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
}

func (o *Outcome) add(name string, value float64, unit string) {
	o.Figures = append(o.Figures, Figure{name, value, unit})
}

// Result is a row with what came of it.
type Result struct {
	ID       string  `json:"id"`
	What     string  `json:"what"`
	Baseline string  `json:"baseline"`
	Target   string  `json:"target"`
	Seconds  float64 `json:"seconds"`
	Error    string  `json:"error,omitempty"`
	Run      Run     `json:"run"`
	Outcome
}

// Verdict is the last word on a row: hit, MISS or FAILED.
func (r Result) Verdict() string {
	switch {
	case r.Error != "":
		return "FAILED"
	case r.Hit:
		return "hit"
	}
	return "MISS"
}

// Rows returns the ids of all rows, in the order of the table.
func Rows() []string {
	var ids []string
	for _, r := range rows() {
		ids = append(ids, r.id)
	}
	return ids
}

// ParseRows reads ids with commas between them; an empty text means all.
func ParseRows(text string) ([]string, error) {
	if text == "" {
		return Rows(), nil
	}
	ids := strings.Split(text, ",")
	for _, id := range ids {
		if !slices.Contains(Rows(), id) {
			return nil, fmt.Errorf("there is no row %q; there are %s", id, strings.Join(Rows(), ", "))
		}
	}
	return ids, nil
}

// Run measures the rows with these ids. A row that fails is reported; the others go
// on. done is called after each row.
func (b *Bench) Run(ctx context.Context, ids []string, done func(Result)) error {
	if err := b.connect(ctx); err != nil {
		return err
	}
	defer b.db.Close()
	defer func() { _ = b.redis.Close() }()
	run := b.thisRun(ctx)
	for _, r := range rows() {
		if !slices.Contains(ids, r.id) {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		result := b.measure(ctx, r)
		result.Run = run
		done(result)
	}
	return nil
}

func (b *Bench) connect(ctx context.Context) error {
	b.redis = redis.NewClient(&redis.Options{Addr: b.System.redis(), DisableIdentity: true})
	var err error
	if b.db, err = pgxpool.New(ctx, b.System.postgres()); err != nil {
		return err
	}
	return errors.Join(b.redis.Ping(ctx).Err(), b.db.Ping(ctx), b.reachesAPI(ctx))
}

// reachesAPI waits until the gateway hands requests on: while the API was starting it
// may have learned not to.
func (b *Bench) reachesAPI(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		_, err := fetch(ctx, "GET", b.url("/v1/performances?limit=1"), nil)
		if err == nil {
			return nil
		}
		if pause(ctx, 250*time.Millisecond) != nil {
			return err
		}
	}
}

func (b *Bench) measure(ctx context.Context, r row) Result {
	result := Result{ID: r.id, What: r.what, Baseline: r.baseline, Target: r.target}
	b.row = r.id
	_, _ = fmt.Fprintf(b.Out, "\n%s: %s\n", r.id, r.what)
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	stopProfile := b.profile(ctx)
	outcome, err := r.measure(ctx, b)
	stopProfile()
	b.System.stopExtras()
	if forgetErr := b.forgetLines(context.WithoutCancel(ctx)); forgetErr != nil {
		b.say("lines are left behind: %v", forgetErr)
	}
	result.Seconds, result.Outcome = time.Since(start).Seconds(), outcome
	if err != nil {
		result.Error = err.Error()
	}
	_, _ = fmt.Fprintf(b.Out, "  → %s %s (target %s)%s\n", result.Verdict(), result.Value, result.Target, errorText(result.Error))
	return result
}

func errorText(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func (b *Bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.Out, "  "+format+"\n", args...)
}
