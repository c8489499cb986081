package bookingredis

import (
	"context"
	"errors"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/event"
)

// EndSessions implements booking.SessionHolds. The mark comes before the releases: a
// hold is either placed before the mark and released here, or refused by it.
func (s *Store) EndSessions(ctx context.Context, sale catalogue.Sale, sessions []event.Session) ([]booking.Hold, error) {
	var placed []booking.Hold
	err := s.do(ctx, func(ctx context.Context) (err error) {
		placed, err = s.endSessions(ctx, sale, sessions)
		return err
	})
	if err != nil {
		return nil, err
	}
	var released []booking.Hold
	for _, hold := range placed {
		live, err := s.Release(ctx, hold)
		if err != nil {
			return released, err
		}
		if live {
			released = append(released, hold)
		}
	}
	return released, nil
}

// endSessions marks all sessions and returns what was placed in them.
func (s *Store) endSessions(ctx context.Context, sale catalogue.Sale, sessions []event.Session) ([]booking.Hold, error) {
	answers := make([]*redis.Cmd, len(sessions))
	run := func(call func(ctx context.Context, c redis.Scripter, keys []string, args ...any) *redis.Cmd) error {
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, session := range sessions {
				answers[i] = call(ctx, p, []string{s.keys.session(sale.PerformanceID, session)}, int(recordKept.Seconds()))
			}
			return nil
		})
		return err
	}
	err := run(s.scripts.endSession.EvalSha)
	if redis.HasErrorPrefix(err, "NOSCRIPT") { // a server that does not have the text yet
		err = run(s.scripts.endSession.Eval)
	}
	if err != nil {
		return nil, err
	}
	var placed []booking.Hold
	for i, answer := range answers {
		fields, err := answer.StringSlice()
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		for f := 0; f+1 < len(fields); f += 2 {
			placed = append(placed, readInSession(sale, sessions[i], fields[f], fields[f+1]))
		}
	}
	return placed, nil
}

// readInSession reads what place.lua wrote into the hash of a session.
func readInSession(sale catalogue.Sale, session event.Session, nonce, placed string) booking.Hold {
	showtime, rest, _ := strings.Cut(placed, "\n")
	account, seats, _ := strings.Cut(rest, "\n")
	return booking.Hold{
		Nonce: nonce, SaleID: sale.ID, PerformanceID: sale.PerformanceID, ShowtimeID: showtime,
		AccountID: account, Seats: strings.Split(seats, "\n"), Session: &session,
	}
}
