package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// Problem is how every error looks (RFC 9457). Some codes carry more members.
type Problem struct {
	Type   string         `json:"type" example:"about:blank"`
	Title  string         `json:"title" example:"Conflict"`
	Status int            `json:"status" example:"409"`
	Detail string         `json:"detail" example:"Some of the seats are taken."`
	Code   string         `json:"code" example:"seat_taken" doc:"Stable; clients may rely on it."`
	Errors []ProblemField `json:"errors,omitempty" doc:"The faulty fields of validation_failed."`

	err     *errs.Error
	headers http.Header
}

// ProblemField is one faulty field.
type ProblemField struct {
	Location string `json:"location" example:"body.seats[2]"`
	Message  string `json:"message" example:"is there twice"`
}

func (p *Problem) Error() string { return p.err.Error() }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return httpd.ContentTypeProblem }

// MarshalJSON renders the members of the code beside the common ones.
func (p *Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(httpd.Problem(p.err, p.Status))
}

func newProblem(e *errs.Error, status int) *Problem {
	p := &Problem{Status: status, Code: e.Code, err: e, headers: http.Header{"Cache-Control": {"no-store"}}}
	if e.RetryAfter > 0 {
		p.headers.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	return p
}

var problemsOnce sync.Once

// useProblems makes huma render its own refusals as ours. huma has one hook for
// the whole process, and all APIs in it want the same.
func useProblems() {
	problemsOnce.Do(func() {
		huma.ValidateStrictCasing = true // a member called Amount is not amount, whatever the decoder thinks
		huma.NewErrorWithContext = func(_ huma.Context, status int, message string, details ...error) huma.StatusError {
			return humaProblem(status, message, details)
		}
		huma.NewError = func(status int, message string, details ...error) huma.StatusError {
			return humaProblem(status, message, details)
		}
	})
}

func humaProblem(status int, message string, details []error) *Problem {
	switch status {
	case http.StatusBadRequest:
		return newProblem(errs.ErrMalformedJSON, status)
	case http.StatusUnprocessableEntity:
		return newProblem(fields(details), status)
	case http.StatusRequestEntityTooLarge:
		return newProblem(errs.New(errs.Malformed, "body_too_large", "The body is larger than this address takes."), status)
	case 0: // huma asks for an empty one to see its schema
		return &Problem{}
	}
	return newProblem(errs.ErrInternal.Because(fmt.Errorf("%s: %w", message, errors.Join(details...))), http.StatusInternalServerError)
}

func fields(details []error) *errs.Error {
	e := errs.ErrValidationFailed
	for _, detail := range details {
		var d huma.ErrorDetailer
		if errors.As(detail, &d) {
			e = e.WithField(d.ErrorDetail().Location, d.ErrorDetail().Message)
		} else if detail != nil {
			e = e.WithField("body", detail.Error())
		}
	}
	return e
}

// problem is a handler's error as huma sends it. Faults of ours are logged here,
// once; their causes never reach the caller.
func (a *api) problem(ctx context.Context, err error) error {
	err = postgres.Explain(err)
	e := errs.From(err)
	p := newProblem(e, httpd.Status(e.Kind))
	if p.Status >= http.StatusInternalServerError {
		a.Log.ErrorContext(ctx, "request failed", "status", p.Status, "error", err)
	}
	if errors.Is(err, errs.ErrRateLimited) {
		a.describeLimit(p, e)
	}
	return p
}

// describeLimit adds the RateLimit headers of the limit that was hit.
func (a *api) describeLimit(p *Problem, e *errs.Error) {
	name, _ := e.Extra["limit"].(string)
	if name == "" {
		return // no limit of this caller's: there is a crowd
	}
	wait := int(math.Ceil(e.RetryAfter.Seconds()))
	p.headers.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=60", name, a.Limits[name]))
	p.headers.Set("RateLimit", fmt.Sprintf("%q;r=0;t=%d", name, wait))
}
