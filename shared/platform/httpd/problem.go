package httpd

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
)

// ContentTypeProblem is the media type of every error (RFC 9457).
const ContentTypeProblem = "application/problem+json"

var statusOf = map[errs.Kind]int{
	errs.Internal:        http.StatusInternalServerError,
	errs.Malformed:       http.StatusBadRequest,
	errs.Unauthenticated: http.StatusUnauthorized,
	errs.Forbidden:       http.StatusForbidden,
	errs.NotFound:        http.StatusNotFound,
	errs.Conflict:        http.StatusConflict,
	errs.Gone:            http.StatusGone,
	errs.Invalid:         http.StatusUnprocessableEntity,
	errs.Limited:         http.StatusTooManyRequests,
	errs.Unavailable:     http.StatusServiceUnavailable,
}

// Status returns the HTTP status of a kind of failure.
func Status(k errs.Kind) int { return statusOf[k] }

// Problem renders e as the members of a problem+json object.
func Problem(e *errs.Error, status int) map[string]any {
	p := map[string]any{}
	for k, v := range e.Extra {
		p[k] = v
	}
	p["type"] = "about:blank"
	p["title"] = http.StatusText(status)
	p["status"] = status
	p["detail"] = e.Message
	p["code"] = e.Code
	if len(e.Fields) > 0 {
		fields := make([]map[string]string, len(e.Fields))
		for i, f := range e.Fields {
			fields[i] = map[string]string{"location": f.Location, "message": f.Message}
		}
		p["errors"] = fields
	}
	if e.RetryAfter > 0 {
		if _, set := p["retry_after_ms"]; !set {
			p["retry_after_ms"] = e.RetryAfter.Milliseconds()
		}
	}
	return p
}

// WriteError answers with err as problem+json. Faults of ours are logged here,
// once, and their causes never reach the caller.
func WriteError(c *fiber.Ctx, log *slog.Logger, err error) error {
	e, status := translate(err)
	if status >= http.StatusInternalServerError {
		log.ErrorContext(c.UserContext(), "request failed", "method", c.Method(), "path", c.Path(), "status", status, "error", err)
	}
	return WriteProblem(c, e, status)
}

// WriteProblem answers with e under status.
func WriteProblem(c *fiber.Ctx, e *errs.Error, status int) error {
	body, err := json.Marshal(Problem(e, status))
	if err != nil {
		return err
	}
	if e.RetryAfter > 0 && (status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable) {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if len(c.Response().Header.Peek(HeaderRequestID)) == 0 { // refused before any middleware ran
		c.Set(HeaderRequestID, ident.New("req"))
	}
	c.Set(fiber.HeaderContentType, ContentTypeProblem)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Status(status).Send(body)
}

// translate is the one mapping from errors to HTTP, the router's own included.
func translate(err error) (*errs.Error, int) {
	var router *fiber.Error
	if errors.As(err, &router) {
		return routerError(router)
	}
	e := errs.From(err)
	if e.Code == errEncoded.Code {
		return e, http.StatusUnsupportedMediaType
	}
	return e, Status(e.Kind)
}

func routerError(err *fiber.Error) (*errs.Error, int) {
	switch err.Code {
	case http.StatusNotFound:
		return errs.ErrNotFound, err.Code
	case http.StatusMethodNotAllowed:
		return errs.New(errs.Malformed, "method_not_allowed", "This address does not take that method."), err.Code
	case http.StatusRequestEntityTooLarge:
		return errs.New(errs.Malformed, "body_too_large", "The body is larger than this address takes."), err.Code
	case http.StatusUnsupportedMediaType:
		return errs.New(errs.Malformed, "unsupported_media_type", "Send application/json in UTF-8."), err.Code
	case http.StatusRequestHeaderFieldsTooLarge:
		return errs.New(errs.Malformed, "headers_too_large", "The headers are larger than this server takes."), err.Code
	case http.StatusRequestTimeout:
		return errs.New(errs.Malformed, "request_timeout", "The request took too long to arrive."), err.Code
	}
	if err.Code >= http.StatusInternalServerError {
		return errs.ErrInternal, err.Code
	}
	return errs.New(errs.Malformed, "bad_request", "The request cannot be read."), err.Code
}
