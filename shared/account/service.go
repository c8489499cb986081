package account

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"time"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/ident"
	"github.com/fairgate/fairgate/shared/text"
)

// Digest is the SHA-256 of a refresh token, all that is stored of it.
type Digest [sha256.Size]byte

// Store keeps accounts and log-ins.
type Store interface {
	// Create stores a new account; ErrEmailTaken if its e-mail is in use in any of the
	// forms, or was that of an account that is erased.
	Create(ctx context.Context, a Account, passwordHash string, email Email) error
	// ByEmail returns the account that has the first of these forms of its e-mail, and
	// its password hash; ErrNotFound.
	ByEmail(ctx context.Context, forms ...string) (Account, string, error)
	// ByID returns an account and its password hash; ErrNotFound also once deleted.
	ByID(ctx context.Context, id string) (Account, string, error)
	// Update stores the name and locale of a; ErrNotFound.
	Update(ctx context.Context, a Account) error
	// Erase deletes an account: what names the person and its log-ins are removed, the
	// id stays for bookings to refer to, the mark of its e-mail stays so that nobody
	// signs up with it again, and event.TypeAccountDeleted tells the other nouns.
	Erase(ctx context.Context, id string, mark EmailMark) error

	// StartLogin begins a family with its first refresh token and revokes those of the
	// tokens that it replaces; ErrInvalidCredentials once the account is deleted.
	StartLogin(ctx context.Context, accountID string, token Digest, lifetime time.Duration, replaced ...Digest) error
	// Rotate spends old, adds next to its family and returns the account. A token
	// that is spent already revokes the family, except within seconds of being spent
	// and before any successor of it was used. ErrRefreshInvalid.
	Rotate(ctx context.Context, old, next Digest, lifetime time.Duration) (Account, error)
	// EndLogins revokes the families of the tokens; nothing happens for one that is unknown.
	EndLogins(ctx context.Context, tokens ...Digest) error
	// IsLoggedIn reports whether one of the tokens, spent or not, belongs to a log-in of
	// the account that is not over.
	IsLoggedIn(ctx context.Context, accountID string, tokens ...Digest) (bool, error)
}

// EmailMark is the HMAC-SHA-256 of an e-mail: all that is kept of it once its account is
// erased. Who has the key can ask whether an address was in use, nobody can list them.
type EmailMark [sha256.Size]byte

// Email is how an address may be known already.
type Email struct {
	Forms []string // under which an account may have it
	Mark  EmailMark
}

// Hasher turns passwords into hashes. Verify takes the same time for any hash
// and for the empty one, which never matches.
type Hasher interface {
	Hash(password string) (string, error)
	Verify(hash, password string) bool
}

// Limiter counts what happens under a key within a window that starts with the
// first Take.
type Limiter interface {
	// Take counts one more unless limit is reached; then ok is false and wait
	// says for how long. It goes on counting while its store is out.
	Take(ctx context.Context, key string, limit int, window time.Duration) (ok bool, wait time.Duration, err error)
	// Return takes back one Take of each key.
	Return(ctx context.Context, keys ...string) error
}

// Revoker tells every process what has ended of an account.
type Revoker interface {
	// Revoke ends the access tokens that the account has been given.
	Revoke(ctx context.Context, accountID string) error
	// Gone says that the account is deleted: its tokens end, its places and its holds.
	Gone(ctx context.Context, accountID string) error
}

// Settings of the service.
type Settings struct {
	FailedLogins    int           // a minute, of one account from one network
	FailedByAccount int           // a minute, of one account from anywhere
	FailedByAddress int           // a minute, from one network at any account
	SignUps         int           // a minute and network
	RefreshLifetime time.Duration // of a refresh token that is not used
	EmailKey        []byte        // of the marks of erased e-mails; who loses it, frees them
}

// Service is what people do with accounts. Safe for concurrent use.
type Service struct {
	store    Store
	hasher   Hasher
	limiter  Limiter
	revoker  Revoker
	settings Settings
	crowd    *crowd
}

// New returns a service.
func New(store Store, hasher Hasher, limiter Limiter, revoker Revoker, settings Settings) *Service {
	return &Service{store: store, hasher: hasher, limiter: limiter, revoker: revoker, settings: settings, crowd: newCrowd()}
}

// NewAccount is what somebody signs up with.
type NewAccount struct {
	Email, Password, Name string
	Locale                string // "ko" or "en"; "ko" when empty
}

const (
	limitWindow   = time.Minute
	retryDeletion = 5 * time.Second
)

// The names of the limits, as the extra "limit" of errs.ErrRateLimited gives them.
const (
	LimitLogIn        = "login"
	LimitLogInAccount = "login_account"
	LimitLogInAddress = "login_address"
	LimitSignUp       = "signup"
)

