package api

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Forms are log-in, sign-up, log-out and the deletion of an account for a browser that sends its form itself,
// because it runs no JavaScript or the page's has not come yet. They set the cookies
// of the API's own calls; the access token comes of the refresh cookie once scripts
// run. Every method refuses what another site may have sent.
type Forms struct{ api *api }

// NewForms returns forms over the same accounts as the API of o.
func NewForms(o Options) *Forms { return &Forms{api: newAPI(o)} }

// LogIn logs the browser in. Errors: those of account.Service.LogIn, errs.ErrForbidden.
func (f *Forms) LogIn(c *fiber.Ctx, email, password string) error {
	if !f.api.fromThisSite(c) {
		return errOrigin
	}
	b := browserOf(c)
	who, refresh, err := f.api.Accounts.LogIn(c.UserContext(), email, password, account.From{Network: network(c), Refresh: b.refresh})
	if err != nil {
		return err
	}
	made, err := f.api.tokensFor(b, who, refresh)
	if err != nil {
		return err
	}
	setCookies(c, made.Cookies)
	return nil
}

// SignUp makes an account and logs the browser in. Errors: those of
// account.Service.SignUp and LogIn, errs.ErrForbidden.
func (f *Forms) SignUp(c *fiber.Ctx, n account.NewAccount) error {
	if !f.api.fromThisSite(c) {
		return errOrigin
	}
	if _, err := f.api.Accounts.SignUp(c.UserContext(), n, network(c)); err != nil {
		return err
	}
	return f.LogIn(c, n.Email, n.Password)
}

// LogOut ends the browser's log-in and forgets its cookies.
func (f *Forms) LogOut(c *fiber.Ctx) error {
	if !f.api.fromThisSite(c) {
		return errOrigin
	}
	out, err := f.api.endLogIn(c.UserContext(), browserOf(c))
	if err != nil {
		return err
	}
	setCookies(c, out.Cookies)
	return nil
}

// Delete deletes the account that is logged in to the browser, and forgets its cookies.
// Errors: those of account.Service.Refresh and Delete, errs.ErrForbidden.
func (f *Forms) Delete(c *fiber.Ctx, password string) error {
	if !f.api.fromThisSite(c) {
		return errOrigin
	}
	b := browserOf(c)
	// A browser without scripts has no access token: the refresh cookie says whose it is.
	// It is spent by that, so a browser whose account stays is given the next one.
	who, refresh, err := f.api.Accounts.Refresh(c.UserContext(), b.refresh...)
	if err != nil {
		return err
	}
	made, err := f.api.tokensFor(b, who, refresh)
	if err != nil {
		return err
	}
	if err := f.api.Accounts.Delete(c.UserContext(), who.ID, password, account.From{Network: network(c), Refresh: []string{refresh}}); err != nil {
		setCookies(c, made.Cookies)
		return err
	}
	setCookies(c, f.api.farewell(b))
	return nil
}

func network(c *fiber.Ctx) string { return strings.Clone(httpd.ClientNetwork(c)) }

func setCookies(c *fiber.Ctx, cookies []http.Cookie) {
	for i := range cookies {
		c.Response().Header.Add(fiber.HeaderSetCookie, cookies[i].String())
	}
}
