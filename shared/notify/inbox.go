package notify

import (
	"context"
	"strconv"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
)

// Notification is one entry of a fan's inbox, in the fan's language.
type Notification struct {
	Seq       int64 // grows within an account; the id of the event in its stream
	AccountID string
	Kind      Template
	Entity    string // what it is about: a booking's id
	Title     string
	Body      string
	Link      string // a path on this origin
	CreatedAt time.Time
}

// Store keeps notifications.
type Store interface {
	// Add stores n unless the account has one of its kind and entity, and reports
	// whether it did. Notifications of one account become visible in order of Seq.
	Add(ctx context.Context, n Notification) (added bool, err error)
	// Before returns the newest of an account with Seq < before, newest first;
	// before 0 stands for no bound.
	Before(ctx context.Context, accountID string, before int64, limit int) ([]Notification, error)
	// After returns the oldest of an account with Seq > after, oldest first.
	After(ctx context.Context, accountID string, after int64, limit int) ([]Notification, error)
}

// Bell wakes those who wait for an account's notifications.
type Bell interface {
	// Ring wakes everybody who listens for the account, on all machines.
	Ring(ctx context.Context, accountID string) error
	// Listen returns a channel that receives after each ring, and whenever a ring
	// may have been missed; rings that are not yet taken fold into one. It is
	// closed when ctx ends.
	Listen(ctx context.Context, accountID string) (<-chan struct{}, error)
}

// Page is one page of an inbox, newest first.
type Page struct {
	Items      []Notification
	NextCursor string // empty on the last page
}

const (
	defaultPage = 20
	maxPage     = 100
	replayChunk = 100
	rereadAfter = 2 * time.Second // after the store failed
)

// Inbox is the fans' notifications: stored, and told live.
type Inbox struct {
	store Store
	bell  Bell
}

// NewInbox returns an inbox over a store and a bell.
func NewInbox(store Store, bell Bell) *Inbox { return &Inbox{store: store, bell: bell} }

// Tell stores n and wakes the fan's open streams. Telling the same twice stores
// one; the bell is rung again, because the first ring may have failed.
func (i *Inbox) Tell(ctx context.Context, n Notification) error {
	if _, err := i.store.Add(ctx, n); err != nil {
		return err
	}
	return i.bell.Ring(ctx, n.AccountID)
}

// List returns a page of an account's notifications, newest first. The cursor is
// that of the page before, or empty; errs.ErrBadCursor for any other.
func (i *Inbox) List(ctx context.Context, accountID, cursor string, limit int) (Page, error) {
	before, err := parseCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	if limit <= 0 {
		limit = defaultPage
	}
	limit = min(limit, maxPage)
	items, err := i.store.Before(ctx, accountID, before, limit+1)
	if err != nil {
		return Page{}, err
	}
	if len(items) <= limit {
		return Page{Items: items}, nil
	}
	items = items[:limit]
	return Page{Items: items, NextCursor: strconv.FormatInt(items[limit-1].Seq, 10)}, nil
}

func parseCursor(cursor string) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	seq, err := strconv.ParseInt(cursor, 10, 64)
	if err != nil || seq <= 0 {
		return 0, errs.ErrBadCursor
	}
	return seq, nil
}

// Since returns at most limit of an account's notifications with Seq > after,
// oldest first.
func (i *Inbox) Since(ctx context.Context, accountID string, after int64, limit int) ([]Notification, error) {
	return i.store.After(ctx, accountID, after, limit)
}

// FromNow as Subscribe's after skips what is stored already.
const FromNow int64 = -1

// Subscribe returns an account's notifications with Seq > after, oldest first:
// the stored ones, then new ones as they come, each exactly once. The channel is
// closed when ctx ends; the caller must read it or end ctx.
func (i *Inbox) Subscribe(ctx context.Context, accountID string, after int64) (<-chan Notification, error) {
	rings, err := i.bell.Listen(ctx, accountID)
	if err != nil {
		return nil, err
	}
	if after < 0 {
		if after, err = i.latest(ctx, accountID); err != nil {
			return nil, err
		}
	}
	out := make(chan Notification)
	guard.Go("inbox", func() { i.follow(ctx, accountID, after, rings, out) })
	return out, nil
}

func (i *Inbox) latest(ctx context.Context, accountID string) (int64, error) {
	newest, err := i.store.Before(ctx, accountID, 0, 1)
	if err != nil || len(newest) == 0 {
		return 0, err
	}
	return newest[0].Seq, nil
}

func (i *Inbox) follow(ctx context.Context, accountID string, after int64, rings <-chan struct{}, out chan<- Notification) {
	defer close(out)
	for {
		var again <-chan time.Time
		next, err := i.replay(ctx, accountID, after, out)
		if after = next; err != nil {
			again = time.After(rereadAfter)
		}
		select {
		case <-ctx.Done():
			return
		case _, open := <-rings:
			if !open {
				return
			}
		case <-again:
		}
	}
}

// replay sends everything after a Seq and returns the Seq of the last one sent.
func (i *Inbox) replay(ctx context.Context, accountID string, after int64, out chan<- Notification) (int64, error) {
	for {
		items, err := i.store.After(ctx, accountID, after, replayChunk)
		if err != nil {
			return after, err
		}
		for _, n := range items {
			select {
			case out <- n:
				after = n.Seq
			case <-ctx.Done():
				return after, ctx.Err()
			}
		}
		if len(items) < replayChunk {
			return after, nil
		}
	}
}
