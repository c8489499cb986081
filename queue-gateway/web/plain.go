package web

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/page"
)

// plainRefresh is how often the page without JavaScript asks again.
const plainRefresh = 10 * time.Second

type plainView struct {
	waitingView
	Place   Place
	Minutes [2]int // 0 when unknown
	CanJoin bool
	Claim   bool // it is the caller's turn, or may be
}

func (p *Pages) sendPlain(c *fiber.Ctx, source Source, language string, sale Sale) error {
	place, err := source.Place(c, sale.ID)
	if err != nil {
		return err
	}
	view := plainView{
		waitingView: waitingView{Language: language, Languages: p.messages.Languages(), Sale: sale, Style: p.style, Refresh: int(plainRefresh.Seconds())},
		Place:       place,
		Minutes:     [2]int{minutes(place.ETA[0]), minutes(place.ETA[1])},
		CanJoin:     sale.Identity == "browser" && (place.State == "" || place.State == "left" || place.State == "finished"),
		Claim:       place.State == "offered" || place.State == "active" || place.State == "expired",
	}
	var body bytes.Buffer
	if err := p.plain.Execute(&body, view); err != nil {
		return fmt.Errorf("plain waiting page: %w", err)
	}
	document, err := page.NewPage(page.Policy(body.Bytes()), body.Bytes())
	if err != nil {
		return err
	}
	if place.State != "" && !view.Claim {
		c.Set("Refresh", strconv.Itoa(int(plainRefresh.Seconds())))
	}
	return document.Send(c, "no-store")
}

func minutes(d time.Duration) int { return int(math.Ceil(d.Minutes())) }
