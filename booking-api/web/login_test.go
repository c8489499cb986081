package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/account"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
)

const rightPassword = "Fairgate-dev-1"

// fakeAccounts knows one password and everybody who asks.
type fakeAccounts struct{}

func (fakeAccounts) LogIn(c *fiber.Ctx, email, password string) error {
	switch {
	case c.Get(fiber.HeaderOrigin) != "http://example.com":
		return errs.ErrForbidden
	case email == "busy@fairgate.test":
		return errs.ErrRateLimited.WithRetryAfter(time.Second)
	case password != rightPassword:
		return account.ErrInvalidCredentials
	}
	c.Cookie(&fiber.Cookie{Name: "refresh_token", Value: "r", Path: "/v1/auth"})
	return nil
}

func (f fakeAccounts) SignUp(c *fiber.Ctx, n account.NewAccount) error {
	switch {
	case n.Email == "taken@fairgate.test":
		return account.ErrEmailTaken
	case !strings.Contains(n.Email, "@"):
		return errs.ErrValidationFailed.WithField("body.email", "is not an e-mail address").WithField("body.password", "is weak")
	}
	return f.LogIn(c, n.Email, n.Password)
}

func (fakeAccounts) LogOut(c *fiber.Ctx) error {
	c.Cookie(&fiber.Cookie{Name: "refresh_token", Value: "", Path: "/v1/auth", Expires: time.Unix(1, 0)})
	return nil
}

func (fakeAccounts) Delete(c *fiber.Ctx, password string) error {
	switch {
	case c.Get(fiber.HeaderOrigin) != "http://example.com":
		return errs.ErrForbidden
	case password == "nobody":
		return account.ErrRefreshInvalid
	case password == "busy":
		return errs.ErrRateLimited.WithRetryAfter(time.Second)
	case password != rightPassword:
		return account.ErrWrongPassword
	}
	c.Cookie(&fiber.Cookie{Name: "refresh_token", Value: "", Path: "/v1/auth", Expires: time.Unix(1, 0)})
	return nil
}

// TestAnAccountIsDeletedWithoutJavaScript: each outcome leads to a page that can be
// loaded again and says it, in the language that was chosen.
func TestAnAccountIsDeletedWithoutJavaScript(t *testing.T) {
	t.Parallel()
	app := formApp(t)
	for password, want := range map[string]struct{ at, says string }{
		rightPassword:  {"/goodbye?lang=en", "Your account is deleted"},
		"Wrong-pass-1": {"/me/delete?fault=wrong&lang=en", "The password is not right."},
		"busy":         {"/me/delete?fault=limited&lang=en", "Too many attempts."},
		"":             {"/me/delete?fault=missing&lang=en", "Please enter your password."},
		"nobody":       {"/login?lang=en&next=%2Fme%2Fdelete%3Flang%3Den", `name="next" value="/me/delete?lang=en"`},
	} {
		response, body := send(t, app, "/v1/auth/forms/delete?lang=en", "http://example.com", url.Values{"password": {password}})
		if response.StatusCode != 303 || response.Header.Get("Location") != want.at {
			t.Errorf("%q: %d to %q, want %q\n%s", password, response.StatusCode, response.Header.Get("Location"), want.at, body)
			continue
		}
		if status, shown, _ := get(t, app, want.at, "ko"); status != 200 || !strings.Contains(shown, want.says) || strings.Contains(shown, rightPassword) {
			t.Errorf("%s: %d, want it to say %q\n%s", want.at, status, want.says, shown)
		}
	}
	if response, _ := send(t, app, "/v1/auth/forms/delete", "http://evil.test", url.Values{"password": {rightPassword}}); response.StatusCode != 403 {
		t.Errorf("another site's form: %d, want 403", response.StatusCode)
	}
	for _, fault := range []string{"do", "wrong%22%3E", "lost.email"} {
		if _, body, _ := get(t, app, "/me/delete?fault="+fault, "en"); strings.Contains(body, "aria-invalid") {
			t.Errorf("the address decides what the page says: %s", fault)
		}
	}
	if _, body, _ := get(t, app, "/privacy", "en"); !strings.Contains(body, `href="/me/delete"`) {
		t.Error("the privacy page promises a deletion and leads to none")
	}
}

