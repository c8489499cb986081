package bookingredis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/fairgate/fairgate/shared/booking"
)

const (
	readAtOnce = 1000  // entries of one performance
	beginning  = "0-0" // before the first entry of a stream
)

// Publish implements booking.SeatFeed.
func (s *Store) Publish(ctx context.Context, performanceID, showtimeID string, changes []booking.SeatChange) error {
	for part := range slices.Chunk(changes, chunk) {
		stream := s.keys.changes(performanceID)
		keys := []string{stream}
		args := []any{showtimeID, changesKept, markKept.Milliseconds(), int(limitKept.Seconds())}
		for _, c := range part {
			limit := stream
			if c.SaleID != "" && c.AccountID != "" {
				limit = s.keys.limit(performanceID, c.SaleID, c.AccountID)
			}
			keys = append(keys, s.keys.seat(performanceID, showtimeID, c.Seat), limit)
			args = append(args, c.Seat, int(c.State), untilMillis(c))
		}
		err := s.do(ctx, func(ctx context.Context) error {
			return s.scripts.publish.Run(ctx, s.client, keys, args...).Err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// untilMillis returns 0 for what never lapses. Only Held seats lapse.
func untilMillis(c booking.SeatChange) int64 {
	if c.State != booking.Held || c.Until.IsZero() {
		return 0
	}
	return c.Until.UnixMilli()
}

// Position implements booking.SeatSource.
func (s *Store) Position(ctx context.Context, performanceID string) (string, error) {
	position := beginning
	err := s.do(ctx, func(ctx context.Context) error {
		last, err := s.client.XRevRangeN(ctx, s.keys.changes(performanceID), "+", "-", 1).Result()
		if err == nil && len(last) > 0 {
			position = last[0].ID
		}
		return err
	})
	return position, err
}

// Holds implements booking.SeatSource.
func (s *Store) Holds(ctx context.Context, performanceID, showtimeID string, seats []string) ([]booking.SeatHold, error) {
	var holds []booking.SeatHold
	for part := range slices.Chunk(seats, chunk) {
		err := s.do(ctx, func(ctx context.Context) error {
			values, err := s.client.MGet(ctx, s.keys.seats(performanceID, showtimeID, part)...).Result()
			if err != nil {
				return err
			}
			holds, err = appendHolds(holds, part, values)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return holds, nil
}

func appendHolds(holds []booking.SeatHold, seats []string, values []any) ([]booking.SeatHold, error) {
	for i, value := range values {
		text, there := value.(string)
		if !there {
			continue
		}
		until, holder, _ := strings.Cut(text, " ")
		if holder == claimMark {
			continue
		}
		at, err := readMillis(until)
		if err != nil {
			return nil, fmt.Errorf("seat %s: %w", seats[i], err)
		}
		holds = append(holds, booking.SeatHold{Seat: seats[i], Until: at})
	}
	return holds, nil
}

// Read implements booking.SeatSource.
func (s *Store) Read(ctx context.Context, positions map[string]string) (map[string]booking.SeatPage, error) {
	pages := make(map[string]booking.SeatPage, len(positions))
	err := s.do(ctx, func(ctx context.Context) error {
		first := make(map[string]*redis.XMessageSliceCmd, len(positions))
		since := make(map[string]*redis.XStreamSliceCmd, len(positions))
		_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for id, position := range positions {
				stream := s.keys.changes(id)
				first[id] = p.XRangeN(ctx, stream, "-", "+", 1)
				since[id] = p.XRead(ctx, &redis.XReadArgs{
					Streams: []string{stream, position}, Count: readAtOnce, Block: -1,
				})
			}
			return nil
		})
		if notNil(err) != nil {
			return err
		}
		for id, position := range positions { // the pipeline tells only its first error
			if err := errors.Join(first[id].Err(), notNil(since[id].Err())); err != nil {
				return err
			}
			if pages[id], err = readPage(position, first[id].Val(), since[id].Val()); err != nil {
				return err
			}
		}
		return nil
	})
	return pages, err
}

// notNil drops the error that stands for "nothing new".
func notNil(err error) error {
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

// readPage makes a page of the stream's first entry and those after position.
func readPage(position string, first []redis.XMessage, since []redis.XStream) (booking.SeatPage, error) {
	page := booking.SeatPage{Next: position}
	if len(first) > 0 && position != beginning {
		trimmed, err := isAfter(first[0].ID, position)
		if err != nil {
			return booking.SeatPage{}, err
		}
		page.Gap = trimmed
	}
	if len(since) == 0 {
		return page, nil
	}
	entries := since[0].Messages
	page.More = len(entries) == readAtOnce
	for _, entry := range entries {
		event, err := readEvent(entry)
		if err != nil {
			return booking.SeatPage{}, err
		}
		page.Events = append(page.Events, event)
		page.Next = entry.ID
	}
	return page, nil
}

func readEvent(entry redis.XMessage) (booking.SeatEvent, error) {
	field := func(name string) string { text, _ := entry.Values[name].(string); return text }
	state, err := strconv.ParseUint(field("s"), 10, 2)
	if err != nil {
		return booking.SeatEvent{}, fmt.Errorf("entry %s: %w", entry.ID, err)
	}
	until, err := readMillis(field("u"))
	if err != nil {
		return booking.SeatEvent{}, fmt.Errorf("entry %s: %w", entry.ID, err)
	}
	return booking.SeatEvent{
		ShowtimeID: field("t"), Seats: strings.Split(field("n"), "\n"),
		State: booking.SeatState(state), Until: until, Claim: field("k") == kindClaim,
	}, nil
}

// isAfter compares two ids of entries, "<milliseconds>-<number>".
func isAfter(a, b string) (bool, error) {
	aTime, aNumber, err := splitID(a)
	if err != nil {
		return false, err
	}
	bTime, bNumber, err := splitID(b)
	if err != nil {
		return false, err
	}
	return aTime > bTime || aTime == bTime && aNumber > bNumber, nil
}

func splitID(id string) (ms, n uint64, err error) {
	head, tail, _ := strings.Cut(id, "-")
	ms, err = strconv.ParseUint(head, 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("stream id %q: %w", id, err)
	}
	n, err = strconv.ParseUint(tail, 10, 64)
	if err != nil {
		return 0, 0, fmt.Errorf("stream id %q: %w", id, err)
	}
	return ms, n, nil
}
