package queue

import (
	"context"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
)

// Sessions knows which booking sessions are active.
type Sessions interface {
	// SessionActive returns when the session ends; ok is false when it is not
	// active. A bindTo that is not empty binds the session to that account at its
	// first use; ok is false for every other account from then on. It fails with
	// ErrUnavailable while the line's store cannot be asked.
	SessionActive(ctx context.Context, ref SessionRef, bindTo string) (endsAt time.Time, ok bool, err error)
}

// SpentSessions knows which sessions have ended in a confirmed booking, without
// the line's store; it is asked only while that store cannot be.
type SpentSessions interface {
	SessionSpent(ctx context.Context, ref SessionRef) (bool, error)
}

// Gate decides who may book on a queued sale.
type Gate struct {
	keys     KeySource
	sessions Sessions
	spent    SpentSessions
	clock    clock.Clock
	known    knownPasses
}

// NewGate makes a gate; spent is asked only when sessions fails.
func NewGate(keys KeySource, sessions Sessions, spent SpentSessions, clock clock.Clock) *Gate {
	return &Gate{keys: keys, sessions: sessions, spent: spent, clock: clock}
}

// Check returns the session of a pass that lets accountID book on saleID now.
// Errors: ErrPassRequired, ErrPassInvalid (not a pass, another sale or account,
// expired, its session finished or revoked), or a dependency's. While the line's
// store cannot be asked, a pass that is unexpired and unspent is enough.
func (g *Gate) Check(ctx context.Context, token, saleID, accountID string) (Session, error) {
	pass, err := g.verify(ctx, token)
	if err == nil {
		err = pass.isFor(saleID)
	}
	if err != nil {
		return Session{}, err
	}
	bindTo := ""
	if pass.Identity == ByBrowser {
		bindTo = accountID
	} else if pass.Subject != accountID {
		return Session{}, ErrPassInvalid.WithMessage("The pass belongs to another account.")
	}
	endsAt, ok, err := g.sessions.SessionActive(ctx, pass.Ref(), bindTo)
	if errors.Is(err, ErrUnavailable) {
		return g.checkSpent(ctx, pass.Session)
	}
	if err != nil {
		return Session{}, err
	}
	if !ok {
		return Session{}, ErrPassInvalid.WithMessage("The booking session of this pass is over.")
	}
	pass.EndsAt = endsAt
	return pass.Session, nil
}

// verify is readPass with a memory.
func (g *Gate) verify(ctx context.Context, token string) (signedPass, error) {
	now := g.clock.Now()
	if pass, ok := g.known.find(ctx, g.keys, token, now); ok {
		return pass, nil
	}
	pass, err := readPass(ctx, g.keys, token, now)
	if err == nil {
		g.known.add(token, pass)
	}
	return pass, err
}

func (g *Gate) checkSpent(ctx context.Context, session Session) (Session, error) {
	spent, err := g.spent.SessionSpent(ctx, session.Ref())
	if err != nil {
		return Session{}, err
	}
	if spent {
		return Session{}, ErrPassInvalid.WithMessage("This pass has been used.")
	}
	return session, nil
}
