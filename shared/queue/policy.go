package queue

import (
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/text"
)

// State is where a line stands in its life.
type State string

// The states of a line; see the package documentation.
const (
	Draft      State = "draft"
	Scheduled  State = "scheduled"
	Lobby      State = "lobby"
	Drawing    State = "drawing"
	Open       State = "open"
	Paused     State = "paused"
	Draining   State = "draining"
	Closed     State = "closed"
	Rebuilding State = "rebuilding"
	// SoldOut is never stored: a line shows it while its sale is sold out.
	SoldOut State = "sold_out"
)

// Mode says when fans have to wait.
type Mode string

// The modes. ModeOff ignores the rate, never the capacity; ModeAuto is off until
// the capacity is reached, and off again once nobody waits.
const (
	ModeOn   Mode = "on"
	ModeOff  Mode = "off"
	ModeAuto Mode = "auto"
)

// Method says how places are ordered.
type Method string

// The methods: first come first served; or a draw among those in the lobby.
const (
	FIFO Method = "fifo"
	Draw Method = "draw"
)

// Identity says who may have one place: an account, or a browser.
type Identity string

// The identities.
const (
	ByAccount Identity = "account"
	ByBrowser Identity = "browser"
)

// Verb is an operator's command to a line.
type Verb string

// The verbs. Reset forgets every place and session and starts a new epoch.
const (
	VerbOpen   Verb = "open"
	VerbPause  Verb = "pause"
	VerbResume Verb = "resume"
	VerbDrain  Verb = "drain"
	VerbClose  Verb = "close"
	VerbReset  Verb = "reset"
)

// Policy is the settings of a line and what must survive the loss of its store.
type Policy struct {
	SaleID         string            `json:"sale_id"` // [a-z0-9-]{1,40}
	State          State             `json:"state"`
	Mode           Mode              `json:"mode"`
	Method         Method            `json:"method"`
	Identity       Identity          `json:"identity"`
	Capacity       int               `json:"capacity"`        // active sessions at once, ≥ 1
	RatePerMinute  int               `json:"rate_per_minute"` // ≥ 1
	SessionSeconds int               `json:"session_seconds"` // from the first pass to its end
	ClaimSeconds   int               `json:"claim_seconds"`   // ≥ 50
	AbandonSeconds int               `json:"abandon_seconds"` // unseen for so long: gone; 30 … 210
	GraceSeconds   int               `json:"grace_seconds"`   // gone for less: back at the same key
	LobbyOpensAt   *time.Time        `json:"lobby_opens_at"`
	OpensAt        *time.Time        `json:"opens_at"`
	Challenge      string            `json:"challenge"` // kind of challenge before joining; empty: none
	Message        map[string]string `json:"message"`   // by language
	Version        int64             `json:"version"`   // grows with each change of settings or state

	SoldOut bool   `json:"sold_out"`
	Epoch   uint32 `json:"epoch"` // grows with each reset; 0: never lived
	Tail    uint64 `json:"tail"`  // the last number given
}

// DefaultPolicy returns the settings of a new line: open to nobody (scheduled
// without a date), fifo, by account.
func DefaultPolicy(saleID string) Policy {
	return Policy{
		SaleID: saleID, State: Scheduled, Mode: ModeOn, Method: FIFO, Identity: ByAccount,
		Capacity: 500, RatePerMinute: 3000, SessionSeconds: 300, ClaimSeconds: 60,
		AbandonSeconds: 120, GraceSeconds: 600, Message: map[string]string{}, Version: 1,
	}
}

// Patch is a change of settings: nil members stay as they are. A Version, if
// given, must be the one that is changed.
type Patch struct {
	Mode           *Mode             `json:"mode,omitempty"`
	Method         *Method           `json:"method,omitempty"`
	Identity       *Identity         `json:"identity,omitempty"`
	Capacity       *int              `json:"capacity,omitempty"`
	RatePerMinute  *int              `json:"rate_per_minute,omitempty"`
	SessionSeconds *int              `json:"session_seconds,omitempty"`
	ClaimSeconds   *int              `json:"claim_seconds,omitempty"`
	AbandonSeconds *int              `json:"abandon_seconds,omitempty"`
	GraceSeconds   *int              `json:"grace_seconds,omitempty"`
	LobbyOpensAt   *time.Time        `json:"lobby_opens_at,omitempty"`
	NoLobby        bool              `json:"-"` // lobby_opens_at is null: no time
	OpensAt        *time.Time        `json:"opens_at,omitempty"`
	NoOpening      bool              `json:"-"` // opens_at is null
	Challenge      *string           `json:"challenge,omitempty"`
	Message        map[string]string `json:"message,omitempty"`
	Version        *int64            `json:"version,omitempty"`
}

