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

// SpentSessions knows which sessions have ended, and whose they are, without the line's
// store; it is asked only while that store cannot be.
type SpentSessions interface {
	// SessionSpent reports whether a booking used the session up, or it was ended.
	SessionSpent(ctx context.Context, ref SessionRef) (bool, error)
	// BindSession binds a session to the account that first asks, and reports whether it
	// is accountID's: of several who ask at the same time, one's.
	BindSession(ctx context.Context, ref SessionRef, accountID string) (bool, error)
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
// store cannot be asked, a pass that is unexpired and unspent is enough, for the one
// account that it is bound to.
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
		return g.checkSpent(ctx, pass.Session, bindTo)
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

// checkSpent is for while the line's store cannot be asked; what it asks instead lets
// nobody through when it fails.
func (g *Gate) checkSpent(ctx context.Context, session Session, bindTo string) (Session, error) {
	spent, err := g.spent.SessionSpent(ctx, session.Ref())
	if err != nil {
		return Session{}, err
	}
	if spent {
		return Session{}, ErrPassInvalid.WithMessage("This pass has been used.")
	}
	if bindTo == "" { // the pass itself names its account
		return session, nil
	}
	bound, err := g.spent.BindSession(ctx, session.Ref(), bindTo)
	if err != nil {
		return Session{}, err
	}
	if !bound {
		return Session{}, ErrPassInvalid.WithMessage("The pass belongs to another account.")
	}
	return session, nil
}
