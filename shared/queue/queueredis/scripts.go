package queueredis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/queue"
)

// Return codes of the scripts; head.lua has the same.
const (
	codeOK = iota
	codeNoLine
	codeStaleEpoch
	codeClosed
	codeSoldOut
	codeNotYet
	codeLapsedOut
	codeOver
	codeConflict
	codeUnknown
)

//go:embed head.lua
var headText string

//go:embed line.lua
var lineText string

//go:embed join.lua
var joinText string

//go:embed place.lua
var placeText string

//go:embed enter.lua
var enterText string

//go:embed leave.lua
var leaveText string

//go:embed finish.lua
var finishText string

//go:embed extend.lua
var extendText string

//go:embed session.lua
var sessionText string

//go:embed presence.lua
var presenceText string

//go:embed sweep.lua
var sweepText string

//go:embed abandon.lua
var abandonText string

//go:embed verb.lua
var verbText string

//go:embed reset.lua
var resetText string

//go:embed patch.lua
var patchText string

//go:embed soldout.lua
var soldOutText string

//go:embed ensure.lua
var ensureText string

//go:embed snapshot.lua
var snapshotText string

//go:embed tick.lua
var tickText string

// scripts are all operations. go-redis calls them by digest and sends the text
// again when a server does not have it (NOSCRIPT).
type scripts struct {
	join, place, enter, leave, finish, extend, session *redis.Script
	presence, sweep, abandon, tick                     *redis.Script
	verb, reset, patch, soldOut, ensure, snapshot      *redis.Script
}

func newScripts() scripts {
	onLine := func(body string) *redis.Script { return redis.NewScript(headText + lineText + body) }
	bare := func(body string) *redis.Script { return redis.NewScript(headText + body) }
	return scripts{
		join: onLine(joinText), place: onLine(placeText), enter: onLine(enterText), leave: onLine(leaveText),
		finish: onLine(finishText), extend: onLine(extendText), session: redis.NewScript(sessionText),
		presence: onLine(presenceText), sweep: onLine(sweepText), abandon: onLine(abandonText), tick: onLine(tickText),
		verb: onLine(verbText), reset: onLine(resetText), patch: bare(patchText), soldOut: onLine(soldOutText),
		ensure: bare(ensureText), snapshot: onLine(snapshotText),
	}
}

// reply is what a script returned: its code, then the rest.
type reply []any

// run calls a script on a line. epoch 0 means any.
func (s *Store) run(ctx context.Context, script *redis.Script, sale string, epoch uint32, args ...any) (reply, error) {
	return s.runKeys(ctx, script, s.keys.line(sale), epoch, args...)
}

func (s *Store) runKeys(ctx context.Context, script *redis.Script, keys []string, epoch uint32, args ...any) (reply, error) {
	raw, err := script.Run(ctx, s.client, keys, s.arguments(epoch, args)...).Slice()
	if err != nil {
		return nil, queue.ErrUnavailable.Because(err)
	}
	if len(raw) == 0 { // not the code 0, which is success
		return nil, errors.New("queueredis: a script returned nothing")
	}
	r := reply(raw)
	return r, codeError(r.integer(0))
}

func (s *Store) arguments(epoch uint32, args []any) []any {
	epochText := ""
	if epoch != 0 {
		epochText = strconv.FormatUint(uint64(epoch), 10)
	}
	return append([]any{epochText, s.nowText()}, args...)
}

// nowText is the time in ms that scripts go by, "0" for the server's clock.
func (s *Store) nowText() string {
	if s.now == nil {
		return "0"
	}
	return strconv.FormatInt(s.now().UnixMilli(), 10)
}

// codeError returns the error that a code means everywhere; those whose error
// needs more than the code are left to their callers.
func codeError(code int64) error {
	switch code {
	case codeOK, codeNotYet, codeSoldOut:
		return nil
	case codeNoLine:
		return queue.ErrLineNotFound
	case codeStaleEpoch, codeUnknown:
		return queue.ErrPlaceInvalid
	case codeClosed:
		return queue.ErrClosed
	case codeLapsedOut:
		return queue.ErrOfferLapsed
	case codeOver:
		return queue.ErrOfferLapsed.WithMessage("This place has ended.")
	case codeConflict:
		return queue.ErrVersionConflict
	}
	return fmt.Errorf("queueredis: a script returned code %d", code)
}

func (r reply) integer(i int) int64 {
	if i >= len(r) {
		return 0
	}
	switch v := r[i].(type) {
	case int64:
		return v
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}

func (r reply) text(i int) string {
	if i >= len(r) {
		return ""
	}
	v, _ := r[i].(string)
	return v
}

func (r reply) float(i int) float64 {
	if v, ok := r[i].(int64); ok {
		return float64(v)
	}
	f, _ := strconv.ParseFloat(r.text(i), 64)
	return f
}
