package web

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page"
	"github.com/fairgate/fairgate/shared/platform/postgres"
	"github.com/fairgate/fairgate/shared/text"
)

// logoutPath lies below the path of the refresh cookie, which is sent nowhere else.
const logoutPath = "/v1/auth/forms/logout"

// credentials is a log-in or sign-up form: what was entered, never the password, and
// what is wrong with it.
type credentials struct {
	Action string // where the form is sent
	Other  string // the other of log-in and sign-up
	Next   string // address of this site to go on to; empty: home
	Name   string
	Email  string
	Fault  string            // key of a text about the whole form, or empty
	Faults map[string]string // field → key of a text
}

// Wrong reports whether field is where the fault is.
func (b credentials) Wrong(field string) bool { return b.Faults[field] != "" }

func (s *site) login(c *fiber.Ctx, language string) (content, error) {
	return s.credentials(c, language, "login", credentials{Next: nextOf(c.Query("next"))})
}

func (s *site) signup(c *fiber.Ctx, language string) (content, error) {
	return s.credentials(c, language, "signup", credentials{Next: nextOf(c.Query("next"))})
}

// credentials makes the page of a form. An address with a password in it, as forms of
// ours once made them, is left at once.
func (s *site) credentials(c *fiber.Ctx, language, name string, body credentials) (content, error) {
	other := map[string]string{"login": "/signup", "signup": "/login"}[name]
	query := url.Values{}
	if body.Next != "" {
		query.Set("next", body.Next)
	}
	if chosen := chosenLanguage(c); chosen != "" {
		query.Set("lang", chosen)
	}
	body.Name, body.Email = text.Query(body.Name), text.Query(body.Email) // as shown; what was sent has been looked at
	body.Action, body.Other = withQuery("/"+name, query), withQuery(other, query)
	if c.Method() == fiber.MethodGet && c.Context().QueryArgs().Has("password") {
		return content{goOn: body.Action}, nil
	}
	return content{
		template: name, title: s.messages.Text(language, name+".title"), module: "login.js", texts: []string{"login."}, body: body,
	}, nil
}

func withQuery(path string, query url.Values) string {
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

func (s *site) submitLogin(c *fiber.Ctx, language string) (content, error) {
	body := entered(c)
	err := body.missing(c, "email", "password")
	if err == nil {
		err = s.Accounts.LogIn(c, body.Email, field(c, "password"))
	}
	return s.submitted(c, language, "login", body, err)
}

func (s *site) submitSignup(c *fiber.Ctx, language string) (content, error) {
	body := entered(c)
	err := body.missing(c, "name", "email", "password")
	if err == nil {
		err = s.Accounts.SignUp(c, account.NewAccount{Email: body.Email, Password: field(c, "password"), Name: body.Name, Locale: language})
	}
	return s.submitted(c, language, "signup", body, err)
}

// submitted goes on to where the fan wanted to be, or shows the form again with what
// is wrong. Faults of ours and refusals of another site's forms are pages of their own.
func (s *site) submitted(c *fiber.Ctx, language, name string, body credentials, err error) (content, error) {
	if err == nil {
		if body.Next == "" {
			body.Next = homePath(c)
		}
		return content{goOn: body.Next}, nil
	}
	e := errs.From(postgres.Explain(err))
	switch e.Kind {
	case errs.Invalid, errs.Unauthenticated, errs.Conflict, errs.Limited:
	default:
		return content{}, err
	}
	body.blame(e)
	made, err := s.credentials(c, language, name, body)
	made.status, made.private = httpd.Status(e.Kind), true
	return made, err
}

// blame says what e means to whom filled the form in, at the field if it is one's.
func (b *credentials) blame(e *errs.Error) {
	if b.Faults == nil {
		b.Faults = map[string]string{}
	}
	switch {
	case e.Kind == errs.Unauthenticated:
		b.Fault = "login.wrong"
	case e.Kind == errs.Limited:
		b.Fault = "login.limited"
	case e.Kind == errs.Conflict:
		b.Faults["email"] = "login.taken"
	case len(b.Faults) == 0:
		for _, f := range e.Fields {
			name := strings.TrimPrefix(f.Location, "body.")
			b.Faults[name] = "login.fault." + name
		}
	}
}

// missing returns an error when one of the fields is empty, and notes which.
func (b *credentials) missing(c *fiber.Ctx, names ...string) error {
	e := errs.ErrValidationFailed
	for _, name := range names {
		if strings.TrimSpace(field(c, name)) == "" {
			e = e.WithField("body."+name, "is missing")
			b.Faults[name] = "login.missing"
		}
	}
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

func (s *site) submitLogout(c *fiber.Ctx, language string) (content, error) {
	if err := s.Accounts.LogOut(c); err != nil {
		return content{}, err
	}
	return content{goOn: homePath(c)}, nil
}

func homePath(c *fiber.Ctx) string {
	if chosen := chosenLanguage(c); chosen != "" {
		return "/?lang=" + chosen
	}
	return "/"
}

// entered reads the form, except the password.
func entered(c *fiber.Ctx) credentials {
	return credentials{Next: nextOf(field(c, "next")), Name: field(c, "name"), Email: field(c, "email"), Faults: map[string]string{}}
}

// field returns what was entered in a field of the form, never what the address says.
func field(c *fiber.Ctx, name string) string {
	return strings.ToValidUTF8(string(c.Request().PostArgs().Peek(name)), "\uFFFD")
}

// nextOf returns where a fan goes on to after asked.
func nextOf(asked string) string { return page.Next(strings.Clone(asked)) }
