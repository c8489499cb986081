// Package errs is the vocabulary of failure: every error that reaches a caller
// has a kind, which decides what a door does with it, and a stable code, which
// clients may rely on.
package errs

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Kind says what a failure means to the caller, independent of any protocol.
type Kind uint8

// The kinds, with the HTTP status that platform/httpd gives them.
const (
	Internal        Kind = iota // 500: a fault of ours
	Malformed                   // 400: cannot be read at all
	Unauthenticated             // 401: who are you?
	Forbidden                   // 403: you may not
	NotFound                    // 404: no such thing, or not yours
	Conflict                    // 409: the state forbids it
	Gone                        // 410: it was there, it will not come back
	Invalid                     // 422: read, but not acceptable
	Limited                     // 429: too often
	Unavailable                 // 503: a dependency is down, try again
)

// Field is one fault of one input field.
type Field struct {
	Location string // e.g. "body.seats[2]"
	Message  string
}

// Error is a failure with a stable code. Nouns declare theirs as sentinels and
// return copies made by its With… methods; errors.Is matches by code.
type Error struct {
	Kind       Kind
	Code       string // stable, snake_case
	Message    string // one sentence for a developer; never a secret
	RetryAfter time.Duration
	Extra      map[string]any // rendered flat beside the code
	Fields     []Field
	cause      error
}

// New declares an error.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

func (e *Error) Error() string {
	if e == nil { // From(nil) as an error is not nil, and must not panic in a log line
		return "no error"
	}
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return e.Code + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is an *Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Because returns a copy that wraps cause.
func (e *Error) Because(cause error) *Error {
	c := e.copy()
	c.cause = cause
	return c
}

// WithMessage returns a copy with another message.
func (e *Error) WithMessage(format string, args ...any) *Error {
	c := e.copy()
	c.Message = fmt.Sprintf(format, args...)
	return c
}

// With returns a copy with one more extra member.
func (e *Error) With(key string, value any) *Error {
	c := e.copy()
	if c.Extra == nil {
		c.Extra = map[string]any{}
	}
	c.Extra[key] = value
	return c
}

// maxFields is how many faulty fields an error names: whoever mends these hears of the
// next ones. Without a bound a body of faults would cost the square of its size.
const maxFields = 20

// WithField returns a copy with one more faulty field, or e when it names enough of them.
func (e *Error) WithField(location, message string) *Error {
	if len(e.Fields) >= maxFields {
		return e
	}
	c := e.copy()
	c.Fields = append(c.Fields, Field{location, message})
	return c
}

// WithRetryAfter returns a copy that asks the caller to wait.
func (e *Error) WithRetryAfter(d time.Duration) *Error {
	c := e.copy()
	c.RetryAfter = d
	return c
}

func (e *Error) copy() *Error {
	c := *e
	c.Extra = maps.Clone(e.Extra)
	c.Fields = append([]Field(nil), e.Fields...)
	return &c
}

// The errors that every service knows.
var (
	ErrInternal         = New(Internal, "internal", "Something went wrong on our side.")
	ErrMalformedJSON    = New(Malformed, "malformed_json", "The body is not valid JSON.")
	ErrBadCursor        = New(Malformed, "bad_cursor", "The cursor is not one of ours.")
	ErrUnauthenticated  = New(Unauthenticated, "unauthenticated", "Log in first.")
	ErrForbidden        = New(Forbidden, "forbidden", "You may not do this.")
	ErrNotFound         = New(NotFound, "not_found", "There is nothing here.")
	ErrValidationFailed = New(Invalid, "validation_failed", "The request is not valid.")
	ErrRateLimited      = New(Limited, "rate_limited", "Too many requests.")
	ErrUpstream         = New(Unavailable, "upstream_unavailable", "A service behind this one does not answer.")
)

// From returns err as an *Error; whatever is not one becomes ErrInternal
// wrapping it. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return ErrInternal.Because(err)
}

// KindOf returns the kind of err, Internal when it has none or is nil.
func KindOf(err error) Kind {
	if e := From(err); e != nil {
		return e.Kind
	}
	return Internal
}
