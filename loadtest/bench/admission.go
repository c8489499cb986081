package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"
)

const (
	admissionGateways = 3
	admissionRate     = 1_200 // a minute
	admissionSession  = 20    // seconds: some 400 fans are in at once
	admissionLength   = settling + paceWindow + 30*time.Second
	claimsAhead       = 400
)

// admission is one line of the row on accuracy.
type admission struct {
	id       string
	noShow   int // percent of the fans
	capacity int
	rate     int // a minute
	fans     []*fan
	readings []reading
}

// measureAdmission lets three gateways admit fans into four lines at once: three with
// a different share of fans who do not show up, one whose capacity is the limit.
func measureAdmission(ctx context.Context, b *Bench) (Outcome, error) {
	addrs := []string{b.System.gateway()}
	for n := 1; n < admissionGateways; n++ {
		addr, stop, err := b.System.startGateway(ctx, n)
		if err != nil {
			return Outcome{}, err
		}
		defer stop()
		addrs = append(addrs, addr)
	}
	lines := []*admission{
		{noShow: 0, capacity: 1_000, rate: admissionRate}, {noShow: 30, capacity: 1_000, rate: admissionRate},
		{noShow: 60, capacity: 1_000, rate: admissionRate}, {noShow: 30, capacity: 100, rate: admissionRate},
	}
	if err := b.fillLines(ctx, lines); err != nil {
		return Outcome{}, err
	}
	for _, line := range lines {
		if err := b.command(ctx, line.id, "resume"); err != nil {
			return Outcome{}, err
		}
	}
	if err := b.admit(ctx, addrs, lines); err != nil {
		return Outcome{}, err
	}
	return admissionOutcome(lines)
}

// fillLines makes the lines, paused, and lets all fans join.
func (b *Bench) fillLines(ctx context.Context, lines []*admission) error {
	for i, line := range lines {
		line.id = unique(fmt.Sprintf("bench-admit%d", i))
		if err := b.line(ctx, line.id, lineOptions{capacity: line.capacity, ratePerMinute: line.rate, sessionSeconds: admissionSession, paused: true}); err != nil {
			return err
		}
	}
	var err error
	for _, line := range lines {
		seconds := (admissionLength + 30*time.Second).Seconds()
		count := int(seconds*admissionRate/60/(1-float64(line.noShow)/100)) + 2*claimsAhead
		if line.fans, err = b.browsers(ctx, line.id, count); err != nil {
			return err
		}
		for i, f := range line.fans {
			if i*37%100 < line.noShow { // evenly spread
				f.place = ""
			}
		}
	}
	return nil
}

// admit claims for those who show up and watches, until the time is over.
func (b *Bench) admit(ctx context.Context, addrs []string, lines []*admission) error {
	ctx, cancel := context.WithTimeout(ctx, admissionLength)
	defer cancel()
	failed := make([]error, len(lines))
	var all sync.WaitGroup
	for i, line := range lines {
		all.Go(func() {
			failed[i] = b.claimers(ctx, addrs, line.id, func(i int) *fan {
				if i < len(line.fans) {
					return line.fans[i]
				}
				return nil
			}, claimsAhead)
		})
		all.Go(func() { line.readings = b.watchLine(ctx, line.id) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func admissionOutcome(lines []*admission) (Outcome, error) {
	o := Outcome{Hit: true}
	worst, most := 0.0, 0
	for _, line := range lines {
		top := 0
		for _, r := range line.readings {
			top = max(top, r.active)
		}
		most = max(most, top-line.capacity)
		if line.capacity < 1_000 {
			o.add(fmt.Sprintf("active at most, of %d", line.capacity), float64(top), "")
			continue
		}
		percent, fans, ok := worstPace(line.readings, line.rate)
		if !ok {
			return o, fmt.Errorf("line %s was not watched for %s", line.id, paceWindow)
		}
		o.Hit = o.Hit && keepsPace(percent, fans)
		if math.Abs(percent-100) > math.Abs(worst) {
			worst = percent - 100
		}
		o.add(fmt.Sprintf("worst 60 s at %d %% no-shows", line.noShow), percent, "% of the setting")
	}
	o.Hit = o.Hit && most <= 0
	o.Value = fmt.Sprintf("%+.2f %%, capacity exceeded by %d", worst, max(most, 0))
	return o, nil
}
