// Package proxy hands requests on to the booking API and its answers back, piece
// by piece, behind a circuit breaker.
package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/platform/tracing"
)

const (
	connectTimeout = time.Second
	// answerInFull is how long an answer that is no event stream may take once it
	// has begun.
	answerInFull = 2 * time.Minute
	// smallBody is held whole: request bodies so that nothing is read from a caller
	// who is already being answered, answers so that one cut off by the upstream
	// becomes a clean 503.
	smallBody = 256 << 10
	// probePatience is how long the upstream has to answer whether it is well.
	probePatience = 2 * time.Second
	// retryAfter is what callers are told while the upstream does not answer.
	retryAfter = 2 * time.Second
)

// Settings of a proxy.
type Settings struct {
	Upstream    string            // base URL, e.g. http://127.0.0.1:8081
	Timeout     time.Duration     // to the beginning of an answer; more than the longest Prefer: wait
	Slow        time.Duration     // an answer that begins later counts as a failure of the upstream
	BodyLimit   int64             // bytes of a request body
	HealthProbe string            // path asked to find out whether the upstream is back
	Transport   http.RoundTripper // nil: TCP
}

// Proxy forwards to one upstream. Safe for concurrent use.
type Proxy struct {
	settings  Settings
	upstream  *url.URL
	transport http.RoundTripper
	breaker   *breaker
	log       *slog.Logger
	streams   context.Context // ends when event streams must end
	stop      context.CancelFunc
}

