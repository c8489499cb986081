// Package bookingredis keeps holds in Redis and carries seat changes to every
// instance. Losing all of it costs nobody a seat: holds are advice, and what is
// claimed is read from Postgres.
package bookingredis

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sony/gobreaker/v2"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/event"
)

const (
	callTimeout    = 2 * time.Second
	failuresToOpen = 5               // in a row
	openFor        = 2 * time.Second // then one call tries

	recordKept  = 24 * time.Hour      // as long as any Idempotency-Key is
	limitKept   = 30 * 24 * time.Hour // of accounts with claimed seats
	markKept    = 10 * time.Minute
	changesKept = 20_000 // entries of a stream, about; a reader that misses more reads all
	chunk       = 1000   // keys in one command
)

// Store implements booking.HoldStore, booking.SeatFeed and booking.SeatSource.
// While Redis fails its calls fail at once, without being tried.
type Store struct {
	client  redis.UniversalClient
	keys    keys
	scripts scripts
	breaker *gobreaker.CircuitBreaker[struct{}]
	timeout time.Duration // of one call
}

// New returns a Store whose keys begin with prefix.
func New(client redis.UniversalClient, prefix string) *Store {
	return &Store{
		client: client, keys: keys{prefix}, scripts: newScripts(), timeout: callTimeout,
		breaker: gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
			Name:        "holds",
			Timeout:     openFor,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= failuresToOpen },
			IsExcluded:  func(err error) bool { return errors.Is(err, context.Canceled) },
		}),
	}
}

// do calls f with a deadline; whatever fails is errs.ErrUpstream.
func (s *Store) do(ctx context.Context, f func(ctx context.Context) error) error {
	_, err := s.breaker.Execute(func() (struct{}, error) {
		ctx, cancel := context.WithTimeout(ctx, s.timeout)
		defer cancel()
		return struct{}{}, f(ctx)
	})
	if err != nil {
		return errs.ErrUpstream.Because(fmt.Errorf("redis: %w", err))
	}
	return nil
}

// maybeDone adds booking.ErrAnswerLost to the error of a call, unless the breaker kept
// it: whatever else the error says is of the client's second try, the first may have
// arrived.
func maybeDone(err error) error {
	if errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests) {
		return err
	}
	return errs.ErrUpstream.Because(fmt.Errorf("%w: %w", booking.ErrAnswerLost, err))
}

// Place implements booking.HoldStore.
func (s *Store) Place(ctx context.Context, order booking.HoldOrder) (booking.HoldPlaced, error) {
	hold := order.Hold
	args := append(make([]any, 0, 11+len(hold.Seats)),
		hold.Nonce, order.Request, order.TTL.Milliseconds(), order.MaxSeats,
		hold.ShowtimeID, changesKept, int(recordKept.Seconds()), marks(hold.Seats, order.Taken))
	var answer []any
	err := s.do(ctx, func(ctx context.Context) (err error) {
		answer, err = s.scripts.place.Run(ctx, s.client, s.holdKeys(hold), append(appendNumbers(args, hold.Seats), order.Attempt, sessionText(hold.Session), hold.AccountID)...).Slice()
		return err
	})
	if err != nil {
		return booking.HoldPlaced{}, maybeDone(err)
	}
	return readPlaced(answer, hold.SaleID, hold.Seats)
}

// placedLength returns how many values place.lua answers with for a code; 0 for a code
// that it does not have.
func placedLength(code int64) int {
	switch code {
	case codePlaced, codeTaken:
		return 3
	case codeReplayed:
		return 5
	case codeLimit, codeReused, codeOver:
		return 1
	}
	return 0
}

func readPlaced(answer []any, saleID string, seats []string) (booking.HoldPlaced, error) {
	code, err := readCode(answer, placedLength)
	if err != nil {
		return booking.HoldPlaced{}, fmt.Errorf("place: %w", err)
	}
	switch code {
	case codeTaken:
		return booking.HoldPlaced{}, booking.SeatsTaken(texts(answer[1]), texts(answer[2]))
	case codeLimit:
		return booking.HoldPlaced{}, booking.ErrSeatLimit
	case codeReused:
		return booking.HoldPlaced{}, booking.ErrKeyReused
	case codeOver:
		return booking.HoldPlaced{}, booking.ErrSessionOver
	}
	until, err := readMillis(answer[1])
	if err != nil {
		return booking.HoldPlaced{}, fmt.Errorf("place: %w", err)
	}
	placed := booking.HoldPlaced{Seats: seats, ExpiresAt: until, Replayed: code == codeReplayed}
	if recorded, _ := answer[2].(string); placed.Replayed {
		placed.Seats = strings.Split(recorded, "\n")
		placed.Nonce, _ = answer[3].(string)
		session, _ := answer[4].(string)
		placed.Session = readSession(saleID, session)
	}
	return placed, nil
}

