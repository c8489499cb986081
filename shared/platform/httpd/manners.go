package httpd

import (
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairgate/fairgate/shared/guard"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/platform/logging"
)

// manners is what every request goes through, in one handler: a status poll does
// little more than this, and each handler of a chain would look for the next anew.
type manners struct {
	Options
	requestID []byte // the name of its header
	guards    []headerLine
	callers   *callers
	durations *durations
	unread    prometheus.Counter
}

func (m *manners) handle(c *fiber.Ctx) error {
	m.introduce(c)
	if m.Tracer == nil {
		return m.answer(c)
	}
	return m.traced(c)
}

// introduce gives the request its id and remembers what ClientIP and ClientNetwork need.
func (m *manners) introduce(c *fiber.Ctx) {
	id := c.Get(HeaderRequestID)
	if validRequestID(id) {
		id = string([]byte(id))
	} else {
		id = ident.NewRequest(c.Context().Time())
	}
	answer := &c.Response().Header
	answer.SetCanonical(m.requestID, []byte(id))
	for _, line := range m.guards {
		answer.SetCanonical(line.name, line.value)
	}
	c.SetUserContext(logging.WithRequestID(c.UserContext(), id))
	if len(m.callers.proxies) > 0 {
		c.Locals(callersKey{}, m.callers)
	}
}

// answer has the request answered, counts and times it by route pattern, and writes
// the error answer itself, so that the recorded status is the one the caller sees.
func (m *manners) answer(c *fiber.Ctx) error {
	err := m.guarded(c)
	if m.StreamBody {
		closeOnUnreadBody(c)
	}
	if m.Drain != nil {
		m.Drain.partWithCaller(c)
	}
	if err != nil {
		if err := WriteError(c, m.Log, err); err != nil {
			return err
		}
	}
	m.finish(c, false)
	status := c.Response().StatusCode()
	took := time.Since(c.Context().Time())
	m.durations.of(c, status).Observe(took.Seconds())
	logRequest(m.Options, c, status, took)
	return nil
}

// guarded lets a request that the door takes on to its route, and turns a panic into
// an error.
func (m *manners) guarded(c *fiber.Ctx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			_ = guard.Caught("http", v)
			m.Log.ErrorContext(c.UserContext(), "panic", "path", c.Path(), "panic", v, "stack", string(debug.Stack()))
			var isError bool
			if err, isError = v.(error); !isError {
				err = errors.New(fmt.Sprint(v))
			}
		}
	}()
	if err := m.door(c); err != nil {
		return err
	}
	return c.Next()
}

// closeOnUnreadBody ends the connection when a handler left some of a streamed
// body unread: the server would take the rest for the next request. Whoever has
// read a body to its end says so with BodyRead.
func closeOnUnreadBody(c *fiber.Ctx) {
	request := &c.Context().Request
	if request.BodyStream() != nil && request.Header.ContentLength() != 0 {
		c.Context().SetConnectionClose()
	}
}

func validRequestID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// durations times requests. Finding a series by its labels costs more than counting
// in it, so those that have been seen are remembered.
type durations struct {
	service string
	vec     *prometheus.HistogramVec

	mu   sync.Mutex // held by whoever adds to seen
	seen atomic.Pointer[map[series]prometheus.Observer]
}

// series is what tells the requests of a service apart. There is one Route for each
// method of a pattern.
type series struct {
	route  *fiber.Route
	method string
	status int
}

func newDurations(service string, metrics prometheus.Registerer) *durations {
	d := &durations{service: service, vec: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "fairgate_http_request_duration_seconds",
		Help:    "Time to answer, by service, method, route pattern and status.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"service", "method", "route", "status"})}
	d.seen.Store(&map[series]prometheus.Observer{})
	if metrics != nil {
		metrics.MustRegister(d.vec)
	}
	return d
}

func (d *durations) of(c *fiber.Ctx, status int) prometheus.Observer {
	key := series{c.Route(), methodOf(c), status}
	if observer, ok := (*d.seen.Load())[key]; ok {
		return observer
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	seen := maps.Clone(*d.seen.Load())
	seen[key] = d.vec.WithLabelValues(d.service, key.method, routeOf(c, status), strconv.Itoa(status))
	d.seen.Store(&seen)
	return seen[key]
}

// methodOf returns the method as a string that outlives the request.
func methodOf(c *fiber.Ctx) string {
	for _, method := range fiber.DefaultMethods {
		if method == c.Method() {
			return method
		}
	}
	return "other"
}

// routeOf returns the pattern of the route. What no route took ends at a middleware,
// whose pattern is that of the home page; the home page itself refuses nobody.
func routeOf(c *fiber.Ctx, status int) string {
	path := c.Route().Path
	if path == "/" && status >= fiber.StatusBadRequest && status < fiber.StatusInternalServerError {
		return "none"
	}
	return path
}

// newManners returns what New has every request go through.
func newManners(o Options) *manners {
	unread := prometheus.NewCounter(prometheus.CounterOpts{
		Name:        "fairgate_http_unreadable_requests_total",
		Help:        "Requests that were refused before any route saw them: heads and bodies that cannot be read, methods that are unknown.",
		ConstLabels: prometheus.Labels{"service": o.Name},
	})
	if o.Metrics != nil {
		o.Metrics.MustRegister(unread)
	}
	return &manners{
		Options: o, requestID: []byte(HeaderRequestID), guards: guards(o.HSTS),
		callers: newCallers(o), durations: newDurations(o.Name, o.Metrics), unread: unread,
	}
}
