package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Document is a body with its compressed forms, ready to be sent many times.
type Document struct {
	contentType string
	etag        string
	policy      string
	bodies      map[string][]byte // content coding ("" for none) → bytes
}

// NewDocument compresses body as well as it goes: tens of milliseconds, so for
// bodies that are served many times. policy is the Content-Security-Policy, empty
// for what is no page.
func NewDocument(contentType, policy string, body []byte) (*Document, error) {
	zipped, err := zip(body, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	var small bytes.Buffer
	w := brotli.NewWriterLevel(&small, brotli.BestCompression)
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("brotli: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("brotli: %w", err)
	}
	return &Document{
		contentType: contentType,
		etag:        etag(body),
		policy:      policy,
		bodies:      map[string][]byte{"": body, "gzip": zipped, "br": small.Bytes()},
	}, nil
}

// NewPage makes a document of a page that was built for one request: quick to
// compress, gzip only.
func NewPage(policy string, body []byte) (*Document, error) {
	zipped, err := zip(body, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	return &Document{
		contentType: fiber.MIMETextHTMLCharsetUTF8,
		etag:        etag(body),
		policy:      policy,
		bodies:      map[string][]byte{"": body, "gzip": zipped},
	}, nil
}

// ETag identifies the body.
func (d *Document) ETag() string { return d.etag }

// Size returns the bytes of one content coding: "", "gzip" or "br".
func (d *Document) Size(coding string) int { return len(d.bodies[coding]) }

// Body returns the plain body; the caller does not change it.
func (d *Document) Body() []byte { return d.bodies[""] }

// Policy returns the Content-Security-Policy.
func (d *Document) Policy() string { return d.policy }

// Send answers with the document in the best coding the caller accepts, or 304.
func (d *Document) Send(c *fiber.Ctx, cacheControl string) error {
	c.Set(fiber.HeaderETag, d.etag)
	c.Set(fiber.HeaderCacheControl, cacheControl)
	c.Append(fiber.HeaderVary, fiber.HeaderAcceptEncoding)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if d.policy != "" {
		c.Append(fiber.HeaderVary, fiber.HeaderAcceptLanguage)
		c.Set(fiber.HeaderContentSecurityPolicy, d.policy)
		c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	}
	if httpd.MatchesTag(c.Get(fiber.HeaderIfNoneMatch), d.etag) {
		return c.SendStatus(fiber.StatusNotModified)
	}
	c.Set(fiber.HeaderContentType, d.contentType)
	coding := d.coding(c.Get(fiber.HeaderAcceptEncoding))
	if coding != "" {
		c.Set(fiber.HeaderContentEncoding, coding)
	}
	return c.Send(d.bodies[coding])
}

func (d *Document) coding(header string) string {
	for _, coding := range []string{"br", "gzip"} {
		if d.bodies[coding] != nil && accepts(header, coding) {
			return coding
		}
	}
	return ""
}

func accepts(header, coding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, parameters, weighted := strings.Cut(strings.TrimSpace(item), ";")
		if !strings.EqualFold(strings.TrimSpace(name), coding) {
			continue
		}
		if !weighted {
			return true
		}
		quality, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(parameters), "q="), 64)
		return err == nil && quality > 0
	}
	return false
}

func etag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

func zip(body []byte, level int) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("gzip: %w", err)
	}
	return out.Bytes(), nil
}