// SignUp makes a fan's account. Errors: errs.ErrValidationFailed with the faulty
// fields, ErrEmailTaken, errs.ErrRateLimited by the caller's address.
func (s *Service) SignUp(ctx context.Context, n NewAccount, address string) (Account, error) {
	account, password, err := n.check()
	if err != nil {
		return Account{}, err
	}
	if err := s.take(ctx, LimitSignUp, address, s.settings.SignUps); err != nil {
		return Account{}, err
	}
	leave, err := s.crowd.enter(address)
	if err != nil {
		return Account{}, err
	}
	defer leave()
	hash, err := s.hasher.Hash(password)
	if err != nil {
		return Account{}, err
	}
	return account, s.store.Create(ctx, account, hash, Email{Forms: text.EmailForms(account.Email), Mark: s.mark(account.Email)})
}

func (s *Service) mark(email string) EmailMark { return MarkOf(s.settings.EmailKey, email) }

// MarkOf returns what is kept of an e-mail under a key, however the account has it.
func MarkOf(key []byte, email string) (m EmailMark) {
	normal, err := text.Email(email)
	if err != nil { // stored before addresses were normalised
		normal = email
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte("fairgate erased e-mail\x00" + normal)) // never fails (hash.Hash)
	return EmailMark(mac.Sum(m[:0]))
}

// check returns the account and the password as they are stored and hashed.
func (n NewAccount) check() (a Account, password string, err error) {
	a = Account{ID: ident.New("acc"), Role: Fan, Locale: n.Locale, CreatedAt: time.Now().UTC()}
	if a.Locale == "" {
		a.Locale = "ko"
	}
	var emailFault, nameFault, passwordFault string
	a.Email, emailFault = checkEmail(n.Email)
	a.Name, nameFault = checkName(n.Name)
	password, passwordFault = checkPassword(n.Password)
	return a, password, faults(
		"body.email", emailFault, "body.password", passwordFault,
		"body.name", nameFault, "body.locale", checkLocale(a.Locale))
}

// faults takes pairs of a location and its fault ("" for none).
func faults(pairs ...string) error {
	e := errs.ErrValidationFailed
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			e = e.WithField(pairs[i], pairs[i+1])
		}
	}
	if len(e.Fields) == 0 {
		return nil
	}
	return e
}

// take counts against a limit. Where it cannot be counted nobody passes: it is for the
// limiter to count somewhere else while its store is out.
func (s *Service) take(ctx context.Context, name, who string, limit int) error {
	ok, wait, err := s.limiter.Take(ctx, name+":"+who, limit, limitWindow)
	switch {
	case err != nil:
		return err
	case ok:
		return nil
	}
	return errs.ErrRateLimited.WithRetryAfter(max(wait, time.Second)).With("limit", name)
}

// From is where a log-in comes from.
type From struct {
	Network string   // an IPv4 address, or the /64 of an IPv6 address
	Refresh []string // what the browser shows as its refresh token
}

// LogIn checks a password and starts a log-in; it returns the account and its
// first refresh token. A log-in that the browser had before, whoever's, ends: its cookie
// is overwritten, and nobody could end it any more. Errors: ErrInvalidCredentials, the same and as slow
// whether the e-mail is known or not; errs.ErrRateLimited after too many
// failures for one e-mail, or from the caller's network for any.
func (s *Service) LogIn(ctx context.Context, email, password string, from From) (Account, string, error) {
	// An address that no account can have is tried like one that none has.
	forms, account, hash := text.EmailForms(email), Account{}, ""
	if len(forms) > 0 {
		var err error
		if account, hash, err = s.store.ByEmail(ctx, forms...); err != nil && !errors.Is(err, ErrNotFound) {
			return Account{}, "", err
		}
		email = forms[0]
	}
	try := guess{email: email, hash: hash, password: password, network: from.Network, known: s.knows(ctx, from.Refresh, account.ID), logIn: true}
	if err := s.verify(ctx, try, ErrInvalidCredentials); err != nil {
		return Account{}, "", err
	}
	token, digest := newRefreshToken()
	return account, token, s.store.StartLogin(ctx, account.ID, digest, s.settings.RefreshLifetime, digestsOf(from.Refresh)...)
}

// knows reports whether the browser that shows the tokens is logged in to the account:
// what strangers do to the account's limit then does not concern it.
func (s *Service) knows(ctx context.Context, tokens []string, accountID string) bool {
	if len(tokens) == 0 || accountID == "" {
		return false
	}
	known, err := s.store.IsLoggedIn(ctx, accountID, digestsOf(tokens)...)
	return err == nil && known
}

// guess is one try at a password.
type guess struct {
	email, hash, password, network string
	known                          bool // the browser is logged in to the account
	logIn                          bool // counts against the network, too
}

