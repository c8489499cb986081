package web

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

const (
	deletePath  = "/me/delete"
	goodbyePath = "/goodbye"
	// deleteFormPath lies below the path of the refresh cookie, as logoutPath does.
	deleteFormPath = "/v1/auth/forms/delete"
)

// deleteBody is the page that says what deleting an account does, and its form.
type deleteBody struct {
	Action string
	Fault  string // key of a text, or empty
	Lost   []string
	Kept   []string
}

// faults of the form, as its address names them when it is shown again.
const (
	faultMissing = "missing"
	faultWrong   = "wrong"
	faultLimited = "limited"
)

func (s *site) deleteAccount(c *fiber.Ctx, language string) (content, error) {
	body := deleteBody{
		Action: inLanguageOf(c, deleteFormPath, url.Values{}),
		Lost:   []string{"login", "line", "bookings", "inbox", "email"}, Kept: []string{"tickets", "payments", "mark"},
	}
	if fault := c.Query("fault"); slices.Contains([]string{faultMissing, faultWrong, faultLimited}, fault) {
		body.Fault = "delete." + strings.Clone(fault)
	}
	return content{
		template: "delete", title: s.messages.Text(language, "delete.title"), module: "delete.js", texts: []string{"delete."},
		body: body, personal: true,
	}, nil
}

// submitDelete goes on to a page of its own whatever came of it: this address takes
// forms only, and a reload sends none.
func (s *site) submitDelete(c *fiber.Ctx, _ string) (content, error) {
	if field(c, "password") == "" {
		return deleteAgain(c, faultMissing), nil
	}
	err := postgres.Explain(s.Accounts.Delete(c, field(c, "password")))
	switch {
	case err == nil:
		return content{goOn: inLanguageOf(c, goodbyePath, url.Values{})}, nil
	case errors.Is(err, account.ErrWrongPassword):
		return deleteAgain(c, faultWrong), nil
	case errs.KindOf(err) == errs.Limited:
		return deleteAgain(c, faultLimited), nil
	case errs.KindOf(err) == errs.Unauthenticated:
		return content{goOn: inLanguageOf(c, "/login", url.Values{"next": {inLanguageOf(c, deletePath, url.Values{})}})}, nil
	}
	return content{}, err
}

func deleteAgain(c *fiber.Ctx, fault string) content {
	return content{goOn: inLanguageOf(c, deletePath, url.Values{"fault": {fault}})}
}

func (s *site) goodbye(_ *fiber.Ctx, language string) (content, error) {
	return content{template: "goodbye", title: s.messages.Text(language, "goodbye.title"), module: "goodbye.js"}, nil
}

// inLanguageOf returns an address with query, in the language that a request asks for.
func inLanguageOf(c *fiber.Ctx, path string, query url.Values) string {
	if chosen := chosenLanguage(c); chosen != "" {
		query.Set("lang", chosen)
	}
	return withQuery(path, query)
}
