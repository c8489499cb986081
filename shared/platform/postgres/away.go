package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairgate/fairgate/shared/errs"
)

// retryAfter is what callers are told while the database is away.
const retryAfter = 2 * time.Second

// Explain returns errs.ErrUpstream in place of an error that only says that the
// database is away, shutting down, or too slow just now: that is no fault of ours,
// and the caller should ask again. Any other error is returned as it is.
func Explain(err error) error {
	var known *errs.Error
	if err == nil || errors.As(err, &known) || !isAway(err) {
		return err
	}
	return errs.ErrUpstream.WithRetryAfter(retryAfter).Because(err)
}

func isAway(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return isAwayCode(pg.Code)
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.Timeout(err) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.DeadlineExceeded)
}

// isAwayCode knows Postgres's codes for a connection that is lost (class 08), for
// operators who intervene and statements that took too long (57), for too many
// connections and for a transaction that idled too long.
func isAwayCode(code string) bool {
	const tooManyConnections, idleInTransaction = "53300", "25P03"
	return strings.HasPrefix(code, "08") || strings.HasPrefix(code, "57") || code == tooManyConnections || code == idleInTransaction
}