// verify counts each try against the limits before it is made, so that parallel
// guesses cannot pass them, and takes the successful one back. Strangers elsewhere can
// use up only the account's looser limit, not the one of the network that its owner is
// in. A network's limit counts only what the account's have let through: what is refused
// cheaply must not shut out everybody else behind the same address.
func (s *Service) verify(ctx context.Context, g guess, wrong error) error {
	leave, err := s.crowd.enter(g.network)
	if err != nil {
		return err
	}
	defer leave()
	sum := sha256.Sum256([]byte(g.email)) // keeps addresses out of the limiter's keys
	who := base64.RawURLEncoding.EncodeToString(sum[:16])
	here := who + ":" + g.network
	if err := s.take(ctx, LimitLogIn, here, s.settings.FailedLogins); err != nil {
		return err
	}
	taken := []string{LimitLogIn + ":" + here}
	if !g.known {
		if err := s.take(ctx, LimitLogInAccount, who, s.settings.FailedByAccount); err != nil {
			_ = s.limiter.Return(ctx, taken...) // nothing was tried
			return err
		}
		taken = append(taken, LimitLogInAccount+":"+who)
	}
	if g.logIn && !g.known {
		if err := s.take(ctx, LimitLogInAddress, g.network, s.settings.FailedByAddress); err != nil {
			_ = s.limiter.Return(ctx, taken...) // nothing was tried
			return err
		}
		taken = append(taken, LimitLogInAddress+":"+g.network)
	}
	if !s.matches(g.hash, g.password) {
		return wrong
	}
	_ = s.limiter.Return(ctx, taken...) // a lost return costs one try of this minute
	return nil
}

// matches tries what the hash may have been made of. How many tries a wrong password
// costs, one or two, lies in how it is typed, never in the hash.
func (s *Service) matches(hash, password string) bool {
	if len(password) > maxTyped {
		password = "" // is nobody's; costs the same
	}
	for _, form := range text.PasswordForms(password) {
		if s.hasher.Verify(hash, form) {
			return true
		}
	}
	return false
}

// Refresh exchanges the first good one of the tokens that a browser shows for the next
// one. Errors: ErrRefreshInvalid when there is none. Each token costs a look-up: it is for
// the caller to bound them.
func (s *Service) Refresh(ctx context.Context, tokens ...string) (Account, string, error) {
	account, err := Account{}, error(ErrRefreshInvalid)
	next, digest := newRefreshToken()
	for _, token := range tokens {
		account, err = s.store.Rotate(ctx, digestOf(token), digest, s.settings.RefreshLifetime)
		if !errors.Is(err, ErrRefreshInvalid) {
			break
		}
	}
	return account, next, err
}

// LogOut ends the log-ins that the tokens belong to; an unknown token is no error.
func (s *Service) LogOut(ctx context.Context, tokens ...string) error {
	if len(tokens) == 0 {
		return nil
	}
	return s.store.EndLogins(ctx, digestsOf(tokens)...)
}

// Get returns an account; ErrNotFound once it is deleted.
func (s *Service) Get(ctx context.Context, id string) (Account, error) {
	account, _, err := s.store.ByID(ctx, id)
	return account, err
}

// Changes of a profile; nil members stay as they are.
type Changes struct{ Name, Locale *string }

// Change updates a profile. Errors: errs.ErrValidationFailed, ErrNotFound.
func (s *Service) Change(ctx context.Context, id string, c Changes) (Account, error) {
	account, _, err := s.store.ByID(ctx, id)
	if err != nil {
		return Account{}, err
	}
	var nameFault, localeFault string
	if c.Name != nil {
		account.Name, nameFault = checkName(*c.Name)
	}
	if c.Locale != nil {
		account.Locale, localeFault = *c.Locale, checkLocale(*c.Locale)
	}
	if err := faults("body.name", nameFault, "body.locale", localeFault); err != nil {
		return Account{}, err
	}
	return account, s.store.Update(ctx, account)
}

// Delete erases an account after checking its password and ends its access tokens
// everywhere. Errors: errs.ErrUpstream while they cannot be ended,
// ErrWrongPassword, errs.ErrRateLimited, ErrNotFound.
func (s *Service) Delete(ctx context.Context, id, password string, from From) error {
	account, hash, err := s.store.ByID(ctx, id)
	if err != nil {
		return err
	}
	if err := s.verify(ctx, guess{email: account.Email, hash: hash, password: password, network: from.Network, known: s.knows(ctx, from.Refresh, id)}, ErrWrongPassword); err != nil {
		return err
	}
	// Before the account is gone: without Redis it is not deleted rather than deleted
	// with tokens that still work. Of an account whose erasure then fails only the tokens
	// have ended: its places and holds stay, and a refresh or a log-in gives new tokens.
	if err := s.revoker.Revoke(ctx, id); err != nil {
		return errs.ErrUpstream.WithMessage("The account cannot be deleted just now: try again in a moment.").WithRetryAfter(retryDeletion).Because(err)
	}
	if err := s.store.Erase(ctx, id, s.mark(account.Email)); err != nil {
		return err
	}
	// A refresh may have got a token since the first revocation. Should this fail, the
	// account is gone all the same: event.TypeAccountDeleted brings it about later.
	_ = s.revoker.Gone(ctx, id)
	return nil
}

func newRefreshToken() (string, Digest) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	token := base64.RawURLEncoding.EncodeToString(raw[:])
	return token, digestOf(token)
}

func digestOf(token string) Digest { return sha256.Sum256([]byte(token)) }

func digestsOf(tokens []string) []Digest {
	digests := make([]Digest, len(tokens))
	for i, token := range tokens {
		digests[i] = digestOf(token)
	}
	return digests
}
