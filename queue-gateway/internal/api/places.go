package api

import (
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/queue"
)

type etaBody struct {
	P50 int64 `json:"p50"` // seconds
	P90 int64 `json:"p90"`
}

type placeBody struct {
	PlaceToken    string           `json:"place_token,omitempty"`
	ID            string           `json:"id"`
	N             uint64           `json:"n"`
	Key           *string          `json:"key"`
	State         queue.PlaceState `json:"state"`
	Reason        string           `json:"reason,omitempty"`
	Ahead         *uint64          `json:"ahead"`
	Total         uint64           `json:"total"`
	ETA           *etaBody         `json:"eta_seconds"`
	ClaimBefore   *time.Time       `json:"claim_before"`
	SessionEndsAt *time.Time       `json:"session_ends_at"`
	PollAfterMS   int64            `json:"poll_after_ms"`
}

func bodyOf(p queue.Place) placeBody {
	body := placeBody{
		ID: p.ID, N: p.N, State: p.State, Reason: p.Reason, Ahead: p.Ahead, Total: p.Total, ETA: etaOf(p),
		ClaimBefore: timeOf(p.ClaimBefore), SessionEndsAt: timeOf(p.SessionEndsAt), PollAfterMS: p.PollAfter.Milliseconds(),
	}
	if p.Key != "" {
		body.Key = &p.Key
	}
	return body
}

