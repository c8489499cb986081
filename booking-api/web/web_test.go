package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/money"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/page/failure"
	"github.com/fairgate/fairgate/shared/queue"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

type fakeSource struct {
	broken bool
	line   queue.State // of every line; empty: nobody can say
}

func (f fakeSource) Performances(_ context.Context, filter Filter) ([]catalogue.Performance, string, error) {
	if f.broken {
		return nil, "", errors.New("the database is away")
	}
	if filter.Query == "nothing" {
		return nil, "", nil
	}
	p, _ := f.Performance(context.Background(), "PF1")
	return []catalogue.Performance{p}, "next-page", nil
}

func (fakeSource) Categories(context.Context) ([]string, error) {
	return []string{"concert", "load-of-ours", "play"}, nil
}

func (fakeSource) Performance(_ context.Context, id string) (catalogue.Performance, error) {
	if id != "PF1" {
		return catalogue.Performance{}, catalogue.ErrPerformanceNotFound
	}
	return catalogue.Performance{
		ID: "PF1", Title: `Rock & <b>Roll</b>`, Category: "concert", VenueName: "KSPO DOME", Colour: "#5a4a86",
		Runtime: "2시간 30분", Age: "만 7세 이상", Cast: []catalogue.Performer{{ID: "p1", Name: "김하늘"}},
		StartsOn: time.Date(2027, 1, 10, 0, 0, 0, 0, time.UTC), EndsOn: time.Date(2027, 1, 12, 0, 0, 0, 0, time.UTC),
	}, nil
}

func (fakeSource) Showtimes(context.Context, string) ([]catalogue.Showtime, error) {
	at := time.Date(2027, 1, 10, 10, 0, 0, 0, time.UTC)
	prices := map[string]money.KRW{"R": 150000, "VIP": 190000}
	return []catalogue.Showtime{
		{ID: "st1", SaleID: "queued", StartsAt: at, Prices: prices},
		{ID: "st2", SaleID: "plain", StartsAt: at.AddDate(0, 0, 1), Prices: prices},
		{ID: "st3", SaleID: "later", StartsAt: at.AddDate(0, 0, 2), Prices: prices},
	}, nil
}

func (fakeSource) Sale(_ context.Context, id string) (catalogue.Sale, error) {
	sale := catalogue.Sale{ID: id, PerformanceID: "PF1", OpensAt: now.Add(-time.Hour), ClosesAt: now.AddDate(0, 1, 0), Queued: id != "plain", MaxSeatsPerAccount: 4}
	switch id {
	case "later":
		sale.OpensAt = now.Add(time.Hour)
	case "queued", "plain":
	default:
		return catalogue.Sale{}, catalogue.ErrSaleNotFound
	}
	return sale, nil
}

func (f fakeSource) LineState(context.Context, string) (queue.State, error) {
	if f.line == "" {
		return "", queue.ErrUnavailable
	}
	return f.line, nil
}

func failures(t *testing.T) httpd.ErrorPage {
	t.Helper()
	pages, err := failure.New()
	if err != nil {
		t.Fatal(err)
	}
	return pages.Send
}

func newApp(t *testing.T, source Source) *fiber.App {
	t.Helper()
	app := httpd.New(httpd.Options{Name: "test", Log: slog.New(slog.DiscardHandler), BodyLimit: 1 << 20, ErrorPage: failures(t)})
	if err := Register(app, Options{Source: source, Now: func() time.Time { return now }}); err != nil {
		t.Fatal(err)
	}
	return app
}

func get(t *testing.T, app *fiber.App, path, language string) (int, string, func(string) string) {
	t.Helper()
	request := httptest.NewRequest("GET", path, nil)
	request.Header.Set("Accept-Language", language)
	request.Header.Set("Accept", "text/html")
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body), response.Header.Get
}

