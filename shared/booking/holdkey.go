package booking

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"strings"
	"sync"
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

const signedLabel = "fairgate-hold-id-v1\x00"

var holdEncoding = base64.RawURLEncoding.Strict()

// HoldKey signs holds. A hold's id carries all that the hold is, so that it can be
// read and booked while Redis is down, and cannot be made up or changed.
type HoldKey struct{ macs *sync.Pool } // of *mac, which are dear to make

// NewHoldKey returns a key made of secret, at least 32 random bytes.
func NewHoldKey(secret []byte) (HoldKey, error) {
	if len(secret) < minHoldSecret {
		return HoldKey{}, fmt.Errorf("hold key: %d bytes, want at least %d", len(secret), minHoldSecret)
	}
	secret = slices.Clone(secret)
	return HoldKey{macs: &sync.Pool{New: func() any { return &mac{Hash: hmac.New(sha256.New, secret)} }}}, nil
}

// mac is a keyed hash with room for what is written to it and for its sum.
type mac struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

// of returns the leading bytes of the sum over text, valid until the next call.
func (m *mac) of(text []byte, bytes int) []byte {
	m.Reset()
	m.Write(text)
	return m.Sum(m.sum[:0])[:bytes]
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
	m := k.mac()
	defer k.macs.Put(m)
	m.text = appendHold(append(m.text[:0], signedLabel...), hold)
	payload, tag := m.text[len(signedLabel):], m.of(m.text, tagBytes)
	id := make([]byte, 0, holdEncoding.EncodedLen(len(payload))+1+holdEncoding.EncodedLen(tagBytes))
	id = append(holdEncoding.AppendEncode(id, payload), '.')
	return string(holdEncoding.AppendEncode(id, tag))
}

// appendHold writes what json.Marshal would write of the hold's signedHold.
func appendHold(b []byte, hold Hold) []byte {
	b = appendMember(b, `{"n":`, hold.Nonce)
	b = appendMember(b, `,"l":`, hold.SaleID)
	b = appendMember(b, `,"p":`, hold.PerformanceID)
	b = appendMember(b, `,"t":`, hold.ShowtimeID)
	b = appendMember(b, `,"a":`, hold.AccountID)
	b = append(b, `,"s":[`...)
	comma := ""
	for _, no := range hold.Seats {
		b = appendMember(b, comma, no)
		comma = ","
	}
	b = append(b, ']')
	if q := hold.Session; q != nil {
		b = appendMember(b, `,"q":{"sale_id":`, q.SaleID)
		b = strconv.AppendUint(append(b, `,"epoch":`...), uint64(q.Epoch), 10)
		b = append(strconv.AppendUint(append(b, `,"n":`...), q.N, 10), '}')
	}
	b = strconv.AppendInt(append(b, `,"x":`...), hold.ExpiresAt.UnixMilli(), 10)
	b = strconv.AppendInt(append(b, `,"w":`...), int64(hold.Amount), 10)
	if hold.InPostgres {
		b = append(b, `,"f":true`...)
	}
	return append(b, '}')
}

// appendMember writes a text behind what opens it.
func appendMember(b []byte, opening, text string) []byte {
	b = append(b, opening...)
	if !isPlain(text) {
		escaped, _ := json.Marshal(text) // a string cannot fail
		return append(b, escaped...)
	}
	return append(append(append(b, '"'), text...), '"')
}

// isPlain reports whether JSON writes a text as it is.
func isPlain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c > '~', c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
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
	if err != nil || !k.made(payload, tag) {
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
	if !slices.IsSorted(seats) {
		seats = slices.Sorted(slices.Values(seats))
	}
	m := k.mac()
	defer k.macs.Put(m)
	var nonce [2 * RequestLength]byte
	m.text = appendParts(m.text[:0], "fairgate-hold-request-v1", accountID, showtimeID, idempotencyKey)
	holdEncoding.Encode(nonce[:], m.of(m.text, digestBytes))
	m.text = appendParts(m.text[:0], "fairgate-hold-seats-v1", accountID, showtimeID, idempotencyKey)
	m.text = appendParts(m.text, seats...)
	holdEncoding.Encode(nonce[RequestLength:], m.of(m.text, digestBytes))
	return string(nonce[:])
}

// appendParts writes parts, each with its length before it, so that no two lists of
// parts give the same bytes.
func appendParts(b []byte, parts ...string) []byte {
	for _, part := range parts {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// made reports whether payload was signed with the key.
func (k HoldKey) made(payload, tag []byte) bool {
	m := k.mac()
	defer k.macs.Put(m)
	m.text = append(append(m.text[:0], signedLabel...), payload...)
	return hmac.Equal(tag, m.of(m.text, tagBytes))
}

func (k HoldKey) mac() *mac { return k.macs.Get().(*mac) }
