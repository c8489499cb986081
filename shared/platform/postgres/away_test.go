package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairgate/fairgate/shared/errs"
)

func TestADatabaseThatIsAwayIsNoFaultOfOurs(t *testing.T) {
	t.Parallel()
	noOneListens, cancel := context.WithCancel(context.Background())
	cancel()
	_, refused := pgconn.Connect(noOneListens, "postgres://127.0.0.1:1/none?sslmode=disable")
	for _, c := range []struct {
		name string
		err  error
		kind errs.Kind
	}{
		{"cannot connect", refused, errs.Unavailable},
		{"connection reset", &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}, errs.Unavailable},
		{"closed in the middle", fmt.Errorf("bookingpg: %w", io.ErrUnexpectedEOF), errs.Unavailable},
		{"no free connection in time", context.DeadlineExceeded, errs.Unavailable},
		{"shutting down", &pgconn.PgError{Code: "57P01"}, errs.Unavailable},
		{"starting up", &pgconn.PgError{Code: "57P03"}, errs.Unavailable},
		{"statement timeout", &pgconn.PgError{Code: "57014"}, errs.Unavailable},
		{"a statement of ours that is wrong", &pgconn.PgError{Code: "42601"}, errs.Internal},
		{"a constraint", &pgconn.PgError{Code: "23505"}, errs.Internal},
		{"a panic in words", errors.New("index out of range"), errs.Internal},
		{"what has a code already", errs.ErrForbidden.Because(io.EOF), errs.Forbidden},
	} {
		if got := errs.KindOf(Explain(c.err)); got != c.kind {
			t.Errorf("%s: kind %d, want %d", c.name, got, c.kind)
		}
	}
	if Explain(nil) != nil {
		t.Error("nil became an error")
	}
	if again := errs.From(Explain(io.EOF)); again.RetryAfter == 0 {
		t.Error("the caller is not told when to ask again")
	}
}
