// Package account is who somebody is: accounts, log-ins and the refresh tokens
// that keep them. Access tokens are signed by the door from what it finds here.
//
// A log-in starts a family of refresh tokens; each is exchanged once for its
// successor, or a few times within seconds as long as no successor was used: two tabs
// ask at once, an answer is lost. A spent one that turns up later is a stolen copy, or
// was stolen from: the whole family dies.
package account

import (
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/text"
)

// The failures of accounts.
var (
	ErrEmailTaken         = errs.New(errs.Conflict, "email_taken", "An account with this e-mail exists.")
	ErrInvalidCredentials = errs.New(errs.Unauthenticated, "invalid_credentials", "The e-mail or the password is wrong.")
	ErrRefreshInvalid     = errs.New(errs.Unauthenticated, "refresh_token_invalid", "The refresh token is missing, spent or expired: log in again.")
	ErrWrongPassword      = errs.New(errs.Forbidden, "wrong_password", "The password is wrong.")
	// ErrNotFound is Unauthenticated: whoever asks for an account holds a token
	// of it, and the token of a deleted account is no longer worth anything.
	ErrNotFound = errs.New(errs.Unauthenticated, "unauthenticated", "This account no longer exists.")
)

// Role says what an account may do.
type Role string

// The roles.
const (
	Fan       Role = "fan"
	Organizer Role = "organizer" // their own performances
	CheckIn   Role = "checkin"   // scans tickets
	Admin     Role = "admin"     // everything
)

// Account is one person's account.
type Account struct {
	ID        string
	Email     string // as text.Email says
	Name      string
	Role      Role
	Locale    string // "ko" or "en"
	CreatedAt time.Time
}

// AccessLifetime is how long an access token is taken that nobody revokes.
const AccessLifetime = 15 * time.Minute

const (
	minPassword, maxPassword = 8, 72 // characters
	maxName                  = 50    // characters
	maxTyped                 = 1000  // bytes of a password that is looked at
)

// checkEmail returns the address as it is stored, or what is wrong with it.
func checkEmail(email string) (normal, fault string) {
	normal, err := text.Email(email)
	if err != nil {
		return "", err.Error()
	}
	return normal, ""
}

// checkPassword returns what is hashed of a new password, or what is wrong with it.
func checkPassword(password string) (prepared, fault string) {
	prepared, err := text.Password(password)
	if err != nil {
		return "", err.Error()
	}
	if n := utf8.RuneCountInString(prepared); n < minPassword || n > maxPassword {
		return "", "must have 8 to 72 characters"
	}
	var letter, digit, symbol bool
	for _, r := range prepared {
		switch {
		case unicode.IsLetter(r):
			letter = true
		case unicode.IsDigit(r):
			digit = true
		default:
			symbol = true
		}
	}
	if !letter || !digit || !symbol {
		return "", "must have a letter, a digit and a symbol"
	}
	return prepared, ""
}

// checkName returns the name as it is stored, or what is wrong with it.
func checkName(name string) (normal, fault string) {
	normal, err := text.Line(name)
	if err != nil {
		return "", err.Error()
	}
	if n := utf8.RuneCountInString(normal); n < 1 || n > maxName {
		return "", "must have 1 to 50 characters"
	}
	return normal, ""
}

func checkLocale(locale string) string {
	if locale != "ko" && locale != "en" {
		return `must be "ko" or "en"`
	}
	return ""
}
