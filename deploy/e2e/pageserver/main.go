// Command pageserver serves all pages over sample data on a free port, for the
// browser tests of single pages: what the pages ask of the API, the tests answer.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/gofiber/fiber/v2"

	site "github.com/fairgate/fairgate/booking-api/web"
	"github.com/fairgate/fairgate/queue-gateway/web"
	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page/failure"
	"github.com/fairgate/fairgate/shared/queue"
)

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serve() error {
	waiting, err := web.New()
	if err != nil {
		return err
	}
	failures, err := failure.New()
	if err != nil {
		return err
	}
	app := httpd.New(httpd.Options{Name: "pages", Log: slog.New(slog.DiscardHandler), ErrorPage: failures.Send, BodyLimit: 1 << 20, WriteTimeout: 10 * time.Second})
	app.Get("/q/:sale", waiting.Handler(line{}))
	if err := site.Register(app, site.Options{Source: shop{}, Now: time.Now}); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf("http://%s\n", listener.Addr())
	return app.Listener(listener)
}

type line struct{}

func (line) Sale(_ context.Context, id string) (web.Sale, error) {
	if id == "nowhere" {
		return web.Sale{}, errs.New(errs.NotFound, "sale_not_found", "There is no line for this sale.")
	}
	sale := web.Sale{
		ID: id, Title: "한여름 밤의 콘서트", Venue: "KSPO DOME", Colour: "#5a4a86", Identity: "browser",
		OpensAt: time.Now().Add(12 * time.Minute).Truncate(time.Hour), ClaimSeconds: 60, SessionSeconds: 300, GraceSeconds: 600,
	}
	if id == "account" {
		sale.Identity = "account"
	}
	return sale, nil
}

func (line) Place(*fiber.Ctx, string) (web.Place, error) { return web.Place{LineState: "open"}, nil }

type shop struct{}

var titles = []string{"한여름 밤의 콘서트", "라 트라비아타", "빨래", "겨울 나그네", "시나위", "바다로 가는 길", "백조의 호수", "서울–제주 FG101",
	"오래된 이야기꾼의 마지막 여름밤 앙코르 특별 연장 공연 서울 부산 대구 광주 순회 다시 돌아온 감동의 무대",
	"Donaudampfschifffahrtsgesellschaftskapitänswitwe – The Extraordinarily Long Musical of the Long Night of the Long Summer"}

func (shop) Performances(_ context.Context, filter site.Filter) ([]catalogue.Performance, string, error) {
	if filter.Query == "nothing" {
		return nil, "", nil
	}
	items := make([]catalogue.Performance, len(titles))
	for i := range items {
		items[i] = sample(i)
	}
	return items, "more", nil
}

func (shop) Categories(context.Context) ([]string, error) { return []string{"concert", "musical"}, nil }

func sample(i int) catalogue.Performance {
	colours := []string{"#5a4a86", "#8a3b4c", "#2f6b63", "#3d5a8a", "#7a5a2a", "#2c6a8a", "#6a4a7a", "#44603a"}
	day := time.Date(2027, 1, 10+i, 0, 0, 0, 0, time.UTC)
	return catalogue.Performance{
		ID: fmt.Sprintf("PF%d", i), Title: titles[i], Category: "concert", VenueID: "v", VenueName: "KSPO DOME (올림픽체조경기장)",
		StartsOn: day, EndsOn: day.AddDate(0, 0, i%3), Runtime: "2시간 30분", Age: "만 7세 이상", Colour: colours[i%len(colours)],
		Synopsis: "한 해의 가장 긴 저녁, 오래 기다린 노래들이 다시 무대에 오릅니다.", Cast: []catalogue.Performer{{ID: "p1", Name: "김하늘"}, {ID: "p2", Name: "이바다"}},
	}
}

func (shop) Performance(_ context.Context, id string) (catalogue.Performance, error) {
	var i int
	if n, err := fmt.Sscanf(id, "PF%d", &i); n != 1 || err != nil || i >= len(titles) {
		return catalogue.Performance{}, catalogue.ErrPerformanceNotFound
	}
	return sample(i), nil
}

func (shop) Showtimes(_ context.Context, performanceID string) ([]catalogue.Showtime, error) {
	showtimes := make([]catalogue.Showtime, 4)
	for i := range showtimes {
		showtimes[i] = catalogue.Showtime{
			ID: fmt.Sprintf("st%d", i), PerformanceID: performanceID, SaleID: []string{"queued", "queued", "later", "gone"}[i],
			StartsAt: time.Date(2027, 1, 10+i, 10, 0, 0, 0, time.UTC),
			Prices:   map[string]money.KRW{"VIP": 190000, "R": 150000, "S": 120000, "A": 90000},
		}
	}
	return showtimes, nil
}

func (shop) LineState(context.Context, string) (queue.State, error) { return queue.Open, nil }

func (shop) Sale(_ context.Context, id string) (catalogue.Sale, error) {
	now := time.Now()
	sale := catalogue.Sale{
		ID: id, PerformanceID: "PF0", OpensAt: now.Add(-time.Hour), ClosesAt: now.Add(30 * 24 * time.Hour),
		Queued: true, MaxSeatsPerAccount: 4, HoldSeconds: 300,
	}
	switch id {
	case "queued":
	case "later":
		sale.OpensAt = time.Date(2026, 12, 31, 11, 0, 0, 0, time.UTC)
		sale.ClosesAt = sale.OpensAt.AddDate(0, 1, 0)
	case "gone":
		sale.SoldOut = true
	default:
		return catalogue.Sale{}, catalogue.ErrSaleNotFound
	}
	return sale, nil
}
