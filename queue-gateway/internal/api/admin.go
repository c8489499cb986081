package api

import (
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/queue"
)

// lineBody is a line as operators see it: its settings, flat, and what is going on.
type lineBody struct {
	Sale string `json:"sale"`
	queue.Policy
	Live queue.Figures `json:"live"`
}

// listLines is GET /v1/admin/queues.
func (a *API) listLines(c *fiber.Ctx) error {
	limit, err := strconv.Atoi(c.Query("limit", "100"))
	if err != nil || limit < 1 || limit > 500 {
		return errs.ErrValidationFailed.WithField("query.limit", "must be 1 … 500")
	}
	sales, err := a.Operator.Lines(c.UserContext())
	if err != nil {
		return err
	}
	cursor := strings.Clone(c.Query("cursor"))
	if cursor != "" && !queue.ValidSaleID(cursor) {
		return errs.ErrBadCursor
	}
	items, next := make([]lineBody, 0, min(limit, len(sales))), ""
	for _, sale := range sales { // sorted
		if cursor != "" && sale <= cursor {
			continue
		}
		if len(items) == limit {
			next = items[limit-1].Sale
			break
		}
		line, err := a.lineBody(c, sale)
		if err != nil {
			return err
		}
		items = append(items, line)
	}
	body := fiber.Map{"items": items, "next_cursor": nil}
	if next != "" {
		body["next_cursor"] = next
	}
	return private(c).JSON(body)
}

// getLine is GET /v1/admin/queues/{sale}.
func (a *API) getLine(c *fiber.Ctx) error {
	return a.sendLine(c, saleOf(c))
}

// patchLine is PATCH /v1/admin/queues/{sale}.
func (a *API) patchLine(c *fiber.Ctx) error {
	var patch queue.Patch
	if err := httpd.ReadJSON(c, &patch); err != nil {
		return err
	}
	if err := clearNulls(&patch, httpd.Body(c)); err != nil {
		return err
	}
	sale := saleOf(c)
	policy, err := a.Operator.Patch(c.UserContext(), sale, patch)
	if err != nil {
		return err
	}
	a.Log.InfoContext(c.UserContext(), "line changed", "sale", sale, "by", c.Locals(callerKey{}), "version", policy.Version, "change", string(httpd.Body(c)))
	return a.sendLine(c, sale)
}

// clearNulls takes null in a patch for what it says: no time is set. What a line cannot be
// without is refused; encoding/json would pass over it as if it were absent.
func clearNulls(patch *queue.Patch, body []byte) error {
	refused := errs.ErrValidationFailed
	for _, name := range httpd.NullMembers(body) {
		switch name {
		case "lobby_opens_at":
			patch.NoLobby = true
		case "opens_at":
			patch.NoOpening = true
		default:
			refused = refused.WithField("body."+name, "must not be null")
		}
	}
	if len(refused.Fields) > 0 {
		return refused
	}
	return nil
}

// commandLine is POST /v1/admin/queues/{sale}/{verb}.
func (a *API) commandLine(c *fiber.Ctx) error {
	sale, verb := saleOf(c), queue.Verb(strings.Clone(c.Params("verb")))
	switch verb {
	case queue.VerbOpen, queue.VerbPause, queue.VerbResume, queue.VerbDrain, queue.VerbClose, queue.VerbReset:
	default:
		return fiber.ErrNotFound
	}
	if err := httpd.ReadJSON(c, &struct{}{}); err != nil {
		return err
	}
	policy, err := a.Operator.Act(c.UserContext(), sale, verb)
	if err != nil {
		return err
	}
	a.Log.InfoContext(c.UserContext(), "line commanded", "sale", sale, "by", c.Locals(callerKey{}), "verb", verb, "state", policy.State, "version", policy.Version)
	return a.sendLine(c, sale)
}

func (a *API) sendLine(c *fiber.Ctx, sale string) error {
	line, err := a.lineBody(c, sale)
	if err != nil {
		return err
	}
	return private(c).JSON(line)
}

func (a *API) lineBody(c *fiber.Ctx, sale string) (lineBody, error) {
	policy, err := a.Operator.Policy(c.UserContext(), sale)
	if err != nil {
		return lineBody{}, err
	}
	figures, err := a.Operator.Figures(c.UserContext(), sale)
	return lineBody{Sale: sale, Policy: policy, Live: figures}, err
}