func TestPagesShowWhatTheyAreGiven(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{})
	for _, test := range []struct {
		path, language string
		want           []string
	}{
		{"/", "ko", []string{`<html lang="ko">`, `href="/performances/PF1"`, "2027. 1. 10. – 1. 12.", `href="/?cursor=next-page"`}},
		{"/?q=nothing", "en", []string{"No show matches."}},
		{"/?category=concert&q=a&lang=en", "ko", []string{`<html lang="en">`, `href="/performances/PF1?lang=en"`}},
		{"/?lang=ja", "ko", []string{`<html lang="en">`, `href="/performances/PF1?lang=ja"`, `lang="ja">ここから`}},
		{"/", "zh-Hant-TW,zh;q=0.9", []string{`<html lang="en">`, `lang="zh">以下`}},
		{"/performances/PF1?a=b&lang=en", "ko", []string{`href="/login?next=%2Fperformances%2FPF1%3Fa%3Db%26lang%3Den&amp;lang=en"`}},
		{"/signup?next=%2Fq%2Fqueued", "ko", []string{`href="/login?next=%2Fq%2Fqueued"`}},
		{"/performances/PF1", "en", []string{`href="/q/queued?showtime=st1"`, `href="/sales/plain/seats?showtime=st2"`, "On sale Fri, 20 Nov 2026, 22:00 KST", "2 h 30 min", "Ages 7 and over", `<span lang="ko">김하늘</span>`, "VIP ₩190,000 · R ₩150,000"}},
		{"/sales/queued/seats", "ko", []string{`"showtime":"st1"`, `"max_seats":4`, `"VIP":190000`}},
		{"/sales/plain/seats?showtime=st2", "ko", []string{`"showtime":"st2"`, `"queued":false`}},
		{"/bookings/bkg-1/pay", "ko", []string{`"booking":"bkg-1"`}},
		{"/me/bookings", "en", []string{"My bookings"}},
		{"/login", "en", []string{`autocomplete="current-password"`}},
		{"/signup", "ko", []string{`autocomplete="new-password"`}},
	} {
		status, body, header := get(t, app, test.path, test.language)
		if status != fiber.StatusOK {
			t.Errorf("%s: %d", test.path, status)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q", test.path, want)
			}
		}
		if strings.Contains(body, "<b>Roll") {
			t.Errorf("%s: a title became markup", test.path)
		}
		if policy := header("Content-Security-Policy"); policy == "" || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", test.path, policy)
		}
		if strings.Contains(body, ` style="`) || regexp.MustCompile(`(?:src|href)="https?:`).MatchString(body) {
			t.Errorf("%s: inline style, or another host", test.path)
		}
	}
}

