package queue_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/fairgate/fairgate/shared/clock"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/queue"
)

var start = time.Date(2026, 5, 1, 11, 0, 0, 0, time.UTC)

// keyring signs with one key and knows it by its kid.
type keyring struct {
	kid     string
	private ed25519.PrivateKey
	down    error
}

func newKeyring(t *testing.T) *keyring {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &keyring{kid: "k1", private: private}
}

func (k *keyring) Sign(claims jwt.Claims, typ string) (string, error) {
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims)
	token.Header["typ"], token.Header["kid"] = typ, k.kid
	return token.SignedString(k.private)
}

func (k *keyring) Key(_ context.Context, kid string) (ed25519.PublicKey, error) {
	if k.down != nil {
		return nil, k.down
	}
	if kid != k.kid {
		return nil, errs.New(errs.Unauthenticated, "unknown_key", "no such key")
	}
	return k.private.Public().(ed25519.PublicKey), nil
}

// sessions answers what it is told to, in place of the line's store.
type sessions struct {
	active map[queue.SessionRef]time.Time
	bound  map[queue.SessionRef]string
	down   error
	spent  bool

	stored  map[queue.SessionRef]string // bound while down
	unbound error                       // why nothing can be
}

func (s *sessions) SessionActive(_ context.Context, ref queue.SessionRef, bindTo string) (time.Time, bool, error) {
	if s.down != nil {
		return time.Time{}, false, s.down
	}
	endsAt, ok := s.active[ref]
	if bindTo != "" {
		if s.bound[ref] == "" {
			s.bound[ref] = bindTo
		}
		ok = ok && s.bound[ref] == bindTo
	}
	return endsAt, ok, nil
}

func (s *sessions) SessionSpent(context.Context, queue.SessionRef) (bool, error) { return s.spent, nil }

// BindSession is a store of its own: what the line's store had bound is not known here.
func (s *sessions) BindSession(_ context.Context, ref queue.SessionRef, accountID string) (bool, error) {
	if s.unbound != nil {
		return false, s.unbound
	}
	if s.stored[ref] == "" {
		s.stored[ref] = accountID
	}
	return s.stored[ref] == accountID, nil
}

// door is a gate with everything it depends on.
type door struct {
	keys     *keyring
	sessions *sessions
	clock    *clock.Manual
	gate     *queue.Gate
	session  queue.Session
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{keys: newKeyring(t), clock: clock.NewManual(start)}
	d.session = queue.Session{SaleID: "s1", Epoch: 3, N: 42, EndsAt: start.Add(5 * time.Minute)}
	d.sessions = &sessions{
		active: map[queue.SessionRef]time.Time{d.session.Ref(): d.session.EndsAt.Add(time.Minute)},
		bound:  map[queue.SessionRef]string{},
		stored: map[queue.SessionRef]string{},
	}
	d.gate = queue.NewGate(d.keys, d.sessions, d.sessions, d.clock)
	return d
}

func (d *door) pass(t *testing.T, session queue.Session, identity queue.Identity) string {
	t.Helper()
	token, err := queue.NewPassMinter(d.keys, d.clock).Mint(session, "acc-1", identity)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// forge signs claims of its own making with the right key.
func (d *door) forge(t *testing.T, typ string, change func(jwt.MapClaims)) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": queue.PassIssuer, "aud": queue.PassAudience, "sub": "acc-1", "exp": d.session.EndsAt.Unix(),
		"sale": "s1", "epoch": 3, "n": 42, "identity": "account",
	}
	change(claims)
	token, err := d.keys.Sign(claims, typ)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestGateOpensToAGoodPass(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	session, err := d.gate.Check(context.Background(), d.pass(t, d.session, queue.ByAccount), "s1", "acc-1")
	if err != nil {
		t.Fatal(err)
	}
	want := d.session
	want.EndsAt = d.session.EndsAt.Add(time.Minute) // as the line has it: extended
	if session != want {
		t.Errorf("session %+v, want %+v", session, want)
	}
	// The forged passes below differ from this one in one claim each.
	if _, err := d.gate.Check(context.Background(), d.forge(t, queue.PassType, func(jwt.MapClaims) {}), "s1", "acc-1"); err != nil {
		t.Errorf("the pattern of the forged passes is not good itself: %v", err)
	}
}

