package api

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

// plainHold answers the holds that come by the thousand: seats by number, written as
// plainly as every client of ours does. It saves them huma's chain, which costs as much
// as everything else that the API does for a hold. A request that is not as plain is
// left, untouched, to the route that huma describes and serves, so that what a body may
// be is decided there alone.
func (a *api) plainHold(c *fiber.Ctx) error {
	request, ok := plainRequest(c)
	if !ok {
		return c.Next()
	}
	caller, err := a.callerOf(c)
	if err != nil {
		return err
	}
	request.AccountID = caller.ID
	offer, err := a.Holds.Offer(c.UserContext(), request.ShowtimeID)
	switch {
	case err == nil:
		session, err := a.passOf(c, caller.ID, offer.Sale)
		if err != nil {
			return postgres.Explain(err)
		}
		request.Offer = &offer
		bindTo(session, &request)
	case !isNotFound(err): // which is for Hold to say, after what is wrong with the seats
		return postgres.Explain(err)
	}
	hold, err := a.Holds.Hold(c.UserContext(), request)
	if err != nil {
		return postgres.Explain(err)
	}
	c.Set(fiber.HeaderContentType, jsonType)
	c.Set(fiber.HeaderCacheControl, "no-store")
	return json.NewEncoder(c.Status(http.StatusCreated)).Encode(holdOf(hold))
}

// plainRequest reads a request whose answer needs nothing but its seats. Of what it
// returns only the IdempotencyKey may not be kept.
func plainRequest(c *fiber.Ctx) (booking.HoldRequest, bool) {
	contentType, key, showtimeID := c.Get(fiber.HeaderContentType), c.Get(headerIdempotency), c.Params("id")
	if contentType != jsonType || !isKey(key) || len(showtimeID) > maxID || len(c.Request().URI().QueryString()) > 0 {
		return booking.HoldRequest{}, false
	}
	seats, ok := plainSeats(httpd.Body(c))
	return booking.HoldRequest{ShowtimeID: strings.Clone(showtimeID), IdempotencyKey: key, Seats: seats}, ok
}

// plainSeats reads {"seats":["…","…"]} of printable ASCII, without a space or an escape,
// and nothing else: there is nothing to normalise in it.
func plainSeats(body []byte) ([]string, bool) {
	list, isList := strings.CutPrefix(string(body), `{"seats":["`)
	list, isWhole := strings.CutSuffix(list, `"]}`)
	seats := strings.Split(list, `","`)
	if !isList || !isWhole || len(seats) > maxSeatsAsked {
		return nil, false
	}
	for _, seat := range seats {
		for i := range len(seat) {
			if c := seat[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
				return nil, false
			}
		}
	}
	return seats, true
}
