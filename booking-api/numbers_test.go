package bookingapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// number is one number that an operation of the document takes.
type number struct {
	method, path string // the path filled
	query, field string // one of both: a parameter, or a member of the body by its path
	body         map[string]any
	schema       map[string]any
}

func (n number) String() string { return n.method + " " + n.path + " " + n.query + n.field }

// numbers walks over all number inputs of the document.
func numbers(document map[string]any) []number {
	follow := func(v any) map[string]any {
		found, _ := v.(map[string]any)
		for ref, ok := found["$ref"].(string); ok; ref, ok = found["$ref"].(string) {
			at := document
			for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				at, _ = at[part].(map[string]any)
			}
			found = at
		}
		return found
	}
	var all []number
	paths, _ := document["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, item := range follow(paths[path]) {
			if method == "head" { // answers without words
				continue
			}
			operation := follow(item)
			base := number{method: strings.ToUpper(method), path: strings.ReplaceAll(strings.ReplaceAll(path, "{", ""), "}", "")}
			parameters, _ := operation["parameters"].([]any)
			for _, p := range parameters {
				parameter := follow(p)
				if schema := follow(parameter["schema"]); isNumber(schema) {
					n := base
					n.query, n.schema = fmt.Sprint(parameter["name"]), schema
					all = append(all, n)
				}
			}
			content, _ := follow(operation["requestBody"])["content"].(map[string]any)
			body := follow(follow(content["application/json"])["schema"])
			whole := smallest(follow, body)
			base.body = whole
			all = append(all, members(follow, base, body, "")...)
		}
	}
	return all
}

// members walks over the members of a body's schema.
func members(follow func(any) map[string]any, base number, schema map[string]any, before string) []number {
	var all []number
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		member := follow(properties[name])
		if isNumber(member) {
			n := base
			n.field, n.schema = before+name, member
			all = append(all, n)
		}
		all = append(all, members(follow, base, member, before+name+".")...)
	}
	return all
}

func isNumber(schema map[string]any) bool {
	types, _ := schema["type"].([]any)
	return slices.Contains(append(types, schema["type"]), any("integer")) || slices.Contains(append(types, schema["type"]), any("number"))
}

// smallest is a body with the required members only.
func smallest(follow func(any) map[string]any, schema map[string]any) map[string]any {
	body := map[string]any{}
	required, _ := schema["required"].([]any)
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range required {
		member := follow(properties[name.(string)])
		examples, _ := member["examples"].([]any)
		switch {
		case len(examples) > 0:
			body[name.(string)] = examples[0]
		case isNumber(member):
			body[name.(string)] = 1
		case member["type"] == "object":
			body[name.(string)] = smallest(follow, member)
		default:
			body[name.(string)] = "x"
		}
	}
	return body
}

// send calls the operation with the number as it is written.
func (n number) send(w *world, f fan, text string) answer {
	headers := with(f.auth, key())
	if n.query != "" {
		return w.call(n.method, n.path+"?"+n.query+"="+url.QueryEscape(text), nil, headers...)
	}
	const mark = "the number"
	body, names := maps.Clone(n.body), strings.Split(n.field, ".")
	at := body
	for _, name := range names[:len(names)-1] {
		inner, _ := at[name].(map[string]any)
		inner = maps.Clone(inner)
		if inner == nil {
			inner = map[string]any{}
		}
		at[name], at = inner, inner
	}
	at[names[len(names)-1]] = mark
	raw, _ := json.Marshal(body)
	return w.call(n.method, n.path, strings.Replace(string(raw), `"`+mark+`"`, text, 1), headers...)
}

// bound reads minimum or maximum; nil when the document has none.
func (n number) bound(name string) *big.Int {
	value, ok := n.schema[name].(float64)
	if !ok {
		return nil
	}
	whole, _ := big.NewFloat(value).Int(nil)
	return whole
}

// extremes are numbers beyond the bounds: one more and one less, and where programs break.
func (n number) extremes(low, high *big.Int) []string {
	one := big.NewInt(1)
	all := []string{new(big.Int).Sub(low, one).String(), new(big.Int).Add(high, one).String(), "1e400", "-1e400"}
	for _, bits := range []uint{31, 53, 63, 64} {
		edge := new(big.Int).Lsh(one, bits)
		if edge.Cmp(high) > 0 {
			all = append(all, edge.String())
		}
		all = append(all, new(big.Int).Neg(edge).String())
	}
	return all
}

// TestEveryNumberIsBounded: each number that the API takes says between what, what lies
// outside is the caller's mistake, and is named, and changes nothing.
func TestEveryNumberIsBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	f := w.fans(1)[0]
	all := numbers(w.call("GET", "/openapi.json", nil).is(200).body)
	if len(all) < 12 {
		t.Fatalf("the document takes %d numbers: %v; this test sees too little", len(all), all)
	}
	rows := func() (n int) {
		const q = `SELECT (SELECT count(*) FROM sale) + (SELECT count(*) FROM account) + (SELECT count(*) FROM booking) + (SELECT count(*) FROM seat_claim) + (SELECT count(*) FROM ledger)`
		if err := w.pool.QueryRow(t.Context(), q).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := rows()
	for _, n := range all {
		low, high := n.bound("minimum"), n.bound("maximum")
		if low == nil || high == nil {
			t.Errorf("%s has no minimum or no maximum", n)
			continue
		}
		for _, text := range n.extremes(low, high) {
			a := n.send(w, f, text)
			refused := a.status == 422 && a.body["code"] == "validation_failed" && strings.Contains(a.text, n.query+n.field)
			if broken := strings.Contains(text, "e"); !refused && (!broken || a.status != 400 && a.status != 422) {
				t.Errorf("%s = %s: %d %s; want 422 naming it", n, text, a.status, cut(a.text))
			}
		}
	}
	if after := rows(); after != before {
		t.Errorf("what was refused changed %d rows", after-before)
	}
}

// Two seats of the highest price are more than there is to pay: they are refused before
// they are held.
func TestASumAboveTheBoundIsRefusedAndHoldsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fans := w.fans(2)
	_, showtime := w.sale(map[string]any{"seats": 20, "queued": false, "price": int64(1) << 40})
	seats := w.seats(showtime, 2)
	w.hold(fans[0], showtime, seats...).is(422, "amount_too_large")
	one := w.hold(fans[1], showtime, seats[0]).is(201)
	if booked := w.book(fans[1], one.str("hold_id")).is(201); booked.body["amount"] != float64(1<<40) {
		t.Errorf("amount %v", booked.body["amount"])
	}
}
