package logging_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fairgate/fairgate/shared/errs"
)

// The values below do in a log line what no value should.
type (
	badError    struct{ name string }
	badStringer struct{ name string }
	badJSON     struct{ Name string }
	badText     struct{ Name string }
	badValuer   struct{ name string }
	endless     struct{ width int }
	chain       struct{}
	cycle       struct {
		Name string
		Next *cycle
	}
	fussyPanic struct{} // panics with a value that panics when it is printed
)

func (e *badError) Error() string              { return e.name[100:] }
func (s *badStringer) String() string          { panic("no: " + s.name) }
func (j badJSON) MarshalJSON() ([]byte, error) { panic("no: " + j.Name) }
func (t badText) MarshalText() ([]byte, error) { panic("no: " + t.Name) }
func (v *badValuer) LogValue() slog.Value      { panic("no: " + v.name) }
func (c chain) LogValue() slog.Value           { return slog.AnyValue(c) }
func (fussyPanic) Error() string               { panic(&badError{}) }

// LogValue is a group with as many of itself inside as it is wide.
func (e endless) LogValue() slog.Value {
	var attrs []slog.Attr
	for i := range e.width {
		attrs = append(attrs, slog.Any(fmt.Sprintf("self_%d", i), e))
	}
	return slog.GroupValue(attrs...)
}

func ring() *cycle {
	c := &cycle{Name: "ring"}
	c.Next = c
	return c
}

func harmful() map[string]struct {
	value any
	want  string
} {
	self := map[string]any{}
	self["self"] = self
	return map[string]struct {
		value any
		want  string
	}{
		"the nil of a closed channel":     {(*amqp.Error)(nil), "nil *amqp091.Error"},
		"nil of our errors":               {errs.From(nil), "nil *errs.Error"},
		"nil of an error":                 {(*badError)(nil), "nil *logging_test.badError"},
		"nil joined to an error":          {errors.Join(errors.New("first"), (*badError)(nil)), "cannot be logged"},
		"nil wrapped in an error":         {fmt.Errorf("wrapped: %w", (*badError)(nil)), "wrapped: "},
		"nil of a Stringer":               {(*badStringer)(nil), "nil *logging_test.badStringer"},
		"nil of a LogValuer":              {(*badValuer)(nil), "nil *logging_test.badValuer"},
		"nil map":                         {map[string]int(nil), "nil map[string]int"},
		"nil function":                    {(func())(nil), "nil func()"},
		"an error that panics":            {&badError{"short"}, "cannot be logged: *logging_test.badError panics"},
		"a Stringer that panics":          {&badStringer{"x"}, "cannot be logged: *logging_test.badStringer panics: no: x"},
		"a Stringer that gives away":      {&badStringer{"password=hunter-2"}, "password=***"},
		"a LogValuer that panics":         {&badValuer{"x"}, "LogValue panicked"},
		"JSON that panics":                {badJSON{"x"}, "panics: no: x"},
		"JSON that panics inside":         {map[string]any{"deep": []any{badJSON{"x"}}}, "panics: no: x"},
		"text that panics":                {map[badText]int{{"x"}: 1}, "panics: no: x"},
		"a panic that cannot be printed":  {fussyPanic{}, "cannot be logged: logging_test.fussyPanic panics"},
		"a group with itself inside":      {endless{1}, "groups in groups without an end"},
		"a group with itself often":       {endless{20}, "more attributes than a line can show"},
		"a value that resolves to itself": {chain{}, "LogValue called too many times"},
		"a ring of pointers":              {ring(), "cannot be logged: *logging_test.cycle"},
		"a map with itself inside":        {self, "cannot be logged: map[string]interface {}"},
		"a channel":                       {make(chan int), "cannot be logged: chan int"},
		"a function":                      {func() {}, "cannot be logged: func()"},
	}
}

func TestNoValueMakesALinePanic(t *testing.T) {
	t.Parallel()
	ways := map[string]func(l *slog.Logger, v any){
		"attribute":       func(l *slog.Logger, v any) { l.Info("m", "value", v, "after", "still here") },
		"error attribute": func(l *slog.Logger, v any) { l.Info("m", "error", v, "after", "still here") },
		"id":              func(l *slog.Logger, v any) { l.Info("m", "value", v, "request_id", v, "after", "still here") },
		"With":            func(l *slog.Logger, v any) { l.With("value", v).Info("m", "after", "still here") },
		"group":           func(l *slog.Logger, v any) { l.Info("m", slog.Group("g", "value", v), "after", "still here") },
		"deep group": func(l *slog.Logger, v any) {
			l.Info("m", slog.Group("a", slog.Group("b", "value", v)), "after", "still here")
		},
		"WithGroup":     func(l *slog.Logger, v any) { l.WithGroup("g").Info("m", "value", v, "after", "still here") },
		"With in group": func(l *slog.Logger, v any) { l.WithGroup("g").With("value", v).Info("m", "after", "still here") },
		"group of With": func(l *slog.Logger, v any) {
			l.With(slog.Group("g", "value", v)).Info("m", "after", "still here")
		},
	}
	for name, c := range harmful() {
		for how, log := range ways {
			t.Run(name+" as "+how, func(t *testing.T) {
				t.Parallel()
				_, text := logged(t, "info", func(l *slog.Logger) { log(l, c.value) })
				if !strings.Contains(text, c.want) || !strings.Contains(text, `"after":"still here"`) || !strings.Contains(text, `"msg":"m"`) {
					t.Errorf("logged %.2000s; want %q and what follows it", text, c.want)
				}
			})
		}
	}
}

// brokenPipe is a writer that does what a closed one of a badly written library would.
type brokenPipe struct{ writes int }

func (p *brokenPipe) Write([]byte) (int, error) {
	if p.writes++; p.writes == 1 {
		panic("closed")
	}
	return 0, errors.New("closed")
}

func TestNoWriterMakesALinePanic(t *testing.T) {
	t.Parallel()
	pipe := &brokenPipe{}
	logger(pipe).Info("m", "key", "value")
	if pipe.writes != 2 {
		t.Errorf("%d writes; want the line and what stands for it", pipe.writes)
	}
}

func FuzzALineIsOneOfJSON(f *testing.F) {
	f.Add("key", "text", "group", uint8(3), false)
	f.Add("password", "<b>&\"\\\x00\xff", "", uint8(20), true)
	f.Fuzz(func(t *testing.T, key, text, group string, width uint8, panics bool) {
		values := []any{text, []byte(text), errors.New(text), map[string]any{key: text}, endless{int(width) % 4}, (*badError)(nil), []any{ring()}}
		if panics {
			values = append(values, &badStringer{text}, badJSON{text}, &badValuer{text})
		}
		for _, value := range values {
			logged(t, "info", func(l *slog.Logger) { l.WithGroup(group).With(key, value).Info(text, slog.Group(group, key, value)) })
		}
	})
}
