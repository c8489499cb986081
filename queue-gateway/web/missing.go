package web

import (
	"bytes"
	"fmt"
	"html/template"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page"
)

type missingView struct {
	Language  string
	Languages []string
	Chosen    string // the language that the address asks for, kept by links; or empty
	Path      string
	Query     string // without lang
	Style     template.CSS
	Code      string
	RequestID string
}

// SwitchTo returns the address of this page in another language.
func (v missingView) SwitchTo(language string) string {
	return page.InLanguage(v.Path, v.Query, language)
}

// sendMissing answers a browser that there is no such line with a page; programs
// and other errors get cause back, which becomes a problem document.
func (p *Pages) sendMissing(c *fiber.Ctx, cause error) error {
	if errs.KindOf(cause) != errs.NotFound || !strings.Contains(c.Get(fiber.HeaderAccept), fiber.MIMETextHTML) {
		return cause
	}
	language, asked := p.messages.Choose(c)
	view := missingView{
		Language: language, Languages: p.messages.Languages(), Style: p.style, Code: errs.From(cause).Code,
		RequestID: string(c.Response().Header.Peek(httpd.HeaderRequestID)),
	}
	view.Path, view.Query = strings.Clone(c.Path()), page.QueryWithoutLanguage(c)
	if asked {
		view.Chosen = language
	}
	var body bytes.Buffer
	if err := p.missing.Execute(&body, view); err != nil {
		return fmt.Errorf("page of a missing line: %w", err)
	}
	document, err := page.NewPage(page.Policy(body.Bytes()), body.Bytes())
	if err != nil {
		return err
	}
	c.Append(fiber.HeaderVary, fiber.HeaderAccept)
	return document.Send(c.Status(fiber.StatusNotFound), "no-store")
}
