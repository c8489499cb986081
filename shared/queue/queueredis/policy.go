package queueredis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/queue"
)

// Policy returns a line's settings with its state, epoch and last number: what
// the mirror keeps. Error: ErrLineNotFound.
func (s *Store) Policy(ctx context.Context, sale string) (queue.Policy, error) {
	fields, err := s.client.HGetAll(ctx, s.keys.policy(sale)).Result()
	if err != nil {
		return queue.Policy{}, queue.ErrUnavailable.Because(err)
	}
	return decodePolicy(sale, fields)
}

// Ensure makes a line from its mirror if Redis has none, and brings it settings
// with a higher version. created is true when the line was made.
func (s *Store) Ensure(ctx context.Context, p queue.Policy) (created bool, err error) {
	settings, err := encodePolicy(p)
	if err != nil {
		return false, err
	}
	args := append([]any{p.Version, p.Epoch, p.Tail}, settings...)
	r, err := s.run(ctx, s.scripts.ensure, p.SaleID, 0, args...)
	if err != nil {
		return false, err
	}
	// Its own command: the set of all lines lies in another slot of a Cluster.
	if err := s.client.SAdd(ctx, s.keys.lines(), p.SaleID).Err(); err != nil {
		return false, queue.ErrUnavailable.Because(err)
	}
	return r.integer(1) == 1, nil
}

// Patch changes settings at once and returns the new ones. Errors: ErrLineNotFound,
// ErrVersionConflict, ErrIdentityFixed, errs.ErrValidationFailed.
func (s *Store) Patch(ctx context.Context, sale string, patch queue.Patch) (queue.Policy, error) {
	const attempts = 5 // against other operators, unless the patch names its version
	for range attempts {
		old, err := s.Policy(ctx, sale)
		if err != nil {
			return queue.Policy{}, err
		}
		next, err := old.Apply(patch)
		if err != nil {
			return queue.Policy{}, err
		}
		settings, err := encodePolicy(next)
		if err != nil {
			return queue.Policy{}, err
		}
		// The state is not the patch's to change; it may have moved meanwhile.
		args := append([]any{old.Version}, without(settings, "state")...)
		_, err = s.run(ctx, s.scripts.patch, sale, 0, append(args, "version", next.Version)...)
		if !errors.Is(err, queue.ErrVersionConflict) {
			return next, err
		}
	}
	return queue.Policy{}, queue.ErrVersionConflict
}

type transition struct {
	to   queue.State
	from []queue.State
}

var anyState = []queue.State{
	queue.Draft, queue.Scheduled, queue.Lobby, queue.Drawing, queue.Open, queue.Paused, queue.Draining, queue.Closed, queue.Rebuilding,
}

func transitionOf(verb queue.Verb) (transition, bool) {
	switch verb {
	case queue.VerbOpen:
		return transition{queue.Open, []queue.State{queue.Draft, queue.Scheduled, queue.Lobby, queue.Draining, queue.Closed, queue.Open}}, true
	case queue.VerbPause:
		return transition{queue.Paused, []queue.State{queue.Open, queue.Paused}}, true
	case queue.VerbResume:
		return transition{queue.Open, []queue.State{queue.Paused, queue.Open}}, true
	case queue.VerbDrain:
		return transition{queue.Draining, []queue.State{queue.Open, queue.Paused, queue.Draining}}, true
	case queue.VerbClose:
		return transition{queue.Closed, anyState}, true
	}
	return transition{}, false
}

// Act does an operator's verb at once and returns the line as it is then. Errors:
// ErrLineNotFound, ErrVerbNotAllowed.
func (s *Store) Act(ctx context.Context, sale string, verb queue.Verb) (queue.Policy, error) {
	if verb == queue.VerbReset {
		return s.reset(ctx, sale)
	}
	t, ok := transitionOf(verb)
	if !ok {
		return queue.Policy{}, queue.ErrVerbNotAllowed.WithMessage("There is no verb %q.", verb)
	}
	var from strings.Builder
	for _, state := range t.from {
		from.WriteString("," + string(state) + ",")
	}
	_, err := s.run(ctx, s.scripts.verb, sale, 0, string(t.to), from.String())
	if errors.Is(err, queue.ErrVersionConflict) {
		return queue.Policy{}, queue.ErrVerbNotAllowed
	}
	if err != nil {
		return queue.Policy{}, err
	}
	return s.Policy(ctx, sale)
}