func formApp(t *testing.T) *fiber.App {
	t.Helper()
	app := httpd.New(httpd.Options{Name: "test", Log: slog.New(slog.DiscardHandler), BodyLimit: 1 << 20, ErrorPage: failures(t)})
	if err := Register(app, Options{Source: fakeSource{}, Accounts: fakeAccounts{}, Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	return app
}

// send posts a form as a browser without JavaScript does.
func send(t *testing.T, app *fiber.App, path, origin string, form url.Values) (*http.Response, string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Accept", "text/html")
	request.Header.Set("Accept-Language", "en")
	request.Header.Set("Origin", origin)
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestFormsWorkWithoutJavaScript(t *testing.T) {
	t.Parallel()
	const fan = "fan@fairgate.test"
	app := formApp(t)
	for name, test := range map[string]struct {
		path     string
		form     url.Values
		status   int
		location string
		want     []string // in the page that is shown again
	}{
		"log-in":             {"/login", url.Values{"email": {fan}, "password": {rightPassword}}, 303, "/", nil},
		"language is kept":   {"/login?lang=en", url.Values{"email": {fan}, "password": {rightPassword}}, 303, "/?lang=en", nil},
		"back to the line":   {"/login", url.Values{"email": {fan}, "password": {rightPassword}, "next": {"/q/queued?showtime=st1"}}, 303, "/q/queued?showtime=st1", nil},
		"never off the site": {"/login", url.Values{"email": {fan}, "password": {rightPassword}, "next": {"/.//evil.test/x"}}, 303, "/", nil},
		"wrong password": {"/login", url.Values{"email": {fan}, "password": {"Wrong-pass-1"}, "next": {"/q/queued"}}, 401, "",
			[]string{"The e-mail or the password is not right.", `value="fan@fairgate.test"`, `name="next" value="/q/queued"`, `action="/login?next=%2Fq%2Fqueued"`, `href="/signup?next=%2Fq%2Fqueued"`}},
		"too often":   {"/login", url.Values{"email": {"busy@fairgate.test"}, "password": {"Wrong-pass-1"}}, 429, "", []string{"Too many attempts."}},
		"nothing":     {"/login", url.Values{}, 422, "", []string{`id="email-fault">Please fill`, `id="password-fault">Please fill`, `aria-invalid="true" aria-describedby="email-fault"`}},
		"no password": {"/login", url.Values{"email": {fan}}, 422, "", []string{`value="fan@fairgate.test"`, `id="password-fault"`}},
		"sign-up":     {"/signup", url.Values{"name": {"하늘"}, "email": {fan}, "password": {rightPassword}, "next": {"/me/bookings"}}, 303, "/me/bookings", nil},
		"taken":       {"/signup", url.Values{"name": {"하늘"}, "email": {"taken@fairgate.test"}, "password": {rightPassword}}, 409, "", []string{`id="email-fault">This e-mail has an account`, `value="하늘"`}},
		"no address": {"/signup", url.Values{"name": {"하늘"}, "email": {`"><b>x`}, "password": {rightPassword}}, 422, "",
			[]string{`id="email-fault">This is not an e-mail`, `id="password-fault">Please use 8`, `value="&#34;&gt;&lt;b&gt;x"`}},
		"log-out": {"/v1/auth/forms/logout", url.Values{}, 303, "/", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response, body := send(t, app, test.path, "http://example.com", test.form)
			if response.StatusCode != test.status || response.Header.Get("Location") != test.location {
				t.Fatalf("got %d to %q, want %d to %q\n%s", response.StatusCode, response.Header.Get("Location"), test.status, test.location, body)
			}
			if cache := response.Header.Get("Cache-Control"); cache != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", cache)
			}
			if (response.Header.Get("Set-Cookie") != "") != (test.status == 303) {
				t.Errorf("%d sets the cookies %q", test.status, response.Header.Values("Set-Cookie"))
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("no %q in the page\n%s", want, body)
				}
			}
			if secret := test.form.Get("password"); secret != "" && strings.Contains(body, secret) {
				t.Error("the password is in the page")
			}
		})
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	response, body := send(t, formApp(t), "/login", "http://evil.test", url.Values{"email": {"fan@fairgate.test"}, "password": {rightPassword}})
	if response.StatusCode != 403 || response.Header.Get("Set-Cookie") != "" || !strings.Contains(body, "<html") {
		t.Errorf("got %d with cookies %q, want a page that says 403", response.StatusCode, response.Header.Values("Set-Cookie"))
	}
}

// Addresses as forms of ours once made them, in a history or a bookmark, lose the
// password at once.
func TestAnAddressWithAPasswordIsLeft(t *testing.T) {
	t.Parallel()
	app := formApp(t)
	for _, path := range []string{"/login", "/signup"} {
		status, _, header := get(t, app, path+"?next=%2Fq%2Fqueued&email=a@b.test&password=secret", "en")
		if want := path + "?next=%2Fq%2Fqueued"; status != 303 || header("Location") != want {
			t.Errorf("%s: %d to %q, want %q", path, status, header("Location"), want)
		}
	}
}

func TestTheLanguageLinkStaysOnThisSite(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"/me/bookings": "/me/bookings?lang=en", "//evil.test/x": "/?lang=en", `/\evil.test`: "/?lang=en"} {
		if got := (view{Path: path}).SwitchTo("en"); got != want {
			t.Errorf("from %q to %q, want %q", path, got, want)
		}
	}
}

// Without scripts, too, the header has the way in or the way out, never both.
func TestTheHeaderHasOneWay(t *testing.T) {
	t.Parallel()
	app := formApp(t)
	for cookie, in := range map[string]bool{"": false, "fairgate_who=": false, "fairgate_who=0123456789abcdef": true} {
		request := httptest.NewRequest(http.MethodGet, "/performances/PF1", nil)
		request.Header.Set("Cookie", cookie)
		response, err := app.Test(request, -1)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		raw, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		_, link, _ := strings.Cut(string(raw), `<a id="login-link"`)
		link, _, _ = strings.Cut(link, ">")
		if hidden, out := strings.HasSuffix(link, " hidden"), strings.Contains(string(raw), `action="/v1/auth/forms/logout"`); hidden != in || out != in {
			t.Errorf("with %q: the way in is hidden: %v, the way out is there: %v", cookie, hidden, out)
		}
		if vary := strings.Join(response.Header.Values("Vary"), ","); !strings.Contains(vary, "Cookie") {
			t.Errorf("Vary %q: a cache would give one fan the page of another", vary)
		}
	}
}
