package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// Document is a body with its compressed forms, ready to be sent many times.
type Document struct {
	contentType string
	etag        string
	policy      string
	plain       []byte
	zipped      []byte        // gzip
	brotli      func() []byte // nil: no such form
}

// NewDocument makes a document of a body that is served many times. It is compressed as
// well as it goes: gzip here, Brotli, which takes tens of milliseconds, for the first who
// asks for it, so that a service starts at once. policy is the Content-Security-Policy,
// empty for what is no page.
func NewDocument(contentType, policy string, body []byte) (*Document, error) {
	zipped, err := zip(body, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	return &Document{
		contentType: contentType,
		etag:        etag(body),
		policy:      policy,
		plain:       body,
		zipped:      zipped,
		brotli:      sync.OnceValue(func() []byte { return brotliOf(body) }),
	}, nil
}

// brotliOf returns the body in Brotli, nil if that fails: then gzip is sent.
func brotliOf(body []byte) []byte {
	var small bytes.Buffer
	w := brotli.NewWriterLevel(&small, brotli.BestCompression)
	if _, err := w.Write(body); err != nil {
		return nil
	}
	if err := w.Close(); err != nil {
		return nil
	}
	return small.Bytes()
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
		plain:       body,
		zipped:      zipped,
	}, nil
}

// ETag identifies the body.
func (d *Document) ETag() string { return d.etag }

// Size returns the bytes of one content coding: "", "gzip" or "br".
func (d *Document) Size(coding string) int { return len(d.in(coding)) }

// Body returns the plain body; the caller does not change it.
func (d *Document) Body() []byte { return d.plain }

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
	return c.Send(d.in(coding))
}

// in returns the body in a content coding ("" for none); nil if there is no such form.
func (d *Document) in(coding string) []byte {
	switch {
	case coding == "":
		return d.plain
	case coding == "gzip":
		return d.zipped
	case coding == "br" && d.brotli != nil:
		return d.brotli()
	}
	return nil
}

func (d *Document) coding(header string) string {
	for _, coding := range []string{"br", "gzip"} {
		if accepts(header, coding) && d.in(coding) != nil {
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
