package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/apidoc"
	"github.com/fairgate/fairgate/shared/platform/page"
	"github.com/fairgate/fairgate/shared/queue"
)

// gatewayAPI describes the gateway's own routes; a test compares it with them.
//
//go:embed openapi.json
var gatewayAPI []byte

//go:embed docs.html
var docsPage []byte

const documentFreshFor = time.Minute

// document is the OpenAPI document of the whole origin: the booking API's with
// the gateway's routes laid over it, or the latter alone until the former has
// been read once.
type document struct {
	proxy Proxy
	clock clock.Clock

	mu    sync.Mutex
	forms apidoc.Forms
	whole bool // contains the booking API's
	asked time.Time
}

// openAPI is GET /openapi.json and its other forms.
func (a *API) openAPI(c *fiber.Ctx) error {
	forms, err := a.document.get(c.UserContext())
	if err != nil {
		return err
	}
	return forms.Serve(c)
}

// docs is GET /docs: the document made readable; nothing comes from another host.
func (a *API) docs(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, page.Policy(docsPage))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(docsPage)
}

func (d *document) get(ctx context.Context) (apidoc.Forms, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	if d.forms != nil && now.Sub(d.asked) < documentFreshFor && (d.whole || now.Sub(d.asked) < nameRetry) {
		return d.forms, nil
	}
	d.asked = now
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	theirs, err := d.proxy.Get(ctx, "/openapi.json")
	if err != nil && d.forms != nil {
		return d.forms, nil
	}
	if err != nil {
		theirs = []byte("{}")
	}
	merged, err := wholeDocument(theirs)
	if err != nil {
		return nil, err
	}
	forms, err := apidoc.Render(merged)
	if err != nil {
		return nil, err
	}
	d.forms, d.whole = forms, len(theirs) > 2
	return forms, nil
}

// wholeDocument lays the gateway's part, completed, over the booking API's, which is
// complete.
func wholeDocument(theirs []byte) (apidoc.Document, error) {
	ours, err := ownDocument()
	if err != nil {
		return nil, err
	}
	var base map[string]any
	if err := json.Unmarshal(theirs, &base); err != nil {
		return nil, err
	}
	return mergeMaps(base, ours, 2), nil
}

// ownDocument is the gateway's part with what its kinds of operations have in common.
func ownDocument() (apidoc.Document, error) {
	var ours apidoc.Document
	if err := json.Unmarshal(gatewayAPI, &ours); err != nil {
		return nil, err
	}
	apidoc.Complete(ours,
		apidoc.Kind{Is: apidoc.With("path", "sale"), Refusals: apidoc.Of(queue.ErrLineNotFound)},
		apidoc.Kind{Is: apidoc.With("header", headerPlace), Refusals: apidoc.Of(queue.ErrPlaceRequired, queue.ErrPlaceInvalid, errs.ErrUnauthenticated, errs.ErrForbidden)},
		apidoc.Kind{Is: apidoc.Under("/v1/admin/"), Refusals: apidoc.Of(errs.ErrForbidden)},
	)
	return ours, nil
}

// mergeMaps lays over's members on base's: maps are joined depth levels deep, lists one
// after the other, everything else is over's.
func mergeMaps(base, over map[string]any, depth int) map[string]any {
	merged := maps.Clone(base)
	if merged == nil {
		merged = map[string]any{}
	}
	for key, value := range over {
		switch value := value.(type) {
		case map[string]any:
			if old, ok := merged[key].(map[string]any); ok && depth > 0 {
				merged[key] = mergeMaps(old, value, depth-1)
				continue
			}
		case []any:
			if old, ok := merged[key].([]any); ok {
				merged[key] = append(append([]any{}, old...), value...)
				continue
			}
		}
		merged[key] = value
	}
	return merged
}