func TestGateRefuses(t *testing.T) {
	t.Parallel()
	good := func(t *testing.T, d *door) string { return d.pass(t, d.session, queue.ByAccount) }
	with := func(claim string, value any) func(*testing.T, *door) string {
		return func(t *testing.T, d *door) string {
			return d.forge(t, queue.PassType, func(c jwt.MapClaims) { c[claim] = value })
		}
	}
	tests := []struct {
		name    string
		token   func(*testing.T, *door) string
		arrange func(*door)
		sale    string
		account string
		want    error
	}{
		{name: "nothing", token: func(*testing.T, *door) string { return "" }, want: queue.ErrPassRequired},
		{name: "nonsense", token: func(*testing.T, *door) string { return "a.b.c" }},
		{name: "alg none", token: algNone},
		{name: "hmac with the public key", token: algHMAC},
		{name: "signed by another key", token: func(t *testing.T, d *door) string {
			return (&door{keys: newKeyring(t), clock: d.clock}).pass(t, d.session, queue.ByAccount)
		}},
		{name: "tampered", token: tampered},
		{name: "wrong typ", token: func(t *testing.T, d *door) string { return d.forge(t, "at+jwt", func(jwt.MapClaims) {}) }},
		{name: "wrong audience", token: with("aud", "queue-gateway")},
		{name: "wrong issuer", token: with("iss", "someone")},
		{name: "without expiry", token: func(t *testing.T, d *door) string {
			return d.forge(t, queue.PassType, func(c jwt.MapClaims) { delete(c, "exp") })
		}},
		{name: "expired", token: good, arrange: func(d *door) { d.clock.Advance(6 * time.Minute) }},
		{name: "another sale", token: good, sale: "s2"},
		{name: "another account", token: good, account: "acc-2"},
		{name: "old epoch", token: with("epoch", 2)},
		{name: "another place", token: with("n", 43)},
		{name: "session over", token: good, arrange: func(d *door) { clear(d.sessions.active) }},
		{name: "store down, pass spent", token: good, arrange: func(d *door) {
			d.sessions.down, d.sessions.spent = queue.ErrUnavailable.Because(errors.New("no redis")), true
		}},
		{name: "store down, pass expired", token: good, arrange: func(d *door) {
			d.sessions.down = queue.ErrUnavailable.Because(errors.New("no redis"))
			d.clock.Advance(6 * time.Minute)
		}},
	}
	for _, test := range tests {
		for _, known := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, known %t", test.name, known), func(t *testing.T) {
				t.Parallel()
				d := newDoor(t)
				token := test.token(t, d)
				if known { // what was good before must not help
					_, _ = d.gate.Check(context.Background(), token, "s1", "acc-1")
				}
				if test.arrange != nil {
					test.arrange(d)
				}
				sale, account := "s1", "acc-1"
				if test.sale != "" {
					sale = test.sale
				}
				if test.account != "" {
					account = test.account
				}
				var wanted error = queue.ErrPassInvalid
				if test.want != nil {
					wanted = test.want
				}
				if _, err := d.gate.Check(context.Background(), token, sale, account); !errors.Is(err, wanted) {
					t.Errorf("Check: %v, want %v", err, wanted)
				}
			})
		}
	}
}

func TestAKnownPassDiesWithItsKey(t *testing.T) {
	t.Parallel()
	for name, withdraw := range map[string]func(*door){
		"the key is gone":        func(d *door) { d.keys.kid = "k2" },
		"another has its name":   func(d *door) { d.keys.private = newKeyring(t).private },
		"the source has no keys": func(d *door) { d.keys.down = errs.ErrUpstream },
	} {
		d := newDoor(t)
		token := d.pass(t, d.session, queue.ByAccount)
		if _, err := d.gate.Check(context.Background(), token, "s1", "acc-1"); err != nil {
			t.Fatal(err)
		}
		withdraw(d)
		if _, err := d.gate.Check(context.Background(), token, "s1", "acc-1"); err == nil {
			t.Errorf("%s: the pass is still good", name)
		}
	}
}

func algNone(t *testing.T, d *door) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodNone, goodClaims(d))
	token.Header["typ"], token.Header["kid"] = queue.PassType, "k1"
	text, err := token.SignedString(jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func algHMAC(t *testing.T, d *door) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodHS256, goodClaims(d))
	token.Header["typ"], token.Header["kid"] = queue.PassType, "k1"
	text, err := token.SignedString([]byte(d.keys.private.Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func goodClaims(d *door) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": queue.PassIssuer, "aud": queue.PassAudience, "sub": "acc-1", "exp": d.session.EndsAt.Unix(),
		"sale": "s1", "epoch": 3, "n": 42, "identity": "account",
	}
}

// tampered has the payload of another pass under the signature of a good one.
func tampered(t *testing.T, d *door) string {
	t.Helper()
	mine := strings.Split(d.pass(t, d.session, queue.ByAccount), ".")
	longer := d.session
	longer.EndsAt = longer.EndsAt.Add(time.Hour)
	other := strings.Split(d.pass(t, longer, queue.ByAccount), ".")
	return mine[0] + "." + other[1] + "." + mine[2]
}

func TestGateWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.sessions.down = queue.ErrUnavailable.Because(errors.New("no redis"))
	session, err := d.gate.Check(context.Background(), d.pass(t, d.session, queue.ByAccount), "s1", "acc-1")
	if err != nil || session != d.session {
		t.Errorf("an unexpired, unspent pass: %+v, %v", session, err)
	}
}

// One pass of a line by browser serves one account, also while Redis cannot say whose.
func TestGateBindsAPassWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.sessions.down = queue.ErrUnavailable.Because(errors.New("no redis"))
	token := d.pass(t, d.session, queue.ByBrowser)
	check := func(account string) error {
		_, err := d.gate.Check(context.Background(), token, "s1", account)
		return err
	}
	d.sessions.unbound = errs.ErrUpstream
	if err := check("acc-1"); errs.KindOf(err) != errs.Unavailable {
		t.Errorf("nobody can say whose the pass is: %v, want an error of kind unavailable", err)
	}
	d.sessions.unbound = nil
	for range 2 {
		if err := check("acc-1"); err != nil {
			t.Errorf("the first account: %v", err)
		}
		if err := check("acc-2"); !errors.Is(err, queue.ErrPassInvalid) {
			t.Errorf("the second account: %v, want pass_invalid", err)
		}
	}
}

func TestGateTellsADeadKeySourceFromABadPass(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	token := d.pass(t, d.session, queue.ByAccount)
	d.keys.down = errs.ErrUpstream
	if _, err := d.gate.Check(context.Background(), token, "s1", "acc-1"); !errors.Is(err, errs.ErrUpstream) {
		t.Errorf("Check: %v, want the key source's own error", err)
	}
}

func TestGateBindsABrowsersPass(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	token := d.pass(t, d.session, queue.ByBrowser)
	if _, err := d.gate.Check(context.Background(), token, "s1", "acc-7"); err != nil {
		t.Errorf("its first account: %v", err)
	}
	if _, err := d.gate.Check(context.Background(), token, "s1", "acc-8"); !errors.Is(err, queue.ErrPassInvalid) {
		t.Errorf("a second account: %v", err)
	}
}
