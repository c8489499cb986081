package contract

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
)

const maxBody = 8 << 20 // bytes of a body that are looked at

// Recorder is a transport that compares what the system at a base URL answers with the
// document that it serves at /openapi.json. Requests to other addresses pass it by.
type Recorder struct {
	next http.RoundTripper
	base *url.URL

	read     sync.Once
	document *Document
	readErr  error

	mu     sync.Mutex
	faults map[string]int // what was not documented, and how often
	seen   map[string]int // answers by "METHOD template status"
}

// NewRecorder judges what next brings from base, http://127.0.0.1:8080.
func NewRecorder(base string, next http.RoundTripper) (*Recorder, error) {
	address, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	return &Recorder{next: next, base: address, faults: map[string]int{}, seen: map[string]int{}}, nil
}

// RoundTrip sends the request. The answer is judged once its body has been read, that
// of a stream at once.
func (r *Recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil || request.URL.Host != r.base.Host {
		return response, err
	}
	e := Exchange{
		Method: request.Method, Path: request.URL.EscapedPath(), Accept: request.Header.Get("Accept"),
		Status: response.StatusCode, Header: response.Header.Clone(),
	}
	if e.mediaType() == "text/event-stream" {
		r.judge(e)
		return response, nil
	}
	response.Body = &watchedBody{ReadCloser: response.Body, done: func(body []byte) {
		e.Body = body
		r.judge(e)
	}}
	return response, nil
}

func (r *Recorder) judge(e Exchange) {
	document, err := r.Document()
	if err != nil {
		r.note(fmt.Sprintf("GET /openapi.json: %v", err))
		return
	}
	r.mu.Lock()
	r.seen[fmt.Sprintf("%s %d", document.Operation(e.Method, e.Path), e.Status)]++
	r.mu.Unlock()
	for _, fault := range document.Check(e) {
		r.note(fault)
	}
}

func (r *Recorder) note(fault string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults[fault]++
}

// Document returns the document that is judged by; it is read when first asked for.
func (r *Recorder) Document() (*Document, error) {
	r.read.Do(func() {
		var request *http.Request
		if request, r.readErr = http.NewRequest(http.MethodGet, r.base.JoinPath("/openapi.json").String(), nil); r.readErr != nil {
			return
		}
		var response *http.Response
		if response, r.readErr = r.next.RoundTrip(request); r.readErr != nil {
			return
		}
		defer response.Body.Close()
		var raw []byte
		if raw, r.readErr = io.ReadAll(response.Body); r.readErr == nil {
			r.document, r.readErr = Read(raw)
		}
	})
	return r.document, r.readErr
}

// Faults returns what was answered and is not in the document, in order.
func (r *Recorder) Faults() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.faults))
}

// Report describes the faults, empty when there are none.
func (r *Recorder) Report() string {
	faults := r.Faults()
	if len(faults) == 0 {
		return ""
	}
	return fmt.Sprintf("%d kinds of answers are not as /openapi.json says:\n  %s\n", len(faults), strings.Join(faults, "\n  "))
}

// watchedBody hands the body to done when all of it has been read.
type watchedBody struct {
	io.ReadCloser
	raw  bytes.Buffer
	once sync.Once
	done func([]byte)
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.raw.Len() < maxBody {
		b.raw.Write(p[:n])
	}
	if err == io.EOF {
		b.finish(b.raw.Bytes())
	}
	return n, err
}

func (b *watchedBody) Close() error {
	b.finish(nil)
	return b.ReadCloser.Close()
}

func (b *watchedBody) finish(body []byte) {
	b.once.Do(func() {
		if bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
			body = unzipped(body)
		}
		b.done(body)
	})
}

// unzipped returns what was asked for as gzip; nil if it is none.
func unzipped(body []byte) []byte {
	plain, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	whole, err := io.ReadAll(io.LimitReader(plain, maxBody))
	if err != nil {
		return nil
	}
	return whole
}
