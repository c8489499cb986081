package httpd_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/logging"
	"github.com/fairgate/fairgate/shared/platform/tracing"
	"github.com/fairgate/fairgate/shared/platform/tracing/tracingtest"
)

func answer(t *testing.T, app *fiber.App, request *http.Request) *http.Response {
	t.Helper()
	response, err := app.Test(request, -1)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response
}

func TestEachChangeIsOneLineWithoutItsQuery(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	app := httpd.New(httpd.Options{
		Name: "x", Log: logging.New(&out, "x", "info"),
		Quiet: func(c *fiber.Ctx) bool { return c.Path() == "/hot" },
	})
	app.All("/*", func(c *fiber.Ctx) error { return c.SendStatus(http.StatusCreated) })
	for _, target := range []string{"GET /v1/things", "POST /hot", "POST /v1/things?name=Kim"} {
		method, path, _ := strings.Cut(target, " ")
		request := httptest.NewRequest(method, path, nil)
		request.Header.Set(httpd.HeaderRequestID, "req-of-mine")
		answer(t, app, request)
	}
	want := `"msg":"request","service":"x","method":"POST","path":"/v1/things","status":201,"duration_ms":`
	if text := out.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, want) || !strings.Contains(text, `"request_id":"req-of-mine"`) {
		t.Errorf("logged %s\nwant one line with %s", text, want)
	}
}

func TestOnlyTheTraceOfATrustedCallerIsGoneOnWith(t *testing.T) {
	t.Parallel()
	const theirs = "0af7651916cd43dd8448eb211c80319c"
	for _, trusted := range []bool{true, false} {
		receiver := tracingtest.New(t)
		tracer, err := tracing.New(context.Background(), tracing.Settings{
			Endpoint: receiver.URL, Sampler: "parentbased_always_on", SamplerArg: "1"}, "x", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		options := httpd.Options{Name: "x", Log: slog.New(slog.DiscardHandler), Tracer: tracer}
		if trusted {
			options.TrustedProxies = []string{"0.0.0.0"} // what app.Test calls from
		}
		app := httpd.New(options)
		app.Get("/v1/things/:id", func(*fiber.Ctx) error { return fiber.ErrServiceUnavailable })
		request := httptest.NewRequest(http.MethodGet, "/v1/things/7", nil)
		request.Header.Set(tracing.Header, "00-"+theirs+"-b7ad6b7169203331-01")
		answer(t, app, request)
		tracer.Close(context.Background())

		spans := receiver.Spans()
		if len(spans) != 1 || spans[0].Name != "GET /v1/things/:id" || !spans[0].Failed || spans[0].Attributes["fairgate.request_id"] == "" {
			t.Fatalf("spans %+v", spans)
		}
		if (spans[0].TraceID == theirs) != trusted {
			t.Errorf("trusted %t: the trace is %s", trusted, spans[0].TraceID)
		}
	}
}
