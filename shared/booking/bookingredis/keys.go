package bookingredis

import (
	"strconv"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/event"
)

// keys builds every key. All keys of a performance share the hash tag
// {pf:<performance>}, because the limit of an account spans its showtimes.
type keys struct{ prefix string }

func (k keys) of(performanceID, rest string) string {
	return k.prefix + "{pf:" + performanceID + "}:" + rest
}

// seat is a string "<until> <nonce>", until in Unix milliseconds, that expires with
// the hold. A claim has the nonce claimMark; one that never lapses has until 0.
func (k keys) seat(performanceID, showtimeID, no string) string {
	return k.of(performanceID, "seat:"+showtimeID+":"+no)
}

// limit is a sorted set of an account's live seats in a sale: "<showtime> <seat>" →
// end, infinite for sold seats.
func (k keys) limit(performanceID, saleID, accountID string) string {
	return k.of(performanceID, "limit:"+saleID+":"+accountID)
}

// record is a hash of what an idempotency key was answered, for a day: request,
// nonce, until, seats (one a line), session ("<epoch> <n>" in the sale's line, or
// empty), attempts (with spaces between, a "-" before those that are known to be
// unanswered), and released once it was. Where the account held the seats already,
// nonce names that hold, whose own record is found by it.
func (k keys) record(hold booking.Hold) string { return k.recordOf(hold.PerformanceID, hold.Nonce) }

func (k keys) recordOf(performanceID, nonce string) string {
	return k.of(performanceID, "request:"+nonce[:booking.RequestLength])
}

// session is a hash of what was placed in a session of the sale's line: nonce → showtime,
// account and seats, one a line; and "over" once the session was ended.
func (k keys) session(performanceID string, session event.Session) string {
	return k.of(performanceID, "session:"+session.SaleID+":"+strconv.FormatUint(uint64(session.Epoch), 10)+":"+strconv.FormatUint(session.N, 10))
}

// changes is the stream of seat changes. An entry has t (showtime), k (hold or
// claim), s (booking.SeatState), u (until; 0: never) and n (seats, one a line).
func (k keys) changes(performanceID string) string { return k.of(performanceID, "changes") }

func (k keys) seats(performanceID, showtimeID string, numbers []string) []string {
	list := make([]string, len(numbers))
	for i, no := range numbers {
		list[i] = k.seat(performanceID, showtimeID, no)
	}
	return list
}
