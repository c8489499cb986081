package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
)

// ErrTicketInvalid says that a code was not made by us.
var ErrTicketInvalid = errs.New(errs.Invalid, "ticket_invalid", "This is not one of our tickets.")

// Ticket lets one person in at the door.
type Ticket struct {
	ID         string
	BookingID  string
	ShowtimeID string
	Seat       string
	Code       string // what its QR shows: "FG1.<id>.<signature>"
	Void       bool   // its booking was cancelled
	IssuedAt   time.Time
}

// TicketKey signs tickets.
type TicketKey struct{ secret []byte }

const (
	minTicketSecret = 32 // bytes
	ticketVersion   = "FG1"
	ticketSignature = 16 // bytes of the HMAC that a code carries
)

// NewTicketKey returns a key made of secret, at least 32 random bytes.
func NewTicketKey(secret []byte) (*TicketKey, error) {
	if len(secret) < minTicketSecret {
		return nil, fmt.Errorf("ticket key: %d bytes, want at least %d", len(secret), minTicketSecret)
	}
	return &TicketKey{secret: append([]byte(nil), secret...)}, nil
}

// Issue returns new tickets for all seats of b.
func (k *TicketKey) Issue(b Booking) []Ticket {
	tickets := make([]Ticket, len(b.Seats))
	for i, seat := range b.Seats {
		id := ident.New("tkt")
		tickets[i] = Ticket{ID: id, BookingID: b.ID, ShowtimeID: b.ShowtimeID, Seat: seat.No, Code: k.code(id)}
	}
	return tickets
}

// Read returns the ticket id that code was signed for, ErrTicketInvalid if we did
// not sign it. Whether the ticket is still valid, only its row says.
func (k *TicketKey) Read(code string) (ticketID string, err error) {
	parts := strings.Split(code, ".")
	if len(parts) != 3 || !hmac.Equal([]byte(code), []byte(k.code(parts[1]))) {
		return "", ErrTicketInvalid
	}
	return parts[1], nil
}

func (k *TicketKey) code(ticketID string) string {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("fairgate-ticket-v1\x00" + ticketID))
	signature := base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:ticketSignature])
	return ticketVersion + "." + ticketID + "." + signature
}
