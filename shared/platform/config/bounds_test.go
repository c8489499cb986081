package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type bounded struct {
	Calls  int           `env:"CALLS" envDefault:"5" min:"1" max:"1000"`
	Few    int8          `env:"FEW" envDefault:"5" min:"0" max:"100"`
	Grace  time.Duration `env:"GRACE" envDefault:"15s" min:"0s" max:"1h"`
	Nested struct {
		Keep time.Duration `env:"KEEP" envDefault:"24h" min:"1m" max:"876000h"`
	}
	Word string `env:"WORD" envDefault:"a"`
}

func (b *bounded) Validate() error {
	if b.Word != "a" {
		return errWord
	}
	return nil
}

var errWord = reflectError("WORD: must be a")

type reflectError string

func (e reflectError) Error() string { return string(e) }

func TestAbsurdNumbersAreRefusedByName(t *testing.T) {
	t.Parallel()
	absurd := []string{"-1", "1000000000000000000", "99999999999999999999", "1.5", "many", "9999999h", "-1s", "3000000h"}
	for _, name := range []string{"CALLS", "FEW", "GRACE", "KEEP"} {
		for _, text := range absurd {
			_, err := Load[bounded]([]string{name + "=" + text, "WORD=b"})
			if err == nil || !strings.Contains(err.Error(), name+": ") || !strings.Contains(err.Error(), "WORD: ") {
				t.Errorf("%s=%s: %v; want a fault of each of both settings", name, text, err)
			}
		}
	}
	got, err := Load[bounded]([]string{"CALLS=1000", "FEW=0", "GRACE=0s", "KEEP="})
	if err != nil || got.Calls != 1000 || got.Few != 0 || got.Grace != 0 || got.Nested.Keep != 24*time.Hour {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestANumberWithoutBoundsOrWithAnAbsurdDefaultIsNoSetting(t *testing.T) {
	t.Parallel()
	type free struct {
		Calls int `env:"CALLS" envDefault:"5"`
	}
	type half struct {
		Nested struct {
			Wait time.Duration `env:"WAIT" envDefault:"5s" min:"1s"`
		}
	}
	type outside struct {
		Calls int `env:"CALLS" envDefault:"0" min:"1" max:"9"`
	}
	for _, settings := range []reflect.Type{reflect.TypeFor[free](), reflect.TypeFor[half](), reflect.TypeFor[outside]()} {
		if _, err := Numbers(settings); err == nil {
			t.Errorf("%s: the rule sees nothing", settings)
		}
	}
	if _, err := Load[free](nil); err == nil || !strings.Contains(err.Error(), "CALLS") {
		t.Errorf("settings without bounds were loaded: %v", err)
	}
}
