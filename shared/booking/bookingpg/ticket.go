package bookingpg

import (
	"context"
	"errors"

	"github.com/fairgate/fairgate/shared/booking"
)

// IssueTickets implements booking.Bookings.
func (s *Store) IssueTickets(ctx context.Context, bookingID string, key *booking.TicketKey) error {
	if key == nil {
		return errors.New("bookingpg: no key to sign tickets with")
	}
	return s.inTx(ctx, func(tx *work) error {
		l, err := lock(ctx, tx, bookingID)
		if err != nil || l.State != booking.Confirmed || len(l.Tickets) == len(l.Seats) {
			return err
		}
		l.issueTickets(tx, key)
		return nil
	})
}

// issueTickets stores a ticket for every seat that has none.
func (l *locked) issueTickets(tx *work, key *booking.TicketKey) {
	tickets := key.Issue(l.Booking)
	ids, seats, codes := make([]string, len(tickets)), make([]string, len(tickets)), make([]string, len(tickets))
	for i, t := range tickets {
		ids[i], seats[i], codes[i] = t.ID, t.Seat, t.Code
	}
	const q = `
		INSERT INTO ticket (id, booking_id, account_id, showtime_id, seat, code)
		SELECT id, $1, $2, $3, seat, code FROM unnest($4::text[], $5::text[], $6::text[]) AS t (id, seat, code)
		ON CONFLICT (booking_id, seat) DO NOTHING`
	tx.Queue(q, l.ID, l.AccountID, l.ShowtimeID, ids, seats, codes)
	l.Tickets = tickets
}

// voidTickets ends the tickets of a booking that is being cancelled.
func (l *locked) voidTickets(tx *work) {
	tx.Queue(`UPDATE ticket SET state = 'void' WHERE booking_id = $1`, l.ID)
	for i := range l.Tickets {
		l.Tickets[i].Void = true
	}
}
