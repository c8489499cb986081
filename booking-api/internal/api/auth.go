package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/errs"
)

// Account is an account as its owner sees it.
type Account struct {
	ID        string    `json:"id" example:"acc-01jd0z8m7q3k5v9x2c4b6n8p0r"`
	Email     string    `json:"email" example:"fan@fairgate.test"`
	Name      string    `json:"name" example:"김하늘"`
	Role      string    `json:"role" enum:"fan,organizer,checkin,admin" example:"fan"`
	Locale    string    `json:"locale" enum:"ko,en" example:"ko"`
	CreatedAt time.Time `json:"created_at"`
}

func accountOf(a account.Account) Account {
	return Account{ID: a.ID, Email: a.Email, Name: a.Name, Role: string(a.Role), Locale: a.Locale, CreatedAt: a.CreatedAt}
}

type signUpInput struct {
	Body struct {
		Email    string `json:"email" text:"noun" maxLength:"254" example:"fan@fairgate.test"`
		Password string `json:"password" text:"noun" doc:"8 to 72 characters with a letter, a digit and a symbol." example:"Fairgate-dev-1"`
		Name     string `json:"name" text:"noun" example:"김하늘"`
		Locale   string `json:"locale,omitempty" text:"noun" doc:"ko or en; ko when absent." example:"ko"`
	}
}

type accountOutput struct {
	Body struct {
		Account Account `json:"account"`
	}
}

type logInInput struct {
	Body struct {
		Email    string `json:"email" text:"noun" maxLength:"254" example:"fan@fairgate.test"`
		Password string `json:"password" text:"noun" maxLength:"1000" example:"Fairgate-dev-1"`
	}
}

type tokensOutput struct {
	Cookies []http.Cookie `header:"Set-Cookie"`
	Cache   string        `header:"Cache-Control"`
	Body    struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in" doc:"Seconds." example:"900"`
	}
}

type loggedOut struct {
	Cookies []http.Cookie `header:"Set-Cookie"`
}

// refreshParam describes the cookie, which noteBrowser reads: huma knows one of a name.
func refreshParam(description string) []*huma.Param {
	return []*huma.Param{{Name: refreshCookie, In: "cookie", Description: description, Schema: &huma.Schema{Type: huma.TypeString}}}
}

func (a *api) authRoutes() {
	add(a, route{Operation: huma.Operation{
		OperationID: "sign-up", Method: http.MethodPost, Path: "/v1/auth/signup", Tags: []string{"accounts"},
		Summary: "Sign up", Description: "Makes a fan's account; the role is never taken from the caller. 409 `email_taken`. 600 a minute from one address. 403 `forbidden` where a browser says that another site's page asks.",
		DefaultStatus: http.StatusCreated, Middlewares: huma.Middlewares{a.refuseElsewhere},
	}, fails: []*errs.Error{account.ErrEmailTaken, errs.ErrRateLimited, errElsewhere}}, a.signUp)
	add(a, route{Operation: huma.Operation{
		OperationID: "log-in", Method: http.MethodPost, Path: "/v1/auth/login", Tags: []string{"accounts"},
		Summary: "Log in", Description: "Answers with an access token of 15 minutes and sets the cookie `refresh_token`. " +
			"401 `invalid_credentials`, alike whether the e-mail is known or not. 10 failures a minute of an account from one network, 100 from all. " +
			"403 `forbidden` where a browser says that another site's page asks. A log-in that the browser had before ends. " +
			"Cookies of places and passes of another account that was logged in to the browser are cleared.",
		Parameters:  refreshParam("A browser that is logged in to the account is not stopped by what others tried."),
		Middlewares: huma.Middlewares{a.refuseElsewhere, a.noteBrowser},
	}, fails: []*errs.Error{account.ErrInvalidCredentials, errs.ErrRateLimited, errElsewhere}}, a.logIn)
	add(a, route{Operation: huma.Operation{
		OperationID: "refresh", Method: http.MethodPost, Path: "/v1/auth/refresh", Tags: []string{"accounts"},
		Summary: "Renew the access token", Description: "Exchanges the cookie `refresh_token` for the next one and a new access token. " +
			"A spent one may be shown again for 10 seconds, as long as no later one was exchanged: an answer may get lost. After that it revokes all tokens of the log-in. 401 `refresh_token_invalid`.",
		Parameters: refreshParam("Set by log-in; HttpOnly. Of several, the first that is good is exchanged."),
		Security:   []map[string][]string{{"refresh": {}}}, Middlewares: huma.Middlewares{a.requireSameSite, a.noteBrowser},
	}, fails: []*errs.Error{account.ErrRefreshInvalid}}, a.refresh)
	add(a, route{Operation: huma.Operation{
		OperationID: "log-out", Method: http.MethodPost, Path: "/v1/auth/logout", Tags: []string{"accounts"},
		Summary: "Log out", Description: "Revokes all refresh tokens of the log-in that the cookie belongs to, and clears the browser's cookies, also those of places and passes. 204 also when there is none.",
		Parameters: refreshParam("Set by log-in; HttpOnly. Of several, the log-in of each ends."),
		Security:   []map[string][]string{{"refresh": {}}}, DefaultStatus: http.StatusNoContent,
		Middlewares: huma.Middlewares{a.requireSameSite, a.noteBrowser},
	}}, a.logOut)
}