// readCode returns the code that a script answered first. An answer with a code that has
// no length, or with fewer values, is an error: nothing is read out of it.
func readCode(answer []any, length func(code int64) int) (int64, error) {
	if len(answer) == 0 {
		return 0, errors.New("the script answered with nothing")
	}
	code, isNumber := answer[0].(int64)
	if want := length(code); !isNumber || want == 0 || len(answer) < want {
		return 0, fmt.Errorf("the script answered with code %v and %d values", answer[0], len(answer))
	}
	return code, nil
}

// sessionText is how a record has a session; its sale is known from the hold.
func sessionText(s *event.Session) string {
	if s == nil {
		return ""
	}
	return strconv.FormatUint(uint64(s.Epoch), 10) + " " + strconv.FormatUint(s.N, 10)
}

// readSession reads what sessionText wrote; nil for anything else.
func readSession(saleID, text string) *event.Session {
	epochText, nText, _ := strings.Cut(text, " ")
	epoch, epochErr := strconv.ParseUint(epochText, 10, 32)
	n, nErr := strconv.ParseUint(nText, 10, 64)
	if epochErr != nil || nErr != nil {
		return nil
	}
	return &event.Session{SaleID: saleID, Epoch: uint32(epoch), N: n}
}

// Live implements booking.HoldStore.
func (s *Store) Live(ctx context.Context, hold booking.Hold) (bool, error) {
	var record, holders *redis.SliceCmd
	err := s.do(ctx, func(ctx context.Context) error {
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			record = p.HMGet(ctx, s.keys.record(hold), "nonce", "released")
			holders = p.MGet(ctx, s.keys.seats(hold.PerformanceID, hold.ShowtimeID, hold.Seats)...)
			return nil
		})
		return err
	})
	if err != nil {
		return false, err
	}
	if known := record.Val(); known[0] == hold.Nonce && known[1] != nil {
		return false, nil
	}
	for _, holder := range holders.Val() {
		value, there := holder.(string)
		_, nonce, _ := strings.Cut(value, " ")
		if there && nonce != hold.Nonce && nonce != claimMark {
			return false, nil
		}
	}
	return true, nil
}

// Release implements booking.HoldStore.
func (s *Store) Release(ctx context.Context, hold booking.Hold) (bool, error) {
	args := appendNumbers([]any{hold.Nonce, hold.ShowtimeID, changesKept}, hold.Seats)
	var known int
	err := s.do(ctx, func(ctx context.Context) (err error) {
		known, err = s.scripts.release.Run(ctx, s.client, s.holdKeys(hold), args...).Int()
		return err
	})
	return known == 1, err
}

// Undo implements booking.FastStore.
func (s *Store) Undo(ctx context.Context, order booking.HoldOrder, wanted bool) (bool, error) {
	hold := order.Hold
	args := appendNumbers([]any{order.Attempt, hold.Nonce, hold.ShowtimeID, changesKept, wanted}, hold.Seats)
	var undone int
	err := s.do(ctx, func(ctx context.Context) (err error) {
		undone, err = s.scripts.undo.Run(ctx, s.client, s.holdKeys(hold), args...).Int()
		return err
	})
	return undone == 1, err
}

// holdKeys are the KEYS of place.lua, release.lua and undo.lua.
func (s *Store) holdKeys(hold booking.Hold) []string {
	record := s.keys.record(hold)
	session := record
	if hold.Session != nil {
		session = s.keys.session(hold.PerformanceID, *hold.Session)
	}
	return append([]string{
		record,
		s.keys.limit(hold.PerformanceID, hold.SaleID, hold.AccountID),
		s.keys.changes(hold.PerformanceID),
		session,
	}, s.keys.seats(hold.PerformanceID, hold.ShowtimeID, hold.Seats)...)
}

// marks has one character a seat: 1 for those among taken, else 0.
func marks(seats, taken []string) string {
	marked := make([]byte, len(seats))
	for i, no := range seats {
		marked[i] = '0'
		for _, t := range taken {
			if t == no {
				marked[i] = '1'
			}
		}
	}
	return string(marked)
}

func appendNumbers(args []any, numbers []string) []any {
	for _, no := range numbers {
		args = append(args, no)
	}
	return args
}

func texts(v any) []string {
	values, _ := v.([]any)
	list := make([]string, len(values))
	for i, value := range values {
		list[i], _ = value.(string)
	}
	return list
}

// readMillis reads Unix milliseconds as a string; 0 is the zero time.
func readMillis(v any) (time.Time, error) {
	text, _ := v.(string)
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms == 0 {
		return time.Time{}, err
	}
	return time.UnixMilli(ms).UTC(), nil
}
