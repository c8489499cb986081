// Package web is the waiting page: one document per sale and language with its
// styles, texts and modules inlined, compressed once and served from memory.
package web

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/locale"
	"github.com/fairgate/fairgate/shared/platform/page"
)

//go:embed messages static waiting.html plain.html
var files embed.FS

// keptDocuments bounds the memory of the cache; beyond it the cache starts anew.
const keptDocuments = 512

// Sale is what the first paint of a waiting page says about its sale. Only ID is
// needed; the page gets the rest from the booking API once that answers.
type Sale struct {
	ID        string
	Title     string // of the performance
	Venue     string
	Colour    string // "#rrggbb", in place of a poster
	PosterURL string // path on this origin
	Identity  string // "account" or "browser"; empty: the page finds out
	OpensAt   time.Time

	ClaimSeconds   int // of the line's settings; 0: the page does not speak of them
	SessionSeconds int
	GraceSeconds   int // how long one may be away and keep the place
}

// Place is where the caller stands, for the page without JavaScript.
type Place struct {
	State     string // as in places/me; empty when the caller has no place
	Reason    string // why it is expired, as in places/me
	LineState string // as in the status: open, paused, closed, sold_out, …
	Ahead     int64
	ETA       [2]time.Duration // p50, p90; zero when unknown
}

// Source tells the handler about lines.
type Source interface {
	// Sale returns what is known of the line's sale; the error for an unknown
	// line is the answer.
	Sale(ctx context.Context, id string) (Sale, error)
	// Place returns where the caller of c stands by its cookie. It never joins
	// or claims.
	Place(c *fiber.Ctx, sale string) (Place, error)
}

// Pages renders and keeps the waiting pages.
type Pages struct {
	messages *page.Messages
	waiting  *template.Template
	plain    *template.Template
	style    template.CSS
	script   template.JS

	mu        sync.Mutex
	documents map[documentKey]*page.Document
}

type documentKey struct {
	language string
	sale     Sale
}

// New reads and checks what the pages are made of.
func New() (*Pages, error) {
	messages, err := page.LoadMessages(files, "messages", "ko", "en", "ja", "zh")
	if err != nil {
		return nil, err
	}
	style, err := inlineStyles()
	if err != nil {
		return nil, err
	}
	script, err := inlineModules()
	if err != nil {
		return nil, err
	}
	p := &Pages{messages: messages, style: style, script: script, documents: map[documentKey]*page.Document{}}
	if p.waiting, err = p.template("waiting.html"); err != nil {
		return nil, err
	}
	if p.plain, err = p.template("plain.html"); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Pages) template(name string) (*template.Template, error) {
	t, err := template.New(name).Funcs(template.FuncMap{"t": p.messages.Text, "data": page.DataLanguage}).ParseFS(files, name)
	if err != nil {
		return nil, fmt.Errorf("waiting page: %w", err)
	}
	return t, nil
}

// Handler answers GET /q/:sale with the waiting page and, with ?plain, the page
// that needs no JavaScript; for an unknown line it returns the error. Its forms post to /q/:sale/join and /q/:sale/enter,
// which answer 303 to /q/:sale?plain=1 or, with a pass, to /sales/:sale/seats.
func (p *Pages) Handler(source Source) fiber.Handler {
	return func(c *fiber.Ctx) error {
		id := string([]byte(c.Params("sale")))
		sale, err := source.Sale(c.UserContext(), id)
		if err != nil {
			return err // a page for a browser: httpd.Options.ErrorPage
		}
		if whole := lostAddress(c); whole != "" {
			c.Set(fiber.HeaderCacheControl, "no-store")
			return c.Redirect(whole, fiber.StatusSeeOther)
		}
		language, _ := p.messages.Choose(c)
		if c.Query("plain") != "" {
			return p.sendPlain(c, source, language, sale)
		}
		document, err := p.document(language, sale)
		if err != nil {
			return err
		}
		return document.Send(c, "no-cache")
	}
}

// lostAddress returns where a language link of this page was to lead, or "". The page
// is shared by all fans, so its links to other languages know nothing of a fan's own
// address; a script completes them. Without one the address is that of the page that
// the link was on.
func lostAddress(c *fiber.Ctx) string {
	own := c.Request().URI().QueryArgs()
	if own.Len() != 1 || !own.Has("lang") {
		return ""
	}
	from, err := url.Parse(c.Get(fiber.HeaderReferer))
	if err != nil || from.Host != string(c.Request().Host()) || from.Path != c.Path() {
		return ""
	}
	query := from.Query()
	if query.Del("lang"); len(query) == 0 {
		return ""
	}
	return page.InLanguage(c.Path(), query.Encode(), url.QueryEscape(c.Query("lang")))
}

func (p *Pages) document(language string, sale Sale) (*page.Document, error) {
	key := documentKey{language, sale}
	p.mu.Lock()
	defer p.mu.Unlock()
	if document := p.documents[key]; document != nil {
		return document, nil
	}
	document, err := p.build(language, sale)
	if err != nil {
		return nil, err
	}
	if len(p.documents) >= keptDocuments {
		clear(p.documents)
	}
	p.documents[key] = document
	return document, nil
}

// Letter stands on the colour where there is no poster.
func (s Sale) Letter() string {
	for _, letter := range s.Title {
		return string(letter)
	}
	return ""
}

type waitingView struct {
	Language  string
	Languages []string
	Sale      Sale
	OpensAt   string // RFC 3339, or empty
	Data      template.JS
	Style     template.CSS
	Script    template.JS
	Refresh   int // seconds between two loads of the page without JavaScript
}

func (p *Pages) build(language string, sale Sale) (*page.Document, error) {
	words := locale.For(language).Words.OfTime()
	data, err := json.Marshal(map[string]any{
		"sale": sale.ID, "identity": sale.Identity, "language": language, "words": words, "texts": p.messages.Texts(language, "js."),
		"claim_seconds": sale.ClaimSeconds, "session_seconds": sale.SessionSeconds, "grace_seconds": sale.GraceSeconds,
	})
	if err != nil {
		return nil, fmt.Errorf("waiting page: %w", err)
	}
	view := waitingView{
		Language: language, Languages: p.messages.Languages(), Sale: sale, Refresh: int(plainRefresh.Seconds()),
		Data: template.JS(data), Style: p.style, Script: p.script, //nolint:gosec // our own files, and JSON with <, > and & escaped
	}
	if !sale.OpensAt.IsZero() {
		view.OpensAt = sale.OpensAt.UTC().Format(time.RFC3339)
	}
	var body bytes.Buffer
	if err := p.waiting.Execute(&body, view); err != nil {
		return nil, fmt.Errorf("waiting page: %w", err)
	}
	return page.NewDocument(fiber.MIMETextHTMLCharsetUTF8, page.Policy(body.Bytes()), body.Bytes())
}
