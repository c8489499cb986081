package rabbit

import "github.com/fairgate/fairgate/shared/errs"

// verdict is what becomes of a message after its handler returned.
type verdict string

const (
	ack   verdict = "ack"   // done, or nothing is left to do
	retry verdict = "retry" // may work later: up the ladder
	park  verdict = "park"  // will never work: an operator must look
)

var verdictOfKind = map[errs.Kind]verdict{
	errs.Internal:        retry, // a bug or an unknown error: a deploy may cure it
	errs.Conflict:        retry, // somebody else is at it
	errs.Limited:         retry,
	errs.Unavailable:     retry,
	errs.Gone:            ack, // what it is about is over
	errs.Malformed:       park,
	errs.Invalid:         park,
	errs.NotFound:        park, // the outbox commits with the thing, so it never was
	errs.Unauthenticated: park,
	errs.Forbidden:       park,
}

// verdictOf is the one mapping from errors to the fate of a message.
func verdictOf(err error) verdict {
	if err == nil {
		return ack
	}
	return verdictOfKind[errs.KindOf(err)]
}
