package arch

import (
	"strings"
	"testing"
)

func TestTheCheckerCatchesGuardsThatFailOpen(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ body, want string }{
		"told to nobody":        {"v, err := ask()\nif err != nil || !v { return nil }\nreturn refuse()", "no error is returned"},
		"turned round":          {"v, err := ask()\nif !v || err != nil { return nil }\nreturn refuse()", "no error is returned"},
		"not looked at below":   {"v, err := ask()\nif err == nil && v { return refuse() }\nreturn nil", "is not looked at"},
		"overwritten below":     {"v, err := ask()\nif err == nil && v { return refuse() }\nerr = do()\nreturn err", "is not looked at"},
		"ends with the block":   {"if v, err := ask(); err == nil { return judge(v) }\nreturn nil", "is dropped"},
		"without a name":        {"if json.Unmarshal(nil, nil) == nil { return refuse() }\nreturn nil", "only compared with nil"},
		"in a case of a switch": {"switch {\ncase true:\nv, err := ask()\nif err != nil || v { return nil }\n}\nreturn refuse()", "no error is returned"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := checkGuards(tree(t, map[string]string{"booking-api/a.go": "package x\nfunc guard() error {\n" + c.body + "\n}\n"}))
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q, want one with %q", got, c.want)
			}
		})
	}
}

func TestTheCheckerLetsGuardsPassThatFailClosed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"the error goes on":  "v, err := ask()\nif err != nil || v { return err }\nreturn refuse()",
		"only what it names": "v, err := ask()\nif errors.Is(err, errNone) || v { return nil }\nreturn err",
		"looked at below":    "v, err := ask()\nif err == nil && v { err = refuse() }\nreturn err",
		"with an else":       "if v, err := ask(); err == nil { return judge(v) } else { return err }",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := checkGuards(tree(t, map[string]string{"booking-api/a.go": "package x\nfunc guard() error {\n" + body + "\n}\n"})); len(got) > 0 {
				t.Errorf("%s", strings.Join(got, "\n"))
			}
		})
	}
}
