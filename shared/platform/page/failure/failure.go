// Package failure is the page that a browser sees in place of a problem document:
// plain, without scripts, and made without asking anything, so that it is there when
// nothing else is.
package failure

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page"
)

//go:embed failure.html failure.css messages
var files embed.FS

// Page renders errors in every language that any of our pages speaks. Safe for concurrent use.
type Page struct {
	messages *page.Messages
	template *template.Template
	style    template.CSS
}

// New reads and checks what the page is made of.
func New() (*Page, error) {
	messages, err := page.LoadMessages(files, "messages", "ko", "en", "ja", "zh")
	if err != nil {
		return nil, fmt.Errorf("failure page: %w", err)
	}
	tokens, err := fs.ReadFile(page.Static(), "tokens.css")
	if err != nil {
		return nil, fmt.Errorf("failure page: %w", err)
	}
	own, err := files.ReadFile("failure.css")
	if err != nil {
		return nil, fmt.Errorf("failure page: %w", err)
	}
	made, err := template.New("failure.html").Funcs(template.FuncMap{"t": messages.Text}).ParseFS(files, "failure.html")
	if err != nil {
		return nil, fmt.Errorf("failure page: %w", err)
	}
	return &Page{messages: messages, template: made, style: template.CSS(string(tokens) + string(own))}, nil //nolint:gosec // our own files
}

type view struct {
	Language  string
	Style     template.CSS
	Key       string // of the texts
	Code      string
	RequestID string
	Home      string // the list, in the language that was asked for
	Languages []string
	Path      string // of the address that failed, "/" where no link can lead to it again
	Query     string // without lang
	Retry     string // address to try again; empty where that makes no sense
}

// SwitchTo returns the address of this page in another language.
func (v view) SwitchTo(language string) string {
	return page.InLanguage(v.Path, v.Query, language)
}

// Send implements httpd.ErrorPage.
func (p *Page) Send(c *fiber.Ctx, status int, code string) error {
	language, asked := p.messages.Choose(c)
	key, mayRetry := kindOf(status)
	v := view{
		Home: "/", Languages: p.messages.Languages(), Path: "/", Language: language, Style: p.style, Key: key, Code: code,
		RequestID: string(c.Response().Header.Peek(httpd.HeaderRequestID)),
	}
	if asked {
		v.Home = "/?lang=" + language
	}
	if isRead(c.Method()) {
		v.Path, v.Query = strings.Clone(c.Path()), page.QueryWithoutLanguage(c)
	}
	if mayRetry && isRead(c.Method()) {
		v.Retry = retryAddress(c)
	}
	var body bytes.Buffer
	if err := p.template.Execute(&body, v); err != nil {
		return fmt.Errorf("failure page: %w", err)
	}
	c.Append(fiber.HeaderVary, fiber.HeaderAcceptLanguage)
	c.Set(fiber.HeaderContentSecurityPolicy, page.Policy(body.Bytes()))
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	c.Response().SetBodyRaw(body.Bytes())
	return nil
}

func isRead(method string) bool { return method == fiber.MethodGet || method == fiber.MethodHead }

// retryAddress is the page's own address. It begins with one slash: with two it would
// be that of another host.
func retryAddress(c *fiber.Ctx) string {
	return "/" + strings.TrimLeft(string(c.Request().Header.RequestURI()), `/\`)
}

// kindOf returns the key of the texts for a status, and whether the same request may
// be answered otherwise later.
func kindOf(status int) (key string, mayRetry bool) {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return "missing", false
	case http.StatusUnauthorized, http.StatusForbidden:
		return "refused", false
	case http.StatusMethodNotAllowed:
		return "method", false
	case http.StatusRequestEntityTooLarge:
		return "large", false
	case http.StatusRequestHeaderFieldsTooLarge, http.StatusRequestURITooLong:
		return "headers", false
	case http.StatusTooManyRequests:
		return "limited", true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "away", true
	}
	if status >= http.StatusInternalServerError {
		return "broken", true
	}
	return "unreadable", false
}
