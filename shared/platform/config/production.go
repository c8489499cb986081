package config

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// developmentKeys are the keys that any service has built in for development, as bytes.
func developmentKeys() []string {
	return []string{
		"fairgate-development-token-key-1", "fairgate-development-hold-key-01", "fairgate-development-pass-key-01",
		"fairgate-development-place-key-1", "fairgate-development-ticket-key1", "fairgate-development-email-key-1",
	}
}

// developmentWords are the passwords and provider keys of development.
func developmentWords() []string {
	return []string{"fairgate", "Fairgate-dev-1", "test_sk_fairgate", "test_ck_fairgate"}
}

// simulatorHosts are the names under which our simulators run in containers.
func simulatorHosts() []string { return []string{"toss-sim", "catcher"} }

// Own are the settings of a service that production must bring of its own, each a name
// and its value.
type Own struct {
	Keys     map[string]string // base64 of random bytes
	Words    map[string]string // passwords and keys that others gave us
	Backends map[string]string // URLs with a user and a password
	Outside  map[string]string // URLs of services outside; empty where there is none
	Relays   map[string]string // host:port of mail servers; a local one is fine on a mail server's port
}

// Check returns an error for each setting that production must not start with: empty,
// known from development however it is written, weak, or one of our simulators. Only
// development and test, said out loud, are not production.
func (e Env) Check(own Own) error {
	if e == Development || e == Test {
		return nil
	}
	faults := checkKeys(own.Keys)
	add := func(name, fault string) {
		if fault != "" {
			faults = append(faults, fmt.Errorf("%s: %s in production", name, fault))
		}
	}
	for name, value := range own.Words {
		add(name, wordFault(value))
	}
	for name, value := range own.Backends {
		add(name, backendFault(value))
	}
	for name, value := range own.Outside {
		add(name, outsideFault(value))
	}
	for name, value := range own.Relays {
		add(name, relayFault(value))
	}
	return errors.Join(faults...)
}

// checkKeys compares what keys decode to: with what is built in anywhere, and with one
// another.
func checkKeys(keys map[string]string) []error {
	var faults []error
	names := map[string]string{} // decoded → the setting that has it
	for name, value := range keys {
		raw := decodedKey(value)
		other, twice := names[string(raw)]
		names[string(raw)] = name
		switch {
		case isWeak(raw):
			faults = append(faults, fmt.Errorf("%s: set random bytes in production", name))
		case slices.Contains(developmentKeys(), string(raw)):
			faults = append(faults, fmt.Errorf("%s: set a key of your own in production", name))
		case twice:
			faults = append(faults, fmt.Errorf("%s: must not be the key of %s in production", name, other))
		}
	}
	return faults
}

// decodedKey returns the bytes of a key in any form of base64, without white space
// around them.
func decodedKey(value string) []byte {
	value = strings.Join(strings.Fields(value), "")
	for _, form := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := form.DecodeString(value); err == nil {
			return bytes.TrimRight(raw, "\r\n \t")
		}
	}
	return []byte(value)
}

// isWeak reports whether a key is too short or repeats itself: 32 random bytes have 30
// different ones or so.
func isWeak(key []byte) bool {
	different := map[byte]bool{}
	for _, b := range key {
		different[b] = true
	}
	return len(key) < 31 || len(different) < 12
}

func wordFault(value string) string {
	value = strings.TrimSpace(value)
	if value == "" || slices.ContainsFunc(developmentWords(), func(w string) bool { return strings.EqualFold(w, value) }) {
		return "set a value of your own"
	}
	return ""
}

// backendFault looks at a URL's password, wherever it leads.
func backendFault(value string) string {
	u, err := url.Parse(strings.TrimSpace(value))
	if err != nil || u.Scheme == "" { // "host=db password=…" is no URL: its password would go unread
		return "set a URL of your own"
	}
	password, _ := u.User.Password()
	if query := u.Query().Get("password"); query != "" {
		password = query
	}
	if password != "" && wordFault(password) != "" {
		return "set a password of your own"
	}
	return ""
}

func outsideFault(value string) string {
	value = strings.TrimSpace(value)
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || isHere(u.Hostname()) {
		return "set the https address of the service itself, not of a simulator,"
	}
	return ""
}

func relayFault(value string) string {
	host, port, err := net.SplitHostPort(strings.TrimSpace(value))
	if err != nil {
		return "set host:port of a mail server"
	}
	mailPort := slices.Contains([]string{"25", "465", "587", "2525"}, port)
	if isSimulator(host) || isHere(host) && !mailPort {
		return "set the address of a mail server, not of the catcher,"
	}
	return ""
}

func isSimulator(host string) bool {
	name, _, _ := strings.Cut(strings.ToLower(host), ".")
	return slices.Contains(simulatorHosts(), name)
}

// isHere reports whether host is this machine or a simulator.
func isHere(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" || host == "localhost" || strings.HasSuffix(host, ".localhost") || isSimulator(host) {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && (addr.Unmap().IsLoopback() || addr.IsUnspecified())
}
