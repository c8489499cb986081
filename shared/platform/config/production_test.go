package config

import (
	"encoding/base64"
	"strings"
	"testing"
)

func TestProductionRefusesWhatDevelopmentHasHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	encode := base64.StdEncoding.EncodeToString
	good := encode([]byte("0123456789abcdefghijklmnopqrstuv"))
	key := func(value string) Own { return Own{Keys: map[string]string{"S": value}} }
	word := func(value string) Own { return Own{Words: map[string]string{"S": value}} }
	backend := func(value string) Own { return Own{Backends: map[string]string{"S": value}} }
	outside := func(value string) Own { return Own{Outside: map[string]string{"S": value}} }
	relay := func(value string) Own { return Own{Relays: map[string]string{"S": value}} }
	for name, c := range map[string]struct {
		own     Own
		refused bool
	}{
		"own key":                     {key(good), false},
		"own key, a line end":         {key(good + "\n"), false},
		"built-in key":                {key("ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtdG9rZW4ta2V5LTE="), true},
		"built-in key, a line end":    {key("ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtdG9rZW4ta2V5LTE=\n"), true},
		"line end inside the base64":  {key(encode([]byte("fairgate-development-hold-key-01\n"))), true},
		"without padding":             {key("ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtcGFzcy1rZXktMDE"), true},
		"another service's key":       {key("ZmFpcmdhdGUtZGV2ZWxvcG1lbnQtdGlja2V0LWtleTE="), true},
		"no key":                      {key(""), true},
		"all zero":                    {key(encode(make([]byte, 32))), true},
		"one byte again and again":    {key(encode([]byte(strings.Repeat("x", 32)))), true},
		"a few bytes again and again": {key(encode([]byte(strings.Repeat("abc", 11)))), true},
		"short":                       {key(encode([]byte("0123456789abcdef"))), true},
		"one key for two":             {Own{Keys: map[string]string{"S": good, "S2": good + "\n"}}, true},
		"two keys":                    {Own{Keys: map[string]string{"S": good, "S2": encode([]byte("zyxwvutsrqponmlkjihgfedcba987654"))}}, false},
		"own word":                    {word("live_sk_x"), false},
		"built-in word":               {word(" test_sk_fairgate\n"), true},
		"another setting's word":      {word("TEST_CK_FAIRGATE"), true},
		"own backend":                 {backend("postgres://shop:s3cret@db:5432/shop"), false},
		"a backend without password":  {backend("postgres:///shop?host=/run/postgresql"), false},
		"built-in backend elsewhere":  {backend("postgres://fairgate:fairgate@db.example.com/shop?sslmode=require"), true},
		"built-in password, own user": {backend("amqp://shop:fairgate@mq:5672/"), true},
		"password in the query":       {backend("postgres://db/shop?user=a&password=fairgate"), true},
		"keywords instead of a URL":   {backend("host=db user=shop password=fairgate dbname=shop"), true},
		"percent-encoded":             {backend("postgres://a:%66airgate@db/shop"), true},
		"provider":                    {outside("https://api.tosspayments.com"), false},
		"none":                        {outside(""), false},
		"simulator":                   {outside("http://127.0.0.1:8090"), true},
		"simulator with a slash":      {outside("http://127.0.0.1:8090/"), true},
		"simulator on another port":   {outside("https://localhost:9090"), true},
		"simulator in a container":    {outside("https://toss-sim:8090"), true},
		"simulator by IPv6":           {outside("https://[::1]:8090"), true},
		"catcher for posts":           {outside("http://catcher:8025/slack"), true},
		"in the clear":                {outside("http://api.tosspayments.com"), true},
		"mail server":                 {relay("smtp.example.com:587"), false},
		"own mail server":             {relay("127.0.0.1:25"), false},
		"catcher":                     {relay("127.0.0.1:8026"), true},
		"catcher in a container":      {relay("catcher:8026"), true},
	} {
		for _, env := range []Env{Production, ""} {
			if err := env.Check(c.own); (err != nil) != c.refused {
				t.Errorf("%s: %v, refused %v", name, err, c.refused)
			}
		}
		for _, env := range []Env{Development, Test} {
			if err := env.Check(c.own); err != nil {
				t.Errorf("%s in %s: %v", name, env, err)
			}
		}
	}
}
