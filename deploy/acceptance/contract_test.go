//go:build acceptance

package acceptance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/deploy/contract"
)

// probe calls operations of the document with requests that are right but for one thing.
type probe struct {
	document *contract.Document
	fan      fan
	admin    option
	place    string            // a place's token in the line of queued
	ids      map[string]string // what stands behind a segment of a path
}

func newProbe(t *testing.T) *probe {
	t.Helper()
	document, err := recorder.Document()
	if err != nil {
		t.Fatal(err)
	}
	plain, queued, f := plainSale(t, 20, nil), queuedSale(t, 20, nil), newFan(t)
	hold := held(t, plain, f, plain.seats[:2]).is(201).text("hold_id")
	booking := booked(t, plain, newFan(t), plain.seats[2:3])
	return &probe{document: document, fan: f, admin: admin(t), place: join(t, queued, f), ids: map[string]string{
		"venues":       call(t, "GET", "/v1/venues?limit=1").is(200).items()[0]["id"].(string),
		"performers":   call(t, "GET", "/v1/performers?limit=1").is(200).items()[0]["id"].(string),
		"performances": call(t, "GET", "/v1/sales/demo-onsale").is(200).text("performance_id"),
		"sales":        plain.id, "showtimes": plain.showtime, "holds": hold, "bookings": booking.text("id"),
		"queues": queued.id, "q": queued.id, queued.id: "pause", "refunds": "rfd-x",
	}}
}

// path fills the template of an operation.
func (p *probe) path(o contract.Operation) string {
	parts := strings.Split(o.Path, "/")
	for i, part := range parts {
		if strings.HasPrefix(part, "{") {
			id, known := p.ids[parts[i-1]]
			if !known {
				id = "x"
			}
			parts[i] = id
		}
	}
	return strings.Join(parts, "/")
}

// call sends a request that is right but for what more and raw change; an empty raw is
// the smallest right body.
func (p *probe) call(t *testing.T, o contract.Operation, path, raw string, more ...option) answer {
	t.Helper()
	options := []option{sameSite()}
	if strings.HasPrefix(o.Path, "/v1/admin/") {
		options = append(options, p.admin)
	} else if o.NeedsAccount || strings.HasPrefix(o.Path, "/v1/queues/") {
		options = append(options, bearer(p.fan.token))
	}
	if o.Has("header", "Idempotency-Key") {
		options = append(options, newKey())
	}
	if o.Has("header", "Place-Token") {
		options = append(options, place(p.place))
	}
	if o.Body != nil {
		if raw == "" {
			whole, _ := json.Marshal(p.document.Example(o.Body))
			raw = string(whole)
		}
		options = append(options, text(raw))
	}
	options = append(options, more...)
	if !o.IsStream {
		return ask(t, o.Method, system(t).url+path, options...)
	}
	status, refused := openStream(t, path, options)
	return answer{t: t, call: o.Method + " " + path, status: status, raw: refused, header: http.Header{"Content-Type": {"application/problem+json"}}}
}

