package bookingapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"

	"github.com/fairgate/fairgate/booking-api/web"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/catalogue/cataloguepg"
	"github.com/fairgate/fairgate/shared/errs"
)

// storefront is the catalogue as the pages ask for it, and the state of its lines.
type storefront struct {
	*cataloguepg.Store
	*lineStates
}

const defaultCards = 24

// Performances returns a page of the list, soonest first.
func (s storefront) Performances(ctx context.Context, f web.Filter) ([]catalogue.Performance, string, error) {
	after, err := readCursor(f.Cursor)
	if err != nil {
		return nil, "", err
	}
	limit := f.Limit
	if limit <= 0 {
		limit = defaultCards
	}
	items, next, err := s.Store.Performances(ctx, catalogue.PerformanceQuery{
		Page: catalogue.Page{Limit: limit, After: after}, Category: f.Category, Text: f.Query,
	})
	if err != nil {
		return nil, "", err
	}
	cursor, err := writeCursor(next)
	return items, cursor, err
}

const mostShowtimes = 200 // on one page

// Showtimes returns a performance's showtimes in order of time.
func (s storefront) Showtimes(ctx context.Context, performanceID string) ([]catalogue.Showtime, error) {
	showtimes, _, err := s.Store.Showtimes(ctx, catalogue.ShowtimeQuery{
		Page: catalogue.Page{Limit: mostShowtimes}, PerformanceID: performanceID,
	})
	return showtimes, err
}

func readCursor(cursor string) (*catalogue.Mark, error) {
	if cursor == "" {
		return nil, nil
	}
	var mark catalogue.Mark
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || json.Unmarshal(raw, &mark) != nil || strings.ContainsRune(mark.Key+mark.ID, 0) {
		return nil, errs.ErrBadCursor
	}
	return &mark, nil
}

func writeCursor(mark *catalogue.Mark) (string, error) {
	if mark == nil {
		return "", nil
	}
	raw, err := json.Marshal(mark)
	return base64.RawURLEncoding.EncodeToString(raw), err
}
