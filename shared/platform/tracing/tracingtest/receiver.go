// Package tracingtest receives traces in tests.
package tracingtest

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one received span; its ids are hexadecimal.
type Span struct {
	Service, Name             string
	TraceID, SpanID, ParentID string
	Failed                    bool
	Attributes                map[string]string // those that are text
}

// Receiver is an OTLP/HTTP receiver in this process.
type Receiver struct {
	URL string

	mu     sync.Mutex
	spans  []Span
	header http.Header
}

// New starts a receiver that ends with the test.
func New(t *testing.T) *Receiver {
	t.Helper()
	r := &Receiver{}
	server := httptest.NewServer(http.HandlerFunc(r.receive))
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Spans returns what has been received so far.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Header returns the header of the latest request.
func (r *Receiver) Header() http.Header {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.header.Clone()
}

func (r *Receiver) receive(w http.ResponseWriter, request *http.Request) {
	var body io.Reader = request.Body
	if request.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unpacked
	}
	raw, err := io.ReadAll(body)
	var batch collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(raw, &batch)
	}
	if err != nil || request.URL.Path != "/v1/traces" {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.header = request.Header.Clone()
	r.spans = append(r.spans, spansOf(&batch)...)
	r.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func spansOf(batch *collector.ExportTraceServiceRequest) []Span {
	var spans []Span
	for _, resource := range batch.GetResourceSpans() {
		service := ""
		for _, attribute := range resource.GetResource().GetAttributes() {
			if attribute.GetKey() == "service.name" {
				service = attribute.GetValue().GetStringValue()
			}
		}
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				span := Span{
					Service: service, Name: s.GetName(), Failed: s.GetStatus().GetCode() == 2, Attributes: map[string]string{},
					TraceID: hex.EncodeToString(s.GetTraceId()), SpanID: hex.EncodeToString(s.GetSpanId()), ParentID: hex.EncodeToString(s.GetParentSpanId()),
				}
				for _, attribute := range s.GetAttributes() {
					if text := attribute.GetValue().GetStringValue(); text != "" {
						span.Attributes[attribute.GetKey()] = text
					}
				}
				spans = append(spans, span)
			}
		}
	}
	return spans
}