// openStream returns how a stream begins, and what is said instead of one.
func openStream(t *testing.T, path string, options []option) (status int, refused []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, system(t).url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		o(r)
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 400 {
		refused, err = io.ReadAll(response.Body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, refused
}

// goWords are words of our tools, which mean nothing to callers.
var goWords = regexp.MustCompile(`\b(Go|json:|huma|struct|strconv|reflect|unmarshal|u?int\d+|float\d+|interface|nil|panic|runtime|fasthttp|fiber)\b`)

// plainWords checks a refusal.
func (a answer) plainWords(t *testing.T, sent string) {
	t.Helper()
	if a.status >= 500 {
		t.Errorf("%s with %.200s: %d %s", a.call, sent, a.status, a.raw)
	}
	if a.status < 400 || strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		return
	}
	a.checkProblem()
	if found := goWords.Find(a.raw); found != nil {
		t.Errorf("%s with %.200s: says %q: %s", a.call, sent, found, a.raw)
	}
}

// takesJSON reports whether wrong bodies of the operation are refused: a webhook is a
// stranger's, who does not mend what it sends.
func takesJSON(o contract.Operation) bool {
	return o.Body != nil && o.Path != "/v1/webhooks/toss"
}

func TestWrongTypesAreRefusedInPlainWords(t *testing.T) {
	t.Parallel()
	p, fields := newProbe(t), 0
	for _, o := range p.document.Operations() {
		if !takesJSON(o) {
			continue
		}
		for _, wrong := range []string{`[]`, `"x"`, `1`, `null`, `{"surprise":1}`} {
			a := p.call(t, o, p.path(o), wrong)
			a.problem(422, "validation_failed").plainWords(t, wrong)
		}
		whole := p.document.Example(o.Body)
		for path, schema := range p.document.Fields(o.Body) {
			fields++
			for _, value := range contract.WrongTypes(schema) {
				sent := contract.With(whole, path, value, false)
				if a := p.call(t, o, p.path(o), sent); a.status != 422 || a.text("code") != "validation_failed" {
					t.Errorf("%s %s with %s: %d %s", o.Method, o.Path, sent, a.status, a.raw)
				} else {
					a.plainWords(t, sent)
				}
			}
		}
	}
	if fields < 25 {
		t.Errorf("only %d fields were tried", fields)
	}
}

func TestNullInAPatchClearsOrIsRefused(t *testing.T) {
	t.Parallel()
	p, patches := newProbe(t), 0
	for _, o := range p.document.Operations() {
		if o.Method != http.MethodPatch {
			continue
		}
		patches++
		for path, schema := range p.document.Fields(o.Body) {
			a := p.call(t, o, p.path(o), contract.With(map[string]any{}, path, contract.Raw("null"), false))
			if !contract.TakesNull(schema) {
				a.problem(422, "validation_failed")
				continue
			}
			if value, there := a.is(200).object()[path]; !there || value != nil {
				t.Errorf("%s %s: null leaves %s at %v", o.Method, o.Path, path, value)
			}
		}
	}
	if patches < 2 {
		t.Errorf("only %d operations are a PATCH", patches)
	}
}

func TestJSONThatReadersUnderstandDifferently(t *testing.T) {
	t.Parallel()
	p := newProbe(t)
	for _, o := range p.document.Operations() {
		if !takesJSON(o) {
			continue
		}
		for _, wrong := range []string{"\ufeff{}", "{}{}", "{} x", `{"a":NaN}`, `{"a":1,"a":1}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), `{"a":`} {
			p.call(t, o, p.path(o), wrong).problem(400, "malformed_json")
		}
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "application/xml", "application/json; charset=euc-kr", "nonsense;;", "application/json-seq"} {
			p.call(t, o, p.path(o), "{}", header("Content-Type", kind)).problem(415, "unsupported_media_type")
		}
		for _, kind := range []string{"Application/JSON; Charset=UTF-8", "application/json;charset=\"utf-8\"", "", "application/merge-patch+json"} {
			a := p.call(t, o, p.path(o), "[]", header("Content-Type", kind), header("Accept", "Application/JSON;q=0.5, TEXT/*"))
			a.problem(422, "validation_failed")
		}
	}
}

func TestWholeNumbersMayBeWrittenInOtherWays(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 10, map[string]any{"price": json.Number("2e4")}), newFan(t)
	best := call(t, "POST", s.holds(), bearer(f.token), newKey(), text(`{"best_available":{"count":2.0}}`)).is(201)
	if best.number("amount") != 40000 {
		t.Errorf("%s", best.raw)
	}
	booking := call(t, "POST", "/v1/bookings", bearer(f.token), newKey(), body(map[string]any{"hold_id": best.text("hold_id")})).is(201)
	order := booking.text("order_id")
	confirm := func(amount string) answer {
		sent := fmt.Sprintf(`{"payment_key":%q,"order_id":%q,"amount":%s}`, approved(t, order, 40000), order, amount)
		return call(t, "POST", "/v1/payments/confirm", bearer(f.token), newKey(), wait(10), text(sent))
	}
	confirm("40000.5").problem(422, "validation_failed")
	confirm("9223372036854775808").problem(422, "validation_failed")
	confirm("4.0000e4").is(200)
	q := queuedSale(t, 1, nil)
	changed := call(t, "PATCH", "/v1/admin/queues/"+q.id, admin(t), text(`{"capacity":1e3,"rate_per_minute":600.0}`)).is(200)
	if changed.number("capacity") != 1000 || changed.number("rate_per_minute") != 600 {
		t.Errorf("%s", changed.raw)
	}
}

func TestTheDocumentHasAllFormsAndATag(t *testing.T) {
	t.Parallel()
	s := plainSale(t, 4, nil)
	showtime := "/v1/showtimes/" + s.showtime
	for _, path := range []string{
		"/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml", "/v1/venues", "/v1/sales/" + s.id, showtime, showtime + "/seatmap",
		showtime + "/seatmap?format=compact", showtime + "/availability", showtime + "/availability?format=list",
	} {
		a := call(t, "GET", path).is(200)
		tag := a.header.Get("ETag")
		if tag == "" {
			t.Errorf("%s has no ETag", path)
			continue
		}
		call(t, "GET", path, header("If-None-Match", `"x", W/`+tag)).is(304)
		if strings.HasPrefix(path, "/openapi") && (!strings.Contains(string(a.raw), "/v1/queues/{sale}") || !strings.Contains(string(a.raw), "/v1/bookings/{id}")) {
			t.Errorf("%s is not of the whole origin", path)
		}
	}
	before := call(t, "GET", showtime+"/availability").header.Get("ETag")
	held(t, s, newFan(t), s.seats[:1]).is(201)
	eventually(t, "another ETag once a seat is held", func() bool {
		return call(t, "GET", showtime+"/availability", header("If-None-Match", before)).status == 200
	})
}

// TestNothingSentBreaksAnything sends to every operation what programs trip over, one
// thing at a time, and some things together. FUZZ_SEED repeats a run.
func TestNothingSentBreaksAnything(t *testing.T) {
	t.Parallel()
	p := newProbe(t)
	var ends []contract.Operation // of what the others ask for
	t.Run("all", func(t *testing.T) {
		for _, o := range p.document.Operations() {
			switch {
			case strings.HasPrefix(o.Path, "/v1/dev/"): // what it makes is as large as it is told
			case o.Method == http.MethodDelete, strings.HasSuffix(o.Path, "/{verb}"):
				ends = append(ends, o)
			default:
				p.fuzz(t, o)
			}
		}
	})
	for _, o := range ends {
		p.fuzz(t, o)
	}
}

func (p *probe) fuzz(t *testing.T, o contract.Operation) {
	t.Helper()
	t.Run(o.Method+" "+o.Path, func(t *testing.T) {
		t.Parallel()
		p.fuzzPath(t, o)
		p.fuzzParameters(t, o)
		p.fuzzBody(t, o)
	})
}

func (p *probe) fuzzPath(t *testing.T, o contract.Operation) {
	t.Helper()
	if !strings.Contains(o.Path, "{") {
		return
	}
	for _, text := range some(t, 15, slices.Concat(contract.Texts(), []string{"\x00", "\xff", "a/b", "..", "."})) {
		parts := strings.Split(p.path(o), "/")
		for i, part := range strings.Split(o.Path, "/") {
			if strings.HasPrefix(part, "{") {
				parts[i] = url.PathEscape(text)
			}
		}
		p.call(t, o, strings.Join(parts, "/"), "").plainWords(t, "")
	}
}

func (p *probe) fuzzParameters(t *testing.T, o contract.Operation) {
	t.Helper()
	for _, parameter := range o.Parameters {
		numbers := []string{"\x00", "\xff", "2147483648", "9223372036854775808", "1e400", "NaN", "Infinity", "91,181", "1,2,3", "wait=99999999999", "wait=-1"}
		for _, text := range slices.Concat(some(t, 12, contract.Texts()), numbers) {
			switch parameter.In {
			case "query":
				p.call(t, o, p.path(o)+"?"+url.QueryEscape(parameter.Name)+"="+url.QueryEscape(text), "").plainWords(t, text)
			case "header", "cookie":
				if !isHeaderText(text) || strings.HasPrefix(o.Path, "/v1/dev/") {
					continue
				}
				change := header(parameter.Name, text)
				if parameter.In == "cookie" {
					change = header("Cookie", parameter.Name+"="+text)
				}
				p.call(t, o, p.path(o), "", change).plainWords(t, text)
			}
		}
	}
}

func isHeaderText(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }) && strings.TrimSpace(s) == s
}

func (p *probe) fuzzBody(t *testing.T, o contract.Operation) {
	t.Helper()
	if o.Body == nil {
		return
	}
	whole, fields := p.document.Example(o.Body), p.document.Fields(o.Body)
	var cases []string
	var names []string
	for path := range fields {
		names = append(names, path)
	}
	slices.Sort(names)
	for _, path := range names {
		cases = append(cases, contract.With(whole, path, nil, true))
		for _, value := range contract.Extremes(fields[path]) {
			cases = append(cases, contract.With(whole, path, value, false))
		}
	}
	random := rand.New(rand.NewPCG(seed(t), 7))
	for range min(20, 5*len(names)) { // several at once
		sent := whole
		for _, name := range names {
			if values := contract.Extremes(fields[name]); random.IntN(2) == 0 {
				value := values[random.IntN(len(values))]
				if json.Valid(value) {
					_ = json.Unmarshal([]byte(contract.With(sent, name, value, false)), &sent)
				}
			}
		}
		raw, _ := json.Marshal(sent)
		cases = append(cases, string(raw))
	}
	for _, sent := range some(t, 80, cases) {
		p.call(t, o, p.path(o), sent).plainWords(t, sent)
	}
}

// some returns at most so many of list, others with another seed.
func some[T any](t *testing.T, atMost int, list []T) []T {
	t.Helper()
	list = slices.Clone(list)
	rand.New(rand.NewPCG(seed(t), 1)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:min(atMost, len(list))]
}

func seed(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(cmp.Or(os.Getenv("FUZZ_SEED"), "1"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
