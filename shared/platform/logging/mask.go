package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const masked = "***"

// secretKeys are the names under which nothing is ever shown, in attributes as in
// JSON, headers and addresses that are logged as text.
var secretKeys = map[string]bool{
	"password": true, "passwd": true, "secret": true, "token": true, "access_token": true, "refresh_token": true,
	"place_token": true, "place-token": true, "entry_pass": true, "entry-pass": true, "authorization": true,
	"cookie": true, "set-cookie": true, "api_key": true, "secret_key": true, "payment_key": true, "paymentkey": true,
	"hold_id": true, "card_number": true, "cvc": true, "phone": true, "birthday": true,
	"customer_name": true, "full_name": true, "to_name": true, "recipient_name": true,
}

var (
	emailShape = regexp.MustCompile(`([A-Za-z0-9])[A-Za-z0-9._%+\-]*(@|%40)([A-Za-z0-9.\-]+\.[A-Za-z]{2,})`)
	// tokenShape is anything longer than our ids and the hexadecimal ids of traces:
	// signed tokens, keys, the values of cookies.
	tokenShape  = regexp.MustCompile(`[A-Za-z0-9_\-]{48,}(\.[A-Za-z0-9_\-]+)*|eyJ[A-Za-z0-9_\-]{8,}(\.[A-Za-z0-9_\-]*)*`)
	bearerShape = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=\-]{6,}`)
	cardShape   = regexp.MustCompile(`\b\d{4}[ \-]?\d{4}[ \-]?\d{4}[ \-]?\d{3,4}\b`)
	headerShape = regexp.MustCompile(`(?i)\b(authorization|cookie|set-cookie):[^"\n]+`)
	namedShape  = regexp.MustCompile(`(?i)\b(` + strings.Join(slices.Sorted(maps.Keys(secretKeys)), "|") + `)("\s*:\s*|=)("(?:[^"\\]|\\.)*"|[^\s&,;"}]+)`)
)

// ids are made by us or checked on arrival, and must be found again as they are.
var ids = map[string]bool{"request_id": true, "trace_id": true}

// MaskEmail keeps the first letter and the domain: "f***@fairgate.test".
func MaskEmail(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at < 1 {
		return masked
	}
	return email[:1] + masked + email[at:]
}

// mask is what every attribute of every line goes through.
func mask(_ []string, a slog.Attr) slog.Attr {
	key := strings.ToLower(a.Key)
	if secretKeys[key] {
		return slog.String(a.Key, masked)
	}
	if ids[key] {
		return a
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if text := a.Value.String(); suspicious(text) {
			a.Value = slog.StringValue(Mask(text))
		}
	case slog.KindAny:
		a.Value = maskAny(a.Value)
	}
	return a
}

// maskAny masks an error's text, or a value's JSON. It survives whatever the value's
// own methods do: a log line may never end a process.
func maskAny(v slog.Value) (shown slog.Value) {
	value := v.Any()
	if isNil(value) {
		return slog.StringValue(fmt.Sprintf("nil %T", value))
	}
	defer func() {
		if fault := recover(); fault != nil {
			shown = slog.StringValue(Mask(unloggable(value, fault)))
		}
	}()
	switch value := value.(type) {
	case nil, *slog.Source, slog.Level:
		return v
	case error:
		return slog.StringValue(Mask(value.Error()))
	case fmt.Stringer:
		return slog.StringValue(Mask(value.String()))
	default:
		raw, err := marshal(value)
		if err != nil {
			return slog.StringValue(fmt.Sprintf("cannot be logged: %T", value))
		}
		// What was looked at is what is written: the value is not asked a second time.
		return slog.AnyValue(json.RawMessage(Mask(string(raw))))
	}
}

// marshal returns a value's JSON with <, > and & as they are, as slog writes them.
func marshal(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

// Mask hides what looks like an e-mail address, a token, a card's number or a named
// secret in a text. It keeps JSON valid.
func Mask(text string) string {
	if !suspicious(text) {
		return text
	}
	text = bearerShape.ReplaceAllString(text, "${1} "+masked)
	text = headerShape.ReplaceAllString(text, "${1}: "+masked)
	text = namedShape.ReplaceAllStringFunc(text, maskNamed)
	text = emailShape.ReplaceAllString(text, "${1}"+masked+"${2}${3}")
	text = cardShape.ReplaceAllString(text, masked)
	return tokenShape.ReplaceAllString(text, masked)
}

func maskNamed(found string) string {
	parts := namedShape.FindStringSubmatch(found)
	if strings.HasPrefix(parts[3], `"`) {
		return parts[1] + parts[2] + `"` + masked + `"`
	}
	return parts[1] + parts[2] + masked
}

// shortestSecret is the length from which a run of letters or digits is looked at.
const shortestSecret = 12

// suspicious is a cheap look that lets nearly every value pass untouched: only what
// has a long run of letters or digits, or a sign that joins a name and a value, can
// hold a secret.
func suspicious(text string) bool {
	digits, letters := 0, 0
	for i := range len(text) {
		c := text[i]
		switch {
		case c == '@' || c == '=' || c == '"' || c == '%' || c == ':':
			return true
		case c >= '0' && c <= '9':
			digits++
			letters++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_':
			letters++
			digits = 0
		case c == '-' || c == '.':
			letters++
		case c == ' ':
			letters = 0
		default:
			digits, letters = 0, 0
		}
		if letters >= 3*shortestSecret || digits >= shortestSecret {
			return true
		}
	}
	return strings.Contains(text, "earer ") || strings.Contains(text, "asic ")
}
