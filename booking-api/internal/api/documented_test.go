package api

import (
	"io"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/jwks"
)

// A refusal that is documented without its codes was not declared in fails.
func TestEveryRefusalInTheDocumentNamesItsCodes(t *testing.T) {
	t.Parallel()
	signer, err := jwks.NewSignerBase64(strings.Repeat("A", 42) + "E=")
	if err != nil {
		t.Fatal(err)
	}
	app := fiber.New()
	described := Register(app, Options{
		Signer: signer, Clock: clock.System{}, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		PublicURL: &url.URL{Scheme: "https", Host: "fairgate.test"}, Streams: httpd.NewStreams(1, 1), Development: struct{ Development }{},
	})
	refusals := 0
	document, err := (&documented{of: described}).complete()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range document["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			for status, response := range operation.(map[string]any)["responses"].(map[string]any) {
				if status < "400" {
					continue
				}
				refusals++
				if ref, _ := response.(map[string]any)["$ref"].(string); !strings.HasPrefix(ref, "#/components/responses/"+status+".") {
					t.Errorf("%s %s: %s names no codes: declare the errors in fails, not in Errors", method, path, status)
				}
			}
		}
	}
	if refusals < 300 {
		t.Errorf("only %d refusals are documented", refusals)
	}
}
