package web

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/locale"
	"github.com/fairgate/fairgate/shared/platform/page"
)

// plainRefresh is how often the page without JavaScript asks again.
const plainRefresh = 10 * time.Second

type plainView struct {
	waitingView
	Screen  string // as on the page with JavaScript: waiting, offered, lapsed, …
	Place   Place
	Minutes [2]int // 0 when unknown
	CanJoin bool
	Opens   string // when the sale opens, in words; or empty
	Path    string
	Query   string // without lang
}

// SwitchTo returns the address of this page in another language.
func (v plainView) SwitchTo(language string) string {
	return page.InLanguage(v.Path, v.Query, language)
}

// plainScreen returns what is shown to a fan without JavaScript, by the same names as
// static/line.js has them.
func plainScreen(place Place) string {
	switch place.State {
	case "offered", "active", "finished", "left":
		return place.State
	case "expired":
		return expiredScreen(place)
	}
	switch place.LineState {
	case "sold_out":
		return "soldout"
	case "closed":
		return "closed"
	case "scheduled", "draft":
		if place.State == "" {
			return "countdown"
		}
	}
	if place.State == "" {
		return "outside"
	}
	if place.LineState == "paused" || place.LineState == "rebuilding" {
		return "paused"
	}
	return place.State
}

func expiredScreen(place Place) string {
	switch {
	case place.Reason == "sold_out" || place.LineState == "sold_out":
		return "soldout"
	case place.Reason == "closed" || place.LineState == "closed":
		return "closed"
	case place.Reason == "session":
		return "finished"
	case place.Reason == "missed" || place.Reason == "abandoned":
		return place.Reason
	}
	return "lapsed"
}

func (p *Pages) sendPlain(c *fiber.Ctx, source Source, language string, sale Sale) error {
	place, err := source.Place(c, sale.ID)
	if err != nil {
		return err
	}
	view := plainView{
		waitingView: waitingView{Language: language, Languages: p.messages.Languages(), Sale: sale, Style: p.style, Refresh: int(plainRefresh.Seconds())},
		Screen:      plainScreen(place),
		Place:       place,
		Minutes:     [2]int{minutes(place.ETA[0]), minutes(place.ETA[1])},
		Path:        strings.Clone(c.Path()), Query: page.QueryWithoutLanguage(c),
	}
	switch view.Screen {
	case "outside", "left", "finished", "missed", "abandoned":
		view.CanJoin = sale.Identity == "browser"
	}
	if !sale.OpensAt.IsZero() {
		view.Opens = locale.For(language).Moment(sale.OpensAt)
	}
	var body bytes.Buffer
	if err := p.plain.Execute(&body, view); err != nil {
		return fmt.Errorf("plain waiting page: %w", err)
	}
	document, err := page.NewPage(page.Policy(body.Bytes()), body.Bytes())
	if err != nil {
		return err
	}
	if view.Waits() {
		c.Set("Refresh", strconv.Itoa(view.Refresh))
	}
	return document.Send(c, "no-store")
}

// Waits reports whether the page will have something else to say by itself.
func (v plainView) Waits() bool {
	return slices.Contains([]string{"countdown", "lobby", "waiting", "paused"}, v.Screen)
}

func minutes(d time.Duration) int { return int(math.Ceil(d.Minutes())) }
