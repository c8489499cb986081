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
	"github.com/fairgate/fairgate/shared/platform/page"
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

	mu     sync.Mutex
	merged []byte
	whole  bool // contains the booking API's
	asked  time.Time
}

// openAPI is GET /openapi.json.
func (a *API) openAPI(c *fiber.Ctx) error {
	body, err := a.document.get(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/vnd.oai.openapi+json;version=3.1")
	c.Set(fiber.HeaderCacheControl, "public, max-age=60")
	return c.Send(body)
}

// docs is GET /docs: the document made readable; nothing comes from another host.
func (a *API) docs(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentSecurityPolicy, page.Policy(docsPage))
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(docsPage)
}

func (d *document) get(ctx context.Context) ([]byte, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	if d.merged != nil && now.Sub(d.asked) < documentFreshFor && (d.whole || now.Sub(d.asked) < nameRetry) {
		return d.merged, nil
	}
	d.asked = now
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	theirs, err := d.proxy.Get(ctx, "/openapi.json")
	if err != nil && d.merged != nil {
		return d.merged, nil
	}
	if err != nil {
		theirs = []byte("{}")
	}
	merged, err := mergeDocuments(theirs, gatewayAPI)
	if err != nil {
		return nil, err
	}
	d.merged, d.whole = merged, len(theirs) > 2
	return merged, nil
}

// mergeDocuments lays over's members on base's: maps are joined two levels deep,
// tags one after the other, everything else is over's.
func mergeDocuments(base, over []byte) ([]byte, error) {
	var b, o map[string]any
	if err := json.Unmarshal(base, &b); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(over, &o); err != nil {
		return nil, err
	}
	return json.Marshal(mergeMaps(b, o, 2))
}

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