// New makes a proxy.
func New(s Settings, log *slog.Logger, metrics prometheus.Registerer) (*Proxy, error) {
	upstream, err := url.Parse(s.Upstream)
	if err != nil || upstream.Host == "" {
		return nil, fmt.Errorf("proxy: %q is not the base URL of a service", s.Upstream)
	}
	if s.Transport == nil {
		s.Transport = &http.Transport{
			DialContext:           (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
			ResponseHeaderTimeout: s.Timeout,
			DisableCompression:    true,
			MaxIdleConns:          1024,
			MaxIdleConnsPerHost:   1024,
			IdleConnTimeout:       60 * time.Second, // before the upstream closes its side
			ReadBufferSize:        16 << 10,
		}
	}
	streams, stop := context.WithCancel(context.Background())
	return &Proxy{
		settings: s, upstream: upstream, log: log, streams: streams, stop: stop,
		breaker: newBreaker(s.Slow, log, metrics), transport: s.Transport,
	}, nil
}

// send is one round trip. What could not be sent is the caller's fault: the transport
// refuses some requests that the server let in, and a body may end before its length.
func (p *Proxy) send(request *http.Request) (*http.Response, error) {
	var tried, unsendable atomic.Bool // written from goroutines of the transport
	trace := &httptrace.ClientTrace{
		GetConn: func(string) { tried.Store(true) },
		WroteRequest: func(wrote httptrace.WroteRequestInfo) {
			var network net.Error
			unsendable.Store(wrote.Err != nil && !errors.As(wrote.Err, &network))
		},
	}
	response, err := p.transport.RoundTrip(request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil && p.isTCP() && (!tried.Load() || unsendable.Load()) {
		return nil, fmt.Errorf("%w: %w", errCaller, err)
	}
	return response, err
}

func (p *Proxy) isTCP() bool {
	_, ok := p.transport.(*http.Transport)
	return ok
}

func (p *Proxy) closeIdle() {
	if transport, ok := p.transport.(*http.Transport); ok {
		transport.CloseIdleConnections()
	}
}

// StopStreams ends all event streams; other answers are finished.
func (p *Proxy) StopStreams() { p.stop() }

// Healthy reports whether fans can use the shop: false while the breaker is open, for the
// upstream as a whole or for reads, holds or money, or trying whether it is back.
func (p *Proxy) Healthy() bool { return p.breaker.healthy() }

// Handle forwards one request.
func (p *Proxy) Handle(c *fiber.Ctx) error {
	body, err := p.requestBody(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	request, err := p.request(ctx, c, body)
	if err != nil {
		cancel()
		return errs.New(errs.Malformed, "bad_request", "The address cannot be read.").Because(err)
	}
	traced, span := tracing.Start(c.UserContext(), "ask the booking API", tracing.Client)
	if parent := tracing.Parent(traced); parent != "" {
		request.Header.Set(tracing.Header, parent)
	}
	response, err := p.breaker.do(request, p.send)
	span.End(&err)
	complete := body.detach()
	if complete {
		httpd.BodyRead(c, nil)
	}
	if err != nil {
		cancel()
		return body.explain(err)
	}
	if err := p.answer(c, response, cancel); err != nil {
		cancel()
		return errs.ErrUpstream.WithRetryAfter(retryAfter).Because(err)
	}
	return nil
}

// requestBody takes a small body whole and leaves a large one to be streamed.
func (p *Proxy) requestBody(c *fiber.Ctx) (*requestBody, error) {
	request := &c.Context().Request
	stream, length := request.BodyStream(), int64(request.Header.ContentLength())
	if stream == nil {
		raw := httpd.Body(c)
		return &requestBody{reader: bytes.NewReader(raw), length: int64(len(raw))}, nil
	}
	if length > p.settings.BodyLimit {
		return nil, httpd.RefuseBody(c)
	}
	if length < 0 || length > smallBody {
		return &requestBody{reader: stream, length: length, left: p.settings.BodyLimit, conn: c.Context().Conn()}, nil
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(stream, raw); err != nil {
		return nil, fiber.ErrBadRequest
	}
	httpd.BodyRead(c, raw)
	return &requestBody{reader: bytes.NewReader(raw), length: length}, nil
}

func (p *Proxy) request(ctx context.Context, c *fiber.Ctx, body *requestBody) (*http.Request, error) {
	target, err := url.ParseRequestURI(string(c.Request().Header.RequestURI()))
	if err != nil {
		return nil, err
	}
	target.Scheme, target.Host, target.User = p.upstream.Scheme, p.upstream.Host, nil
	request := (&http.Request{
		Method: string([]byte(c.Method())), URL: target, Host: string([]byte(c.Hostname())),
		Header: forwardedHeader(c), ContentLength: body.length,
	}).WithContext(ctx)
	if body.length != 0 {
		request.Body = body
	}
	return request, nil
}

// answer hands the upstream's response to the caller. cancel is called when it is
// over.
func (p *Proxy) answer(c *fiber.Ctx, response *http.Response, cancel context.CancelFunc) error {
	if response.ContentLength >= 0 && response.ContentLength <= smallBody || c.Method() == fiber.MethodHead {
		defer cancel()
		return p.answerWhole(c, response)
	}
	copyAnswerHeader(c, response)
	body := &answerBody{body: response.Body, conn: c.Context().Conn(), cancel: cancel}
	if isEventStream(response) {
		body.stopped = p.streams.Done()
		body.unhook = context.AfterFunc(p.streams, guard.Func("proxy", cancel))
	} else {
		timer := time.AfterFunc(answerInFull, guard.Func("proxy", cancel))
		body.unhook = timer.Stop
	}
	if response.ContentLength < 0 && !c.Request().Header.IsHTTP11() {
		answerUntilClosed(c, body)
		return nil
	}
	c.Response().ImmediateHeaderFlush = true // a stream may have nothing to say for long
	c.Response().SetBodyStream(body, int(response.ContentLength))
	return nil
}

func (p *Proxy) answerWhole(c *fiber.Ctx, response *http.Response) error {
	defer func() { _ = response.Body.Close() }()
	if c.Method() == fiber.MethodHead {
		copyAnswerHeader(c, response)
		c.Response().SkipBody = true
		c.Response().Header.SetContentLength(int(response.ContentLength))
		return nil
	}
	whole := make([]byte, response.ContentLength)
	if _, err := io.ReadFull(response.Body, whole); err != nil {
		return err
	}
	copyAnswerHeader(c, response)
	c.Response().SetBodyRaw(whole)
	return nil
}

func isEventStream(r *http.Response) bool {
	kind, _, _ := strings.Cut(r.Header.Get(fiber.HeaderContentType), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/event-stream")
}

// Watch asks the upstream for its health once a second while the breaker is not
// closed or nobody else has had an answer for a while, so that an upstream that
// dies or returns unseen is noticed. It returns when ctx ends.
func (p *Proxy) Watch(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.closeIdle()
			return nil
		case <-tick.C:
			if !p.breaker.closed() || p.breaker.quiet(3*time.Second) {
				p.probe(ctx)
			}
		}
	}
}

func (p *Proxy) probe(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, min(p.settings.Slow, probePatience), errNoPulse)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.upstream.JoinPath(p.settings.HealthProbe).String(), nil)
	if err != nil {
		p.log.ErrorContext(ctx, "probe", "error", err)
		return
	}
	response := p.breaker.probe(request, p.send)
	if response == nil {
		return // counted and logged by the breaker
	}
	_, _ = io.CopyN(io.Discard, response.Body, smallBody)
	_ = response.Body.Close()
}

// Get fetches a small document of the upstream, for our own use.
func (p *Proxy) Get(ctx context.Context, path string) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.upstream.JoinPath(path).String(), nil)
	if err != nil {
		return nil, err
	}
	response, err := p.breaker.do(request, p.send)
	if err != nil {
		return nil, errs.ErrUpstream.WithRetryAfter(retryAfter).Because(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, errs.ErrUpstream.Because(errors.New(response.Status))
	}
	return io.ReadAll(io.LimitReader(response.Body, 4<<20))
}
