package text

import (
	"errors"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// ErrEmail is what is wrong with an e-mail address.
var ErrEmail = errors.New("is not an e-mail address")

// Bytes, of RFC 5321.
const (
	maxEmail = 254
	maxLocal = 64
)

// Email returns an address as it is stored and compared: lower case, an international
// domain as its A-labels, no spaces around it. It refuses what mail servers do not take:
// a local part of other than ASCII letters, digits and signs, that is quoted, over 64
// bytes, or has a dot at an end or two in a row; an address over 254 bytes; a domain
// without a dot.
func Email(s string) (string, error) {
	s, err := Line(s) // IDNA would pass over what cannot be seen
	local, domain, found := strings.Cut(s, "@")
	if err != nil || !found || !isLocal(local) {
		return "", ErrEmail
	}
	domain, err = mailDomains().ToASCII(domain)
	if err != nil || !strings.Contains(domain, ".") {
		return "", ErrEmail
	}
	if last := domain[strings.LastIndexByte(domain, '.')+1:]; strings.Trim(last, "0123456789") == "" {
		return "", ErrEmail // an IPv4 address
	}
	email := strings.ToLower(local) + "@" + domain
	if len(email) > maxEmail {
		return "", ErrEmail
	}
	return email, nil
}

// EmailForms returns the forms under which an account of this address may be stored:
// as Email says first, then, where they differ, as it was before there were A-labels, and
// before local parts were ASCII. None for what no account can have.
func EmailForms(s string) []string {
	var forms []string
	add := func(form string, err error) {
		if err != nil || len(form) > maxEmail || !strings.Contains(form, "@") || slices.Contains(forms, form) {
			return
		}
		forms = append(forms, form)
	}
	email, err := Email(s)
	add(email, err)
	local, domain, _ := strings.Cut(email, "@")
	shown, err := mailDomains().ToUnicode(domain)
	add(local+"@"+shown, err)
	add(Line(strings.ToLower(s)))
	return forms
}

// mailDomains is IDNA 2008 as names are looked up, with the lengths of the DNS.
func mailDomains() *idna.Profile {
	return idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
}

// isLocal reports whether s is the dot-atom of RFC 5321.
func isLocal(s string) bool {
	if s == "" || len(s) > maxLocal {
		return false
	}
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" || strings.ContainsFunc(atom, func(r rune) bool { return !isAtom(r) }) {
			return false
		}
	}
	return true
}

func isAtom(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+/=?^_`{|}~-", r)
}
