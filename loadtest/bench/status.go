package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	pollConnections = 64
	pollRounds      = 4
	statusRounds    = 8 // its p99 counts too, and wanders
	pollLength      = 3 * time.Second
	waitingFans     = 10_000
)

// browsers lets fans without accounts join a line and returns them.
func (b *Bench) browsers(ctx context.Context, lineID string, count int) ([]*fan, error) {
	fans := make([]*fan, count)
	for i := range fans {
		fans[i] = &fan{}
	}
	return fans, b.each(ctx, fans, func(c *connection, f *fan) error { return f.join(c, lineID) })
}

// waitingLine makes a line in which fans wait and nobody gets on.
func (b *Bench) waitingLine(ctx context.Context) (id string, fans []*fan, err error) {
	id = unique("bench-wait")
	if err := b.line(ctx, id, lineOptions{capacity: 1, ratePerMinute: 1}); err != nil {
		return id, nil, err
	}
	fans, err = b.browsers(ctx, id, waitingFans)
	return id, fans, err
}

func statusPoll(lineID string) request { return newRequest("GET", "/v1/queues/"+lineID, "") }

func placePoll(lineID string, f *fan) request {
	return newRequest("GET", "/v1/queues/"+lineID+"/places/me", "", header{"Place-Token", f.place})
}

// firstFans may have been offered a turn: they wait no longer.
const firstFans = 100

// placePolls gives each connection fans of its own, who all wait.
func placePolls(lineID string, fans []*fan) func(int) func() request {
	fans = fans[firstFans:]
	requests := make([]request, len(fans))
	for i, f := range fans {
		requests[i] = placePoll(lineID, f)
	}
	return func(worker int) func() request {
		n := worker
		return func() request {
			n += pollConnections
			return requests[n%len(requests)]
		}
	}
}

func (b *Bench) polls(addr string, next func(int) func() request) func(context.Context, int) (Sample, error) {
	return func(ctx context.Context, _ int) (Sample, error) {
		return load{addr: addr, connections: pollConnections, warmUp: time.Second / 2, length: pollLength, next: next}.run(ctx)
	}
}

// measureStatus compares the status of a line with a handler that has nothing to do
// but send the same bytes.
func measureStatus(ctx context.Context, b *Bench) (Outcome, error) {
	id, _, err := b.waitingLine(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if err := pause(ctx, 2*time.Second); err != nil { // until the shared status knows them all
		return Outcome{}, err
	}
	body, err := fetch(ctx, "GET", b.url("/v1/queues/"+id), nil)
	if err != nil {
		return Outcome{}, err
	}
	file := filepath.Join(b.System.Root, ".run", strconv.Itoa(b.System.Base), "data", "status.json")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		return Outcome{}, err
	}
	stop, err := b.System.startBaseline(ctx, "bare", "BODY_FILE="+file)
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	samples, err := b.interleave(ctx, statusRounds,
		side{"product", b.polls(b.System.gateway(), always(statusPoll(id)))},
		side{"bare handler", b.polls(b.System.baseline(), always(newRequest("GET", "/v1/queues/"+id, "")))})
	if err != nil {
		return Outcome{}, err
	}
	o := ratioOutcome("polls", 0.9, samples[0], samples[1]).tail(0.9, samples[0], samples[1])
	o.add("body", float64(len(body)), "bytes")
	return o, nil
}

// measureRank compares the status poll, and beside it the poll of one's own place,
// with a handler that asks Redis for the rank each time.
func measureRank(ctx context.Context, b *Bench) (Outcome, error) {
	id, fans, err := b.waitingLine(ctx)
	if err != nil {
		return Outcome{}, err
	}
	stop, err := b.System.startBaseline(ctx, "zrank", "KEY={q:"+id+"}:waiting")
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	ranks := func(worker int) func() request {
		n := worker
		return func() request {
			n += pollConnections
			return newRequest("GET", "/"+strconv.Itoa(firstFans+n%(waitingFans-firstFans)), "")
		}
	}
	samples, err := b.interleave(ctx, pollRounds,
		side{"status", b.polls(b.System.gateway(), always(statusPoll(id)))},
		side{"own place", b.polls(b.System.gateway(), placePolls(id, fans))},
		side{"ZRANK", b.polls(b.System.baseline(), ranks)})
	if err != nil {
		return Outcome{}, err
	}
	o := ratioOutcome("status polls", 1.5, samples[0], samples[2]).failures(samples[1])
	own := medianOf(samples[1], perSecond)
	o.add("own place", own, "/s")
	o.add("own place p99", medianOf(samples[1], p99ms), "ms")
	o.add("own place ÷ ZRANK", own/medianOf(samples[2], perSecond), "")
	return o, nil
}

const (
	countedPolls  = 100_000
	countedLength = 20 * time.Second // whole periods of everything that goes on in the background
	countedRounds = 2
)

