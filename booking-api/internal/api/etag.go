package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humafiber"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// tag gives a read an ETag of its body, and answers 304 to whoever has it already.
func (a *api) tag(ctx huma.Context, next func(huma.Context)) {
	next(ctx)
	c := humafiber.Unwrap(ctx)
	response := c.Response()
	if response.StatusCode() != http.StatusOK {
		return
	}
	tag := httpd.TagOf(response.Body())
	c.Set(fiber.HeaderETag, tag)
	if httpd.MatchesTag(c.Get(fiber.HeaderIfNoneMatch), tag) {
		response.ResetBody()
		c.Status(http.StatusNotModified)
	}
}

// positive reads a whole number above 0.
func positive(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n > 0
}