// Apply returns p with the patch's settings and the next version, or
// ErrVersionConflict, ErrIdentityFixed, or a validation error.
func (p Policy) Apply(patch Patch) (Policy, error) {
	if v := patch.Version; v != nil && (*v < 0 || *v > maxVersion) {
		return p, errs.ErrValidationFailed.WithField("body.version", fmt.Sprintf("must be 0 … %d", int64(maxVersion)))
	}
	if patch.Version != nil && *patch.Version != p.Version {
		return p, ErrVersionConflict.With("version", p.Version)
	}
	identity := p.Identity
	set(&p.Mode, patch.Mode)
	set(&p.Method, patch.Method)
	set(&p.Identity, patch.Identity)
	set(&p.Capacity, patch.Capacity)
	set(&p.RatePerMinute, patch.RatePerMinute)
	set(&p.SessionSeconds, patch.SessionSeconds)
	set(&p.ClaimSeconds, patch.ClaimSeconds)
	set(&p.AbandonSeconds, patch.AbandonSeconds)
	set(&p.GraceSeconds, patch.GraceSeconds)
	set(&p.Challenge, patch.Challenge)
	if patch.LobbyOpensAt != nil || patch.NoLobby {
		p.LobbyOpensAt = patch.LobbyOpensAt
	}
	if patch.OpensAt != nil || patch.NoOpening {
		p.OpensAt = patch.OpensAt
	}
	if patch.Message != nil {
		message, err := readMessage(patch.Message)
		if err != nil {
			return p, err
		}
		p.Message = message
	}
	p.Version++
	if err := p.Validate(); err != nil {
		return p, err
	}
	if p.Identity != identity && p.Tail > 0 {
		return p, ErrIdentityFixed
	}
	return p, nil
}

// maxVersion is the largest number that every program reads as it is written.
const maxVersion = 1<<53 - 1

const maxMessage = 1000 // characters in one language

// readMessage returns the texts of a message as they are kept.
func readMessage(message map[string]string) (map[string]string, error) {
	fault, kept := errs.ErrValidationFailed, make(map[string]string, len(message))
	for language, words := range message {
		normal, err := text.Note(words)
		switch {
		case !languagePattern.MatchString(language):
			fault = fault.WithField("body.message", "must be by language, such as ko or en")
		case err != nil:
			fault = fault.WithField("body.message."+language, err.Error())
		case utf8.RuneCountInString(normal) > maxMessage:
			fault = fault.WithField("body.message."+language, fmt.Sprintf("must have at most %d characters", maxMessage))
		}
		kept[language] = normal
	}
	if len(fault.Fields) > 0 {
		return nil, fault
	}
	return kept, nil
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

var (
	saleIDPattern   = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	languagePattern = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
)

// ValidSaleID reports whether id may name a line.
func ValidSaleID(id string) bool { return saleIDPattern.MatchString(id) }

// Validate returns an errs.ErrValidationFailed with every faulty setting, or nil.
func (p Policy) Validate() error {
	fault := errs.ErrValidationFailed.WithMessage("The settings of the line are not acceptable.")
	check := func(ok bool, field, message string) {
		if !ok {
			fault = fault.WithField("body."+field, message)
		}
	}
	between := func(field string, value, low, high int) {
		check(value >= low && value <= high, field, fmt.Sprintf("must be %d … %d", low, high))
	}
	check(ValidSaleID(p.SaleID), "sale_id", "must match [a-z0-9-]{1,40}")
	check(p.Mode == ModeOn || p.Mode == ModeOff || p.Mode == ModeAuto, "mode", "must be on, off or auto")
	check(p.Method == FIFO, "method", "must be fifo: the draw is not offered yet")
	check(p.Challenge == "", "challenge", "must be empty: no challenge is offered yet")
	check(p.Identity == ByAccount || p.Identity == ByBrowser, "identity", "must be account or browser")
	between("capacity", p.Capacity, 1, 1_000_000)
	between("rate_per_minute", p.RatePerMinute, 1, 600_000)
	between("session_seconds", p.SessionSeconds, 5, 86_400)
	between("claim_seconds", p.ClaimSeconds, 50, 3_600)
	between("abandon_seconds", p.AbandonSeconds, 30, 210)
	between("grace_seconds", p.GraceSeconds, 0, 86_400)
	check(p.LobbyOpensAt == nil || p.OpensAt == nil || !p.LobbyOpensAt.After(*p.OpensAt),
		"lobby_opens_at", "must not be after opens_at")
	if len(fault.Fields) > 0 {
		return fault
	}
	return nil
}
