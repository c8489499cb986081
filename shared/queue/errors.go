package queue

import "github.com/fairgate/fairgate/shared/errs"

// The failures of a line.
var (
	ErrLineNotFound      = errs.New(errs.NotFound, "sale_not_found", "There is no line for this sale.")
	ErrClosed            = errs.New(errs.Conflict, "sale_closed", "The line takes nobody now.")
	ErrSoldOut           = errs.New(errs.Conflict, "sold_out", "Everything is sold.")
	ErrSoldOutGone       = errs.New(errs.Gone, "sold_out", "Everything is sold; this place has ended.")
	ErrPlaceRequired     = errs.New(errs.Unauthenticated, "place_required", "Present a place token.")
	ErrPlaceInvalid      = errs.New(errs.Unauthenticated, "place_invalid", "The place token is not valid here.")
	ErrNotYourTurn       = errs.New(errs.Conflict, "not_your_turn", "It is not your turn yet.") // with ahead, retry_after_ms
	ErrOfferLapsed       = errs.New(errs.Gone, "offer_lapsed", "This place has ended; join again.")
	ErrPassRequired      = errs.New(errs.Forbidden, "pass_required", "This sale needs an entry pass.")
	ErrPassInvalid       = errs.New(errs.Forbidden, "pass_invalid", "The entry pass is not valid here.")
	ErrChallengeRequired = errs.New(errs.Forbidden, "challenge_required", "Answer the challenge first.") // with challenge
	ErrVersionConflict   = errs.New(errs.Conflict, "version_conflict", "The settings have changed meanwhile; read them again.")
	ErrIdentityFixed     = errs.New(errs.Conflict, "identity_fixed", "Fans have places by the present identity; reset the line to change it.")
	ErrVerbNotAllowed    = errs.New(errs.Conflict, "verb_not_allowed", "The line's state does not allow this.")
	ErrUnavailable       = errs.New(errs.Unavailable, "line_unavailable", "The line cannot be asked now; places are kept.")
)
