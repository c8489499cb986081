package queue

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/clock"
)

// The header and the audience of a place token.
const (
	PlaceType     = "place+jwt"
	PlaceAudience = "queue-gateway"
)

// PlaceTokenTTL is how long a place token lives: longer than any line.
const PlaceTokenTTL = 14 * 24 * time.Hour

const minPlaceKey = 32 // bytes, as HS256 asks

type placeClaims struct {
	jwt.RegisteredClaims
	Sale  string `json:"sale"`
	Epoch uint32 `json:"epoch"`
	N     uint64 `json:"n"`
}

// PlaceTokens mints and verifies place tokens and derives what only their key's
// holder may: public ids of places and digests of subjects.
type PlaceTokens struct {
	sign, id, subject []byte
	clock             clock.Clock
}

// NewPlaceTokens derives its keys from key, at least 32 bytes.
func NewPlaceTokens(key []byte, clock clock.Clock) (*PlaceTokens, error) {
	if len(key) < minPlaceKey {
		return nil, fmt.Errorf("queue: the place key has %d bytes, fewer than %d", len(key), minPlaceKey)
	}
	return &PlaceTokens{
		sign: mac(key, "fairgate-place-token"), id: mac(key, "fairgate-place-id"), subject: mac(key, "fairgate-subject"),
		clock: clock,
	}, nil
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// PlaceID returns the public id of place n: 32 hexadecimal digits.
func (t *PlaceTokens) PlaceID(saleID string, epoch uint32, n uint64) string {
	message := binary.BigEndian.AppendUint32([]byte(saleID+"\x00"), epoch)
	message = binary.BigEndian.AppendUint64(message, n)
	return hex.EncodeToString(mac(t.id, string(message))[:16])
}

// SubjectDigest returns the 16 bytes under which a line remembers a subject.
func (t *PlaceTokens) SubjectDigest(saleID string, epoch uint32, subject string) []byte {
	message := binary.BigEndian.AppendUint32([]byte(saleID+"\x00"), epoch)
	return mac(t.subject, string(message)+subject)[:16]
}

// Mint returns the signed token of a place.
func (t *PlaceTokens) Mint(ref PlaceRef) (string, error) {
	now := t.clock.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, placeClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: ref.Subject, Audience: jwt.ClaimStrings{PlaceAudience},
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(PlaceTokenTTL)),
		},
		Sale: ref.SaleID, Epoch: ref.Epoch, N: ref.N,
	})
	token.Header["typ"] = PlaceType
	return token.SignedString(t.sign)
}

// Verify returns the place that token names in the line of saleID. Errors:
// ErrPlaceRequired for an empty token, ErrPlaceInvalid.
func (t *PlaceTokens) Verify(token, saleID string) (PlaceRef, error) {
	if token == "" {
		return PlaceRef{}, ErrPlaceRequired
	}
	var claims placeClaims
	_, err := t.parser().ParseWithClaims(token, &claims, func(parsed *jwt.Token) (any, error) {
		if typ, _ := parsed.Header["typ"].(string); typ != PlaceType {
			return nil, fmt.Errorf("typ %q is not %q", typ, PlaceType)
		}
		return t.sign, nil
	})
	if err != nil {
		return PlaceRef{}, ErrPlaceInvalid.Because(err)
	}
	if claims.Sale != saleID || claims.N == 0 || claims.Subject == "" {
		return PlaceRef{}, ErrPlaceInvalid
	}
	return PlaceRef{
		SaleID: saleID, Epoch: claims.Epoch, N: claims.N, Subject: claims.Subject,
		ID: t.PlaceID(saleID, claims.Epoch, claims.N),
	}, nil
}

func (t *PlaceTokens) parser() *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithAudience(PlaceAudience),
		jwt.WithExpirationRequired(), jwt.WithStrictDecoding(), jwt.WithTimeFunc(t.clock.Now),
	)
}
