package web

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/locale"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page"
	"github.com/fairgate/fairgate/shared/platform/postgres"
)

//go:embed messages static templates
var files embed.FS

type site struct {
	Options
	messages  *page.Messages
	assets    *assets
	templates map[string]*template.Template
}

// Register adds the storefront's pages and /static to app.
func Register(app *fiber.App, options Options) error {
	s, err := newSite(options)
	if err != nil {
		return err
	}
	app.Get("/", s.page(s.home))
	app.Get("/performances/:id", s.page(s.performance))
	app.Get("/sales/:id/seats", s.page(s.seats))
	app.Get("/bookings/:id/pay", s.page(s.pay))
	app.Get("/me/bookings", s.page(s.myBookings))
	app.Get("/terms", s.page(s.terms))
	app.Get("/privacy", s.page(s.privacy))
	app.Get("/login", s.page(s.login))
	app.Post("/login", s.page(s.submitLogin))
	app.Get("/signup", s.page(s.signup))
	app.Post("/signup", s.page(s.submitSignup))
	app.Post(logoutPath, s.page(s.submitLogout))
	app.Get(deletePath, s.page(s.deleteAccount))
	app.Post(deleteFormPath, s.page(s.submitDelete))
	app.Get(goodbyePath, s.page(s.goodbye))
	app.Get("/static/:version/:name", s.assets.send)
	return nil
}

func newSite(options Options) (*site, error) {
	s := &site{Options: options, templates: map[string]*template.Template{}}
	var err error
	if s.messages, err = page.LoadMessages(files, "messages", "ko", "en"); err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("storefront: %w", err)
	}
	if s.assets, err = newAssets(page.Static(), static); err != nil {
		return nil, err
	}
	for _, name := range []string{"home", "performance", "seats", "pay", "bookings", "login", "signup", "plainwords", "delete", "goodbye"} {
		t := template.New("base.html").Funcs(s.functions())
		if s.templates[name], err = t.ParseFS(files, "templates/base.html", "templates/"+name+".html"); err != nil {
			return nil, fmt.Errorf("storefront: %w", err)
		}
	}
	return s, nil
}

// view is what every template gets; Body is the page's own part.
type view struct {
	Language  string
	Languages []string
	Chosen    string // the language that the address asks for, kept by links; perhaps one that only the waiting page has
	Foreign   string // the language of this fan, if these pages do not have it
	Here      bool   // a log-in's mark is in this browser: scripts find out whether it still holds
	Path      string // of this page, without a query
	Query     string // without lang
	Title     string
	Name      string      // of the template; also of its module
	Module    string      // address of the page's module, or empty
	Data      template.JS // texts and facts for the module
	Body      any
}

// Link returns path with the chosen language.
func (v view) Link(path string) string {
	if v.Chosen == "" {
		return path
	}
	separator := "?"
	if strings.Contains(path, "?") {
		separator = "&"
	}
	return path + separator + "lang=" + v.Chosen
}

// SwitchTo returns the address of this page in another language.
func (v view) SwitchTo(language string) string {
	return page.InLanguage(v.Path, v.Query, language)
}

// LoginLink returns the address of the log-in that comes back to this page; the
// log-in and the sign-up keep where they were to go on to.
func (v view) LoginLink() string {
	if v.Path == "/login" || v.Path == "/signup" {
		if v.Query == "" {
			return v.Link("/login")
		}
		return v.Link("/login?" + v.Query)
	}
	here := v.Path
	if v.Query != "" {
		here += "?" + v.Query
	}
	return v.Link("/login?next=" + url.QueryEscape(v.Link(here)))
}

// whoCookie says that the browser holds a log-in, and proves nothing; the API sets it.
const whoCookie = "fairgate_who"

// content is what a page's function makes of a request.
type content struct {
	template string
	title    string
	module   string // file name, or empty
	texts    []string
	data     map[string]any // facts for the module
	body     any
	scripts  []string // origins of foreign scripts
	status   int      // 200 when zero
	private  bool     // holds what somebody entered: kept by nobody
	goOn     string   // address of this site to go to instead of showing a page
	personal bool     // shows what only its owner may see
}

func (s *site) page(build func(*fiber.Ctx, string) (content, error)) fiber.Handler {
	return func(c *fiber.Ctx) error {
		language := s.language(c)
		made, err := build(c, language)
		if err = postgres.Explain(err); err != nil {
			return err // a page for a browser all the same: httpd.Options.ErrorPage
		}
		return s.send(c, made)
	}
}

func (s *site) send(c *fiber.Ctx, made content) error {
	if made.goOn != "" {
		c.Set(fiber.HeaderCacheControl, "no-store")
		return c.Redirect(made.goOn, fiber.StatusSeeOther)
	}
	v, err := s.view(c, made)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := s.templates[made.template].Execute(&body, v); err != nil {
		return fmt.Errorf("storefront %s: %w", made.template, err)
	}
	document, err := page.NewPage(page.Policy(body.Bytes(), made.scripts...), body.Bytes())
	if err != nil {
		return err
	}
	c.Append(fiber.HeaderVary, fiber.HeaderCookie) // the way in, or out
	kept := "no-cache"
	if made.private {
		kept = "no-store"
	}
	if made.status != 0 {
		c.Status(made.status)
	}
	return document.Send(c, kept)
}

func (s *site) view(c *fiber.Ctx, made content) (view, error) {
	language := s.language(c)
	v := view{
		Language: language, Languages: s.messages.Languages(), Chosen: chosenLanguage(c), Foreign: s.foreign(c),
		Here: len(httpd.Cookies(c, whoCookie)) > 0,
		Path: string([]byte(c.Path())), Query: page.QueryWithoutLanguage(c),
		Title: made.title, Name: made.template, Body: made.body,
	}
	if made.module == "" {
		return v, nil
	}
	var err error
	if v.Module, err = s.assets.url(made.module); err != nil {
		return v, err
	}
	return v, v.setData(s.messages, made)
}

func (v *view) setData(messages *page.Messages, made content) error {
	facts := map[string]any{"language": v.Language, "chosen": v.Chosen, "personal": made.personal, "words": locale.For(v.Language).Words, "texts": messages.Texts(v.Language, append(made.texts, "js.")...)}
	for key, value := range made.data {
		facts[key] = value
	}
	data, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("storefront %s: %w", made.template, err)
	}
	v.Data = template.JS(data) //nolint:gosec // JSON with <, > and & escaped
	return nil
}

// waitingLanguages are those of the waiting page, which leads here.
var waitingLanguages = [...]string{"ko", "en", "ja", "zh"}

// language returns the language of these pages for a request: English for who has
// chosen one that only the waiting page speaks.
func (s *site) language(c *fiber.Ctx) string {
	if chosen := chosenLanguage(c); chosen != "" && !s.messages.Has(chosen) {
		return "en"
	}
	language, _ := s.messages.Choose(c)
	return language
}

func chosenLanguage(c *fiber.Ctx) string {
	asked := c.Query("lang")
	for _, language := range waitingLanguages {
		if asked == language {
			return language
		}
	}
	return ""
}

// foreign returns the language that a fan comes with, chosen or preferred by the
// browser, when the waiting page has it and these pages do not; else "".
func (s *site) foreign(c *fiber.Ctx) string {
	language := chosenLanguage(c)
	if language == "" {
		language = page.Preferred(c.Get(fiber.HeaderAcceptLanguage), waitingLanguages[:]...)
	}
	if s.messages.Has(language) {
		return ""
	}
	return language
}