func TestEveryTextThatPagesNameExists(t *testing.T) {
	t.Parallel()
	s, err := newSite(Options{Source: fakeSource{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`(?:t \$?\.?\$?\.?Language |say\()"([a-z_.0-9]+)"`)
	for _, folder := range []string{"templates", "static"} {
		entries, err := files.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			source, err := files.ReadFile(folder + "/" + entry.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range named.FindAllStringSubmatch(string(source), -1) {
				if s.messages.Text("ko", match[1]) == match[1] {
					t.Errorf("%s names the text %q, which is nowhere", entry.Name(), match[1])
				}
			}
		}
	}
}

func TestErrorPages(t *testing.T) {
	t.Parallel()
	status, body, _ := get(t, newApp(t, fakeSource{}), "/performances/none", "en")
	if status != fiber.StatusNotFound || !strings.Contains(body, "performance_not_found") || !strings.Contains(body, "req-") {
		t.Errorf("unknown performance: %d %s", status, body)
	}
	status, body, _ = get(t, newApp(t, fakeSource{broken: true}), "/", "ko")
	if status != fiber.StatusInternalServerError || strings.Contains(body, "database") {
		t.Errorf("broken source: %d, or its cause is shown", status)
	}
}

func TestChosenShowtime(t *testing.T) {
	t.Parallel()
	list := []catalogue.Showtime{{ID: "past", StartsAt: now.Add(-time.Hour)}, {ID: "next", StartsAt: now.Add(time.Hour)}, {ID: "last", StartsAt: now.Add(2 * time.Hour)}}
	for asked, want := range map[string]string{"": "next", "last": "last", "other": "next"} {
		if got := chosenShowtime(list, asked, now); got.ID != want {
			t.Errorf("asked %q: %s, want %s", asked, got.ID, want)
		}
	}
	if got := chosenShowtime(list, "", now.Add(time.Hour*24)); got.ID != "last" {
		t.Errorf("all past: %s, want last", got.ID)
	}
}

// Every number in a text comes from the settings or the data. The names of months and
// the rules for names and passwords, which the API checks, are the exceptions.
func TestTextsNameNoNumbers(t *testing.T) {
	t.Parallel()
	numbered := regexp.MustCompile(`^(date\.month\.|signup\.rule|login\.fault\.(password|name)$)`)
	s, err := newSite(Options{Source: fakeSource{}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	for _, language := range s.messages.Languages() {
		for key, text := range s.messages.Texts(language) {
			if strings.ContainsAny(text, "0123456789") && !numbered.MatchString(key) {
				t.Errorf("%s %s: a number of its own: %q", language, key, text)
			}
		}
	}
}

func TestOnlyCategoriesWithPerformancesAreOffered(t *testing.T) {
	t.Parallel()
	app := newApp(t, fakeSource{})
	offered := regexp.MustCompile(`href="/\?category=([a-z-]+)"`)
	for path, want := range map[string]string{"/": "concert play", "/?category=flight": "concert play flight", "/?category=nonsense": "concert play"} {
		_, body, _ := get(t, app, path, "ko")
		var got []string
		for _, match := range offered.FindAllStringSubmatch(body, -1) {
			got = append(got, match[1])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s offers %v, want %s", path, got, want)
		}
	}
}

// Only a line that takes fans is offered, whatever the catalogue says of its sale.
func TestOnlyLinesThatTakeFansAreOffered(t *testing.T) {
	t.Parallel()
	for line, want := range map[queue.State]struct {
		offered bool
		says    string
	}{
		"": {true, ""}, queue.Open: {true, ""}, queue.Paused: {true, ""}, queue.Lobby: {true, ""}, queue.Scheduled: {true, ""}, queue.Rebuilding: {true, ""},
		queue.Closed: {false, "Sale over"}, queue.Draining: {false, "Sale over"}, queue.SoldOut: {false, "Sold out"}, queue.Draft: {false, "Not on sale yet"},
	} {
		_, body, _ := get(t, newApp(t, fakeSource{line: line}), "/performances/PF1", "en")
		for _, way := range []string{`href="/q/queued?showtime=st1"`, `href="/q/later?showtime=st3"`} {
			if strings.Contains(body, way) != want.offered {
				t.Errorf("line %q: %s offered: %v, want %v", line, way, !want.offered, want.offered)
			}
		}
		if !strings.Contains(body, want.says) || !strings.Contains(body, `href="/sales/plain/seats?showtime=st2"`) {
			t.Errorf("line %q: the page does not say %q, or a sale without a line is not offered", line, want.says)
		}
	}
}

// A showtime that has begun is sold no more, though its sale goes on for later ones.
func TestAShowtimeThatHasBegunIsNotOffered(t *testing.T) {
	t.Parallel()
	app := httpd.New(httpd.Options{Name: "test", Log: slog.New(slog.DiscardHandler), BodyLimit: 1 << 20})
	begun := time.Date(2027, 1, 10, 10, 0, 0, 0, time.UTC)
	if err := Register(app, Options{Source: longSale{}, Now: func() time.Time { return begun }}); err != nil {
		t.Fatal(err)
	}
	_, body, _ := get(t, app, "/performances/PF1", "en")
	if strings.Contains(body, "showtime=st1") || !strings.Contains(body, "showtime=st2") || !strings.Contains(body, "Sale over") {
		t.Errorf("at the beginning of st1: %s", body)
	}
}

type longSale struct{ fakeSource }

func (l longSale) Sale(ctx context.Context, id string) (catalogue.Sale, error) {
	sale, err := l.fakeSource.Sale(ctx, id)
	sale.ClosesAt = now.AddDate(1, 0, 0)
	return sale, err
}
