package logging

import (
	"fmt"
	"log/slog"
	"reflect"
)

const (
	mostDepth = 8   // of groups in groups
	mostAttrs = 256 // in all groups of one attribute: more than any of ours has
)

// harmlessRecord returns r with its values resolved: groups of finite depth, and
// nothing that is asked again for what it is. Most lines have neither groups nor values
// that resolve themselves, and are returned as they are.
func harmlessRecord(r slog.Record) slog.Record {
	if !holdsLazy(r) {
		return r
	}
	attrs := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	resolved := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	resolved.AddAttrs(harmlessAttrs(attrs)...)
	return resolved
}

func holdsLazy(r slog.Record) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		found = a.Value.Kind() == slog.KindLogValuer || a.Value.Kind() == slog.KindGroup
		return !found
	})
	return found
}

// harmlessAttrs resolves each attribute by itself: one that has no end must not cost
// the line the others.
func harmlessAttrs(attrs []slog.Attr) []slog.Attr {
	resolved := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		w := walk{left: mostAttrs}
		resolved[i] = slog.Attr{Key: a.Key, Value: w.value(a.Value, 0)}
	}
	return resolved
}

// walk resolves the value of one attribute. slog itself would follow a value that
// resolves to a group with itself inside until the stack is full, which nothing can
// recover from.
type walk struct{ left int }

func (w *walk) attrs(attrs []slog.Attr, depth int) []slog.Attr {
	resolved := make([]slog.Attr, 0, min(len(attrs), w.left))
	for _, a := range attrs {
		if w.left--; w.left < 0 {
			return append(resolved, slog.String("left_out", "a group has more attributes than a line can show"))
		}
		resolved = append(resolved, slog.Attr{Key: a.Key, Value: w.value(a.Value, depth)})
	}
	return resolved
}

func (w *walk) value(v slog.Value, depth int) slog.Value {
	if v.Kind() == slog.KindLogValuer {
		if valuer := v.Any(); isNil(valuer) {
			return slog.StringValue(fmt.Sprintf("nil %T", valuer))
		}
		v = v.Resolve() // a panic of its LogValue is resolved to an error
	}
	if v.Kind() != slog.KindGroup {
		return v
	}
	if depth == mostDepth {
		return slog.StringValue("cannot be logged: groups in groups without an end")
	}
	return slog.GroupValue(w.attrs(v.Group(), depth+1)...)
}

// isNil reports whether value is a typed nil: not nil itself, but a nil pointer, map,
// slice, function or channel in an interface. The methods of many types cannot bear to
// be called on that.
func isNil(value any) bool {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return v.IsNil()
	default:
		return false
	}
}

// unloggable says of a value that one of its methods panicked.
func unloggable(value, fault any) string {
	return fmt.Sprintf("cannot be logged: %T panics: %v", value, fault)
}

// lost is the line in place of one whose values made the handler itself panic.
func lost(r slog.Record, fault any) slog.Record {
	line := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	line.AddAttrs(slog.String("cannot_be_logged", fmt.Sprint(fault)))
	return line
}