func (a *api) signUp(ctx context.Context, in *signUpInput) (*accountOutput, error) {
	b := in.Body
	made, err := a.Accounts.SignUp(ctx, account.NewAccount{Email: b.Email, Password: b.Password, Name: b.Name, Locale: b.Locale}, of(ctx).network)
	if err != nil {
		return nil, err
	}
	out := &accountOutput{}
	out.Body.Account = accountOf(made)
	return out, nil
}

func (a *api) logIn(ctx context.Context, in *logInInput) (*tokensOutput, error) {
	who, refresh, err := a.Accounts.LogIn(ctx, in.Body.Email, in.Body.Password, account.From{Network: of(ctx).network, Refresh: of(ctx).browser.refresh})
	if err != nil {
		return nil, err
	}
	return a.tokensFor(of(ctx).browser, who, refresh)
}

func (a *api) refresh(ctx context.Context, _ *struct{}) (*tokensOutput, error) {
	who, refresh, err := a.Accounts.Refresh(ctx, of(ctx).browser.refresh...)
	if err != nil {
		return nil, err
	}
	return a.tokensFor(of(ctx).browser, who, refresh)
}

func (a *api) tokensFor(b browser, who account.Account, refresh string) (*tokensOutput, error) {
	access, err := a.tokens.mint(who)
	if err != nil {
		return nil, err
	}
	out := &tokensOutput{Cache: "no-store", Cookies: append([]http.Cookie{
		a.cookie(refreshCookie, refresh, "/v1/auth", int(a.RefreshLifetime.Seconds())),
		a.cookie(streamCookie, access, streamCookiePath, int(accessLifetime.Seconds())),
	}, a.welcome(b, who.ID)...)}
	out.Body.AccessToken, out.Body.ExpiresIn = access, int(accessLifetime.Seconds())
	return out, nil
}

func (a *api) logOut(ctx context.Context, _ *struct{}) (*loggedOut, error) {
	return a.endLogIn(ctx, of(ctx).browser)
}

// endLogIn ends the log-ins that the browser shows, if there are any, and forgets it.
func (a *api) endLogIn(ctx context.Context, b browser) (*loggedOut, error) {
	if err := a.Accounts.LogOut(ctx, b.refresh...); err != nil {
		return nil, err
	}
	return &loggedOut{Cookies: a.farewell(b)}, nil
}

type changeMeInput struct {
	Body struct {
		Name   *string `json:"name,omitempty" text:"noun" example:"김하늘"`
		Locale *string `json:"locale,omitempty" text:"noun" example:"en"`
	}
}

type deleteMeInput struct {
	Body struct {
		Password string `json:"password" text:"noun" maxLength:"1000"`
	}
}

func (a *api) meRoutes() {
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "get-me", Method: http.MethodGet, Path: "/v1/me", Tags: []string{"accounts"},
		Summary: "My profile", Description: "The account of the access token.",
	}}, a.me)
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "change-me", Method: http.MethodPatch, Path: "/v1/me", Tags: []string{"accounts"},
		Summary: "Change my profile", Description: "Absent members stay as they are; null is refused.",
	}}, a.changeMe)
	add(a, route{account: true, Operation: huma.Operation{
		OperationID: "delete-me", Method: http.MethodDelete, Path: "/v1/me", Tags: []string{"accounts"},
		Summary: "Delete my account", Description: "Asks for the password (403 `wrong_password`). Name and e-mail are erased, all log-ins end; nobody signs up with the e-mail again; " +
			"bookings that nobody has begun to pay are cancelled, all others stay with the account's id.",
		DefaultStatus: http.StatusNoContent, Middlewares: huma.Middlewares{a.refuseElsewhere, a.noteBrowser},
	}, fails: []*errs.Error{account.ErrWrongPassword, errs.ErrRateLimited, errElsewhere}}, a.deleteMe)
}

func (a *api) me(ctx context.Context, _ *struct{}) (*accountOutput, error) {
	who, err := a.Accounts.Get(ctx, of(ctx).caller.ID)
	if err != nil {
		return nil, err
	}
	out := &accountOutput{}
	out.Body.Account = accountOf(who)
	return out, nil
}

func (a *api) changeMe(ctx context.Context, in *changeMeInput) (*accountOutput, error) {
	who, err := a.Accounts.Change(ctx, of(ctx).caller.ID, account.Changes{Name: in.Body.Name, Locale: in.Body.Locale})
	if err != nil {
		return nil, err
	}
	out := &accountOutput{}
	out.Body.Account = accountOf(who)
	return out, nil
}

func (a *api) deleteMe(ctx context.Context, in *deleteMeInput) (*loggedOut, error) {
	if err := a.Accounts.Delete(ctx, of(ctx).caller.ID, in.Body.Password, account.From{Network: of(ctx).network}); err != nil {
		return nil, err
	}
	return &loggedOut{Cookies: a.farewell(of(ctx).browser)}, nil
}