// reset leaves an open or paused line as it is, and any other scheduled.
func (s *Store) reset(ctx context.Context, sale string) (queue.Policy, error) {
	p, err := s.Policy(ctx, sale)
	if err != nil {
		return queue.Policy{}, err
	}
	state := p.State
	if state != queue.Open && state != queue.Paused && state != queue.Draft {
		state = queue.Scheduled
	}
	if _, err := s.run(ctx, s.scripts.reset, sale, 0, string(state)); err != nil {
		return queue.Policy{}, err
	}
	if err := s.forgetSubjects(ctx, sale, p.Epoch); err != nil {
		return queue.Policy{}, err
	}
	return s.Policy(ctx, sale)
}

// forgetSubjects frees the shards of subjects of an epoch that is over.
func (s *Store) forgetSubjects(ctx context.Context, sale string, epoch uint32) error {
	const chunk = 512
	for first := 0; first < subjectShards; first += chunk {
		shards := make([]string, chunk)
		for i := range shards {
			shards[i] = s.keys.subjectShard(sale, epoch, first+i)
		}
		if err := s.client.Unlink(ctx, shards...).Err(); err != nil {
			return queue.ErrUnavailable.Because(err)
		}
	}
	return nil
}

// SetSoldOut says whether a sale is sold out. Error: ErrLineNotFound.
func (s *Store) SetSoldOut(ctx context.Context, sale string, soldOut bool) error {
	_, err := s.run(ctx, s.scripts.soldOut, sale, 0, flag(soldOut))
	return err
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}

func without(pairs []any, field string) []any {
	kept := make([]any, 0, len(pairs))
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i] != field {
			kept = append(kept, pairs[i], pairs[i+1])
		}
	}
	return kept
}

// encodePolicy returns the settings and the state as field, value, …
func encodePolicy(p queue.Policy) ([]any, error) {
	message, err := json.Marshal(p.Message)
	if err != nil {
		return nil, fmt.Errorf("queueredis: message: %w", err)
	}
	return []any{
		"state", string(p.State), "mode", string(p.Mode), "method", string(p.Method), "identity", string(p.Identity),
		"capacity", p.Capacity, "rate_per_minute", p.RatePerMinute, "session_seconds", p.SessionSeconds,
		"claim_seconds", p.ClaimSeconds, "abandon_seconds", p.AbandonSeconds, "grace_seconds", p.GraceSeconds,
		"lobby_opens_at", millis(p.LobbyOpensAt), "opens_at", millis(p.OpensAt),
		"challenge", p.Challenge, "message", message,
	}, nil
}

func decodePolicy(sale string, fields map[string]string) (queue.Policy, error) {
	if fields["epoch"] == "" {
		return queue.Policy{}, queue.ErrLineNotFound
	}
	integer := func(field string) int {
		n, _ := strconv.Atoi(fields[field])
		return n
	}
	p := queue.Policy{
		SaleID: sale, State: queue.State(fields["state"]), Mode: queue.Mode(fields["mode"]),
		Method: queue.Method(fields["method"]), Identity: queue.Identity(fields["identity"]),
		Capacity: integer("capacity"), RatePerMinute: integer("rate_per_minute"), SessionSeconds: integer("session_seconds"),
		ClaimSeconds: integer("claim_seconds"), AbandonSeconds: integer("abandon_seconds"), GraceSeconds: integer("grace_seconds"),
		LobbyOpensAt: instant(integer("lobby_opens_at")), OpensAt: instant(integer("opens_at")),
		Challenge: fields["challenge"], Message: map[string]string{}, Version: int64(integer("version")),
		SoldOut: fields["sold_out"] == "1",
		Epoch:   uint32(integer("epoch")), // written by us as 32 bits
		Tail:    uint64(integer("tail")),  // a count
	}
	if text := fields["message"]; text != "" {
		if err := json.Unmarshal([]byte(text), &p.Message); err != nil {
			return queue.Policy{}, fmt.Errorf("queueredis: message of %s: %w", sale, err)
		}
	}
	return p, nil
}

// millis returns Unix milliseconds, 0 for no time.
func millis(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return t.UnixMilli()
}

func instant(ms int) *time.Time {
	if ms == 0 {
		return nil
	}
	t := time.UnixMilli(int64(ms)).UTC()
	return &t
}