// measureCommands counts what Redis does while 100,000 polls are answered, half of
// the line's status and half of fans' own places, and in as many seconds without.
func measureCommands(ctx context.Context, b *Bench) (Outcome, error) {
	id, fans, err := b.waitingLine(ctx)
	if err != nil {
		return Outcome{}, err
	}
	if err := pause(ctx, 5*time.Second); err != nil { // until the joins have been reported
		return Outcome{}, err
	}
	var with, without, answered []float64
	for range countedRounds {
		var polled Sample
		n, err := b.countCommands(ctx, func() error {
			polled, err = b.pacedPolls(ctx, id, fans)
			return err
		})
		if err != nil {
			return Outcome{}, err
		}
		with, answered = append(with, n), append(answered, float64(polled.Count))
		if n, err = b.countCommands(ctx, func() error { return pause(ctx, countedLength) }); err != nil {
			return Outcome{}, err
		}
		without = append(without, n)
		b.say("%.0f polls: %.1f commands/s, without polls %.1f", answered[len(answered)-1], with[len(with)-1], n)
	}
	more := (median(with)/median(without) - 1) * 100
	perPoll := (median(with) - median(without)) * countedLength.Seconds() / median(answered)
	o := Outcome{Value: fmt.Sprintf("%+.1f %%, %.4f commands a poll", more, perPoll), Hit: more <= 1 && median(answered) >= 0.95*countedPolls}
	o.add("polls answered", median(answered), "")
	o.add("commands with polls", median(with), "/s")
	o.add("without", median(without), "/s")
	return o, nil
}

// pacedPolls sends the polls evenly over the counted time.
func (b *Bench) pacedPolls(ctx context.Context, lineID string, fans []*fan) (Sample, error) {
	own := placePolls(lineID, fans)
	start, gap := time.Now(), countedLength/countedPolls
	var sent atomic.Int64
	return load{addr: b.System.gateway(), connections: pollConnections, length: countedLength, next: func(worker int) func() request {
		place, shared := own(worker), statusPoll(lineID)
		return func() request {
			n := sent.Add(1)
			if n > countedPolls || pause(ctx, time.Until(start.Add(time.Duration(n)*gap))) != nil {
				return nil
			}
			if n%2 == 0 {
				return shared
			}
			return place()
		}
	}}.run(ctx)
}

// countCommands returns Redis' commands a second while something is done.
func (b *Bench) countCommands(ctx context.Context, do func() error) (float64, error) {
	start := time.Now()
	before, err := b.commandsProcessed(ctx)
	if err != nil {
		return 0, err
	}
	if err := do(); err != nil {
		return 0, err
	}
	if err := pause(ctx, time.Until(start.Add(countedLength))); err != nil {
		return 0, err
	}
	after, err := b.commandsProcessed(ctx)
	return (after - before) / time.Since(start).Seconds(), err
}

// commandsProcessed counts commands, those inside scripts too.
func (b *Bench) commandsProcessed(ctx context.Context) (float64, error) {
	return b.redisFigure(ctx, "stats", "total_commands_processed")
}

func (b *Bench) redisFigure(ctx context.Context, section, name string) (float64, error) {
	info, err := b.redis.Info(ctx, section).Result()
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("redis tells no %s", name)
}

const joinConnections = 64

// measureJoin compares joining with a browser's identity with a handler that does
// nothing but call the same script.
func measureJoin(ctx context.Context, b *Bench) (Outcome, error) {
	ours, theirs := unique("bench-join"), unique("bench-bare")
	for _, id := range []string{ours, theirs} {
		if err := b.line(ctx, id, lineOptions{capacity: 1, ratePerMinute: 1}); err != nil {
			return Outcome{}, err
		}
	}
	stop, err := b.System.startBoth(ctx, "join", "SALE="+theirs)
	if err != nil {
		return Outcome{}, err
	}
	defer stop()
	join := newRequest("POST", "/v1/queues/"+ours+"/places", "{}")
	used := b.System.cpuSeconds()
	samples, err := b.interleave(ctx, pollRounds,
		side{"product", b.joins(b.System.gateway(), join)},
		side{"plain", b.joins(b.System.baseline(), join)}, side{"coalesced", b.joins(b.System.coalesced(), join)})
	if err != nil {
		return Outcome{}, err
	}
	b.say("%s", b.System.cpuPer(used, samples[0][0].Count*len(samples[0])))
	return coalescedOutcome("joins", 0.75, samples), nil
}

func (b *Bench) joins(addr string, join request) func(context.Context, int) (Sample, error) {
	return func(ctx context.Context, _ int) (Sample, error) {
		return load{addr: addr, connections: joinConnections, warmUp: time.Second / 2, length: pollLength, next: always(join), good: isNewPlace}.run(ctx)
	}
}

func isNewPlace(_, status int, body []byte) bool {
	return status == 201 && bytes.Contains(body, []byte(`"state":"waiting"`))
}
