package contract

import (
	"encoding/json"
	"strings"
)

// Raw is JSON text that encoding/json would not write.
type Raw = json.RawMessage

// WrongTypes are values of all types but the schema's own; null only where it is refused.
func WrongTypes(schema map[string]any) []Raw {
	var wrong []Raw
	for kind, values := range map[string][]string{
		"string": {`"x"`, `"1"`}, "integer": {"1", "7e0"}, "number": {"1.5"}, "boolean": {"true"}, "array": {"[]", `["x"]`, "[[1]]"}, "object": {"{}", `{"a":{"b":1}}`},
	} {
		own := Type(schema)
		if kind == own || kind == "integer" && own == "number" || own == "" {
			continue
		}
		for _, value := range values {
			wrong = append(wrong, Raw(value))
		}
	}
	if !TakesNull(schema) && Type(schema) != "" {
		wrong = append(wrong, Raw("null"))
	}
	return wrong
}

// Extremes are values of the schema's type at the edges of what programs take.
func Extremes(schema map[string]any) []Raw {
	switch Type(schema) {
	case "integer", "number":
		return raws("0", "-1", "1", "10000.0", "1e4", "2147483647", "2147483648", "-2147483649", "4294967296", "1099511627776", "9007199254740991",
			"-9007199254740991", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1e19", "1e308", "1e400", "-0", "0.1", "1e-400")
	case "string":
		var all []Raw
		for _, text := range Texts() {
			quoted, _ := json.Marshal(text)
			all = append(all, quoted)
		}
		return append(all, raws(`"\ud800"`, `"\u0000"`, `"\uffff\ufffe"`, `"\u202e\u200b\u3164"`)...)
	case "array":
		many := "[" + strings.Repeat(`"x",`, 2000) + `"x"]`
		return raws("[]", "[null]", `[""]`, `["x","x"]`, `[1,"x"]`, "["+strings.Repeat("[", 40)+strings.Repeat("]", 40)+"]", many)
	case "object":
		return raws("{}", `{"":""}`, `{"a":null}`, `{"a":1,"a":2}`, strings.Repeat(`{"a":`, 40)+"1"+strings.Repeat("}", 40))
	}
	return raws("true", "false", "null")
}

// Texts are strings that programs trip over.
func Texts() []string {
	return []string{
		"", " ", "\t\n", "null", "true", "0", "-1", "1e9", "../../etc/passwd", "%00", "%s%n", "' OR 1=1 --", "<script>alert(1)</script>", "{{.}}", "$ne",
		strings.Repeat("a", 300), strings.Repeat("가", 1500), strings.Repeat("e\u0301", 500), "\u00a0", "\u200b\u200d\ufeff", "\u202etxt.exe", "파란밤", "\u1111\u1161\u1105\u1161\u11ab",
		"👩‍👩‍👧‍👦🏳️‍🌈", "\U0010ffff", "\x7f\x01", "a@b", "a@b.test", "2026-13-45", "2026-02-30T25:61:61Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "99999-01-01T00:00:00Z",
	}
}

func raws(values ...string) []Raw {
	all := make([]Raw, len(values))
	for i, value := range values {
		all[i] = Raw(value)
	}
	return all
}

// With returns value as JSON with the member at path replaced; drop removes it.
func With(value map[string]any, path string, member Raw, drop bool) string {
	raw, _ := json.Marshal(value)
	var copied map[string]any
	_ = json.Unmarshal(raw, &copied)
	at := copied
	names := strings.Split(path, ".")
	for _, name := range names[:len(names)-1] {
		inner, ok := at[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			at[name] = inner
		}
		at = inner
	}
	last := names[len(names)-1]
	if drop {
		delete(at, last)
		raw, _ = json.Marshal(copied)
		return string(raw)
	}
	// The text is put in afterwards, since Marshal would refuse or change some of it.
	const mark = "\x01the member\x01"
	at[last] = mark
	raw, _ = json.Marshal(copied)
	quoted, _ := json.Marshal(mark)
	return strings.Replace(string(raw), string(quoted), string(member), 1)
}