func etaOf(p queue.Place) *etaBody {
	if p.ETA == nil {
		return nil
	}
	return &etaBody{P50: int64(p.ETA.P50 / time.Second), P90: int64(p.ETA.P90 / time.Second)}
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// join is POST /v1/queues/{sale}/places.
func (a *API) join(c *fiber.Ctx) error {
	policy, err := a.Lines.Policy(saleOf(c))
	if err != nil {
		return err
	}
	subject, err := a.subject(c, policy)
	if err != nil {
		return err
	}
	if err := httpd.ReadJSON(c, &struct{}{}); err != nil {
		return err
	}
	place, token, created, err := a.joinAs(c, policy, subject)
	if err != nil {
		return err
	}
	body := bodyOf(place)
	body.PlaceToken = token
	status := fiber.StatusOK
	if created {
		status = fiber.StatusCreated
	}
	return private(c).Status(status).JSON(body)
}

// joinAs gives subject its place and sets its cookie.
func (a *API) joinAs(c *fiber.Ctx, policy queue.Policy, subject string) (queue.Place, string, bool, error) {
	if err := httpd.Spend(c, a.joins, httpd.ClientNetwork(c)); err != nil {
		return queue.Place{}, "", false, err
	}
	if policy.Challenge != "" {
		return queue.Place{}, "", false, queue.ErrChallengeRequired.With("challenge", policy.Challenge)
	}
	place, created, err := a.Lines.Join(c.UserContext(), policy.SaleID, subject)
	if err != nil {
		return place, "", false, err
	}
	place.Subject = subject
	token, err := a.Tokens.Mint(place.PlaceRef)
	if err != nil {
		return place, "", false, err
	}
	a.clearEndedLines(c)
	a.setCookie(c, placeCookie(policy.SaleID), token, a.Clock.Now().Add(queue.PlaceTokenTTL))
	return place, token, created, nil
}

// subject returns who joins: the account that the Bearer names, or the browser
// that the place token names, or a browser not seen before. It limits how often one
// who is known may join, and how many new browsers a network may have.
func (a *API) subject(c *fiber.Ctx, policy queue.Policy) (string, error) {
	if policy.Identity == queue.ByAccount {
		who, err := a.account(c)
		if err != nil {
			return "", err
		}
		return who.Subject, httpd.Spend(c, a.ownJoins, who.Subject)
	}
	tokens, fromCookie := placeTokens(c, policy.SaleID)
	for _, token := range tokens {
		ref, err := a.Tokens.Verify(token, policy.SaleID)
		if err != nil {
			continue
		}
		if fromCookie {
			if err := a.sameSite(c); err != nil {
				return "", err
			}
		}
		return ref.Subject, httpd.Spend(c, a.ownJoins, ref.Subject)
	}
	// Whoever has no valid token is somebody new, as often as they like to be: what
	// bounds their places is the network that they come from.
	return ident.New("br"), httpd.Spend(c, a.browsers, httpd.ClientNetwork(c))
}

// place is GET /v1/queues/{sale}/places/me.
func (a *API) place(c *fiber.Ctx) error {
	ref, _, err := a.placeOf(c)
	if err != nil {
		return err
	}
	place, err := a.Lines.Place(c.UserContext(), ref)
	if err != nil {
		return a.invalidate(c, ref, err)
	}
	a.endCookie(c, ref, place.State)
	return private(c).JSON(bodyOf(place))
}

// presence is POST /v1/queues/{sale}/places/me/presence.
func (a *API) presence(c *fiber.Ctx) error {
	ref, _, err := a.placeOf(c)
	if err != nil {
		return err
	}
	if err := httpd.ReadJSON(c, &struct{}{}); err != nil {
		return err
	}
	place, err := a.Lines.Place(c.UserContext(), ref)
	if err != nil {
		return a.invalidate(c, ref, err)
	}
	if place.State == queue.PlaceWaiting || place.State == queue.PlaceLobby {
		return private(c).SendStatus(fiber.StatusNoContent)
	}
	a.endCookie(c, ref, place.State)
	return private(c).JSON(bodyOf(place))
}

// entry is POST /v1/queues/{sale}/places/me/entry.
func (a *API) entry(c *fiber.Ctx) error {
	ref, policy, err := a.placeOf(c)
	if err != nil {
		return err
	}
	if err := httpd.ReadJSON(c, &struct{}{}); err != nil {
		return err
	}
	pass, endsAt, err := a.enter(c, ref, policy)
	if err != nil {
		return err
	}
	return private(c).JSON(fiber.Map{"entry_pass": pass, "expires_at": endsAt.UTC()})
}

// enter claims or enters and sets the pass's cookie.
func (a *API) enter(c *fiber.Ctx, ref queue.PlaceRef, policy queue.Policy) (string, time.Time, error) {
	if err := httpd.Spend(c, a.entries, ref.ID); err != nil {
		return "", time.Time{}, err
	}
	session, err := a.Lines.Enter(c.UserContext(), ref)
	if err != nil {
		return "", time.Time{}, a.invalidate(c, ref, err)
	}
	pass, err := a.Passes.Mint(session, ref.Subject, policy.Identity)
	if err != nil {
		return "", time.Time{}, err
	}
	a.setCookie(c, passCookie(policy.SaleID), pass, session.EndsAt)
	return pass, session.EndsAt, nil
}

// leave is DELETE /v1/queues/{sale}/places/me.
func (a *API) leave(c *fiber.Ctx) error {
	ref, policy, err := a.placeOf(c)
	if err != nil {
		return err
	}
	if err := a.Lines.Leave(c.UserContext(), ref); err != nil {
		return a.invalidate(c, ref, err)
	}
	a.clearCookie(c, placeCookie(policy.SaleID))
	a.clearCookie(c, passCookie(policy.SaleID))
	return private(c).SendStatus(fiber.StatusNoContent)
}

// invalidate clears the cookie of a place that the line does not know.
func (a *API) invalidate(c *fiber.Ctx, ref queue.PlaceRef, err error) error {
	if errors.Is(err, queue.ErrPlaceInvalid) && c.Get(headerPlace) == "" {
		a.clearCookie(c, placeCookie(ref.SaleID))
	}
	return err
}

// calm is what callers hear while the line's store cannot be asked: the same as
// for any other service that is away, and when to try again.
func calm(err error) error {
	if errors.Is(err, queue.ErrUnavailable) {
		return errs.ErrUpstream.WithMessage("The line cannot be asked just now; your place is kept.").WithRetryAfter(2 * time.Second).Because(err)
	}
	return err
}

// private keeps an answer about one fan out of every cache.
func private(c *fiber.Ctx) *fiber.Ctx {
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c
}
