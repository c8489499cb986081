package bookingredis

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/catalogue"
)

// heldSeat is a live seat of an account, as its limit knows it.
type heldSeat struct {
	sale         catalogue.Sale
	showtime, no string
	ends         string // Unix milliseconds, as the seat has it while it is in that hold
}

// HeldBy implements booking.FastStore, in three round trips however many sales there
// are: which seats the account has, in which holds these are, and what is known of
// these. A hold is whole or it is none: one that has lost a seat is left out.
func (s *Store) HeldBy(ctx context.Context, accountID string, sales []catalogue.Sale) ([]booking.Hold, error) {
	var holds []booking.Hold
	err := s.do(ctx, func(ctx context.Context) error {
		seats, err := s.seatsOf(ctx, accountID, sales)
		if err != nil || len(seats) == 0 {
			return err
		}
		if holds, err = s.holdsOf(ctx, accountID, seats); err != nil || len(holds) == 0 {
			return err
		}
		holds, err = s.known(ctx, holds)
		return err
	})
	return holds, err
}

// seatsOf returns the account's seats that end some time; sold ones never do.
func (s *Store) seatsOf(ctx context.Context, accountID string, sales []catalogue.Sale) ([]heldSeat, error) {
	limits := make([]*redis.ZSliceCmd, len(sales))
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, sale := range sales {
			limits[i] = p.ZRangeByScoreWithScores(ctx, s.keys.limit(sale.PerformanceID, sale.ID, accountID), &redis.ZRangeBy{Min: "-inf", Max: "(+inf"})
		}
		return nil
	})
	var seats []heldSeat
	for i, limit := range limits {
		for _, member := range limit.Val() {
			text, _ := member.Member.(string)
			if showtime, no, ok := strings.Cut(text, " "); ok {
				seats = append(seats, heldSeat{sales[i], showtime, no, strconv.FormatFloat(member.Score, 'f', 0, 64)})
			}
		}
	}
	return seats, err
}

// holdsOf returns the holds that the seats are in, with those of the seats that are.
func (s *Store) holdsOf(ctx context.Context, accountID string, seats []heldSeat) ([]booking.Hold, error) {
	holders := make([]*redis.StringCmd, len(seats))
	_, _ = s.client.Pipelined(ctx, func(p redis.Pipeliner) error { // each command has its own error
		for i, seat := range seats {
			holders[i] = p.Get(ctx, s.keys.seat(seat.sale.PerformanceID, seat.showtime, seat.no))
		}
		return nil
	})
	var holds []booking.Hold
	for i, seat := range seats {
		if err := holders[i].Err(); err != nil && !errors.Is(err, redis.Nil) { // Nil: free by now
			return nil, err
		}
		ends, nonce, _ := strings.Cut(holders[i].Val(), " ")
		if ends != seat.ends || len(nonce) < booking.RequestLength || nonce == claimMark {
			continue // free, somebody else's, or booked
		}
		at := slices.IndexFunc(holds, func(h booking.Hold) bool { return h.Nonce == nonce })
		if at < 0 {
			at = len(holds)
			holds = append(holds, booking.Hold{
				Nonce: nonce, AccountID: accountID, SaleID: seat.sale.ID, PerformanceID: seat.sale.PerformanceID, ShowtimeID: seat.showtime,
			})
		}
		holds[at].Seats = append(holds[at].Seats, seat.no)
	}
	return holds, nil
}

// known fills in what the records of the holds say, and leaves out holds that were
// released or are no longer whole.
func (s *Store) known(ctx context.Context, holds []booking.Hold) ([]booking.Hold, error) {
	records := make([]*redis.SliceCmd, len(holds))
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, hold := range holds {
			records[i] = p.HMGet(ctx, s.keys.record(hold), "nonce", "until", "seats", "session", "released")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	live := make([]booking.Hold, 0, len(holds))
	for i, hold := range holds {
		record := records[i].Val()
		if record[0] != hold.Nonce || record[4] != nil {
			continue
		}
		recorded, _ := record[2].(string)
		seats := strings.Split(recorded, "\n")
		if len(seats) != len(hold.Seats) {
			continue
		}
		if hold.ExpiresAt, err = readMillis(record[1]); err != nil {
			return nil, err
		}
		session, _ := record[3].(string)
		hold.Seats, hold.Session = seats, readSession(hold.SaleID, session)
		live = append(live, hold)
	}
	return live, nil
}
