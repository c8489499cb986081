package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/event"
	"github.com/fairgate/fairgate/shared/money"
)

// Lengths of what HoldKey makes.
const (
	minHoldSecret = 32 // bytes
	maxHoldID     = 4096
	tagBytes      = 16 // of the signature
	digestBytes   = 9  // of each half of a nonce: 12 characters
	// RequestLength is how many leading characters of a nonce name the request
	// (account, showtime and idempotency key); the rest names the seats.
	RequestLength = 12
)

var holdEncoding = base64.RawURLEncoding.Strict()

// HoldKey signs holds. A hold's id carries all that the hold is, so that it can be
// read and booked while Redis is down, and cannot be made up or changed.
type HoldKey struct{ secret []byte }

// NewHoldKey returns a key made of secret, at least 32 random bytes.
func NewHoldKey(secret []byte) (HoldKey, error) {
	if len(secret) < minHoldSecret {
		return HoldKey{}, fmt.Errorf("hold key: %d bytes, want at least %d", len(secret), minHoldSecret)
	}
	return HoldKey{secret: slices.Clone(secret)}, nil
}

// signedHold is the wire form of a Hold; its short names keep the id short.
type signedHold struct {
	Nonce       string         `json:"n"`
	Sale        string         `json:"l"`
	Performance string         `json:"p"`
	Showtime    string         `json:"t"`
	Account     string         `json:"a"`
	Seats       []string       `json:"s"`
	Session     *event.Session `json:"q,omitempty"`
	ExpiresAt   int64          `json:"x"` // unix milliseconds
	Amount      money.KRW      `json:"w"`
	InPostgres  bool           `json:"f,omitempty"`
}

// Sign returns the id of hold: URL-safe, some 300 characters. It covers every
// field but ID; ExpiresAt is cut to milliseconds.
func (k HoldKey) Sign(hold Hold) string {
	payload, err := json.Marshal(signedHold{
		Nonce: hold.Nonce, Sale: hold.SaleID, Performance: hold.PerformanceID, Showtime: hold.ShowtimeID,
		Account: hold.AccountID, Seats: hold.Seats, Session: hold.Session,
		ExpiresAt: hold.ExpiresAt.UnixMilli(), Amount: hold.Amount, InPostgres: hold.InPostgres,
	})
	if err != nil {
		panic(err) // strings and integers only: cannot happen
	}
	return holdEncoding.EncodeToString(payload) + "." + holdEncoding.EncodeToString(k.tag(payload))
}

// Open returns the hold that id was made of; ErrHoldNotFound if we did not make id.
// It does not look at the time: see Hold.Lapsed.
func (k HoldKey) Open(id string) (Hold, error) {
	body, signature, ok := strings.Cut(id, ".")
	if !ok || len(id) > maxHoldID {
		return Hold{}, ErrHoldNotFound
	}
	payload, err := holdEncoding.DecodeString(body)
	if err != nil {
		return Hold{}, ErrHoldNotFound
	}
	tag, err := holdEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(tag, k.tag(payload)) {
		return Hold{}, ErrHoldNotFound
	}
	var signed signedHold
	if err := json.Unmarshal(payload, &signed); err != nil {
		return Hold{}, ErrHoldNotFound.Because(err)
	}
	return Hold{
		ID: id, Nonce: signed.Nonce, SaleID: signed.Sale, PerformanceID: signed.Performance,
		ShowtimeID: signed.Showtime, AccountID: signed.Account, Seats: signed.Seats, Session: signed.Session,
		ExpiresAt: time.UnixMilli(signed.ExpiresAt).UTC(), Amount: signed.Amount,
		InPostgres: signed.InPostgres,
	}, nil
}

// Nonce names a hold before it exists: the same account, showtime, idempotency key
// and set of seats give the same 24 URL-safe characters, which nobody else can
// guess. Its first RequestLength characters do not depend on the seats.
func (k HoldKey) Nonce(accountID, showtimeID, idempotencyKey string, seats []string) string {
	request := k.digest("fairgate-hold-request-v1", accountID, showtimeID, idempotencyKey)
	sorted := slices.Sorted(slices.Values(seats))
	parts := append([]string{"fairgate-hold-seats-v1", accountID, showtimeID, idempotencyKey}, sorted...)
	return request + k.digest(parts...)
}

func (k HoldKey) tag(payload []byte) []byte {
	mac := hmac.New(sha256.New, k.secret)
	mac.Write([]byte("fairgate-hold-id-v1\x00"))
	mac.Write(payload)
	return mac.Sum(nil)[:tagBytes]
}

// digest hashes parts, each with its length before it, so that no two lists of
// parts give the same bytes.
func (k HoldKey) digest(parts ...string) string {
	mac := hmac.New(sha256.New, k.secret)
	var length [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(part)))
		mac.Write(length[:])
		mac.Write([]byte(part))
	}
	return holdEncoding.EncodeToString(mac.Sum(nil)[:digestBytes])
}
