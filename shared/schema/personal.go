package schema

import (
	"fmt"
	"strings"
)

// Erasing is what becomes of a column when the account that it is about is erased.
type Erasing string

// What erasing does.
const (
	Cleared Erasing = "cleared" // emptied, at the latest once no money of the booking is on its way
	Removed Erasing = "removed" // the row is deleted
	Lapses  Erasing = "lapses"  // the row is deleted when it is old enough, whatever it is about
	Kept    Erasing = "kept"    // for the reason given
)

// PersonalColumn is a column that holds data about a person, or may.
type PersonalColumn struct {
	Table, Column string
	Holds         string // what of a person
	Erasing       Erasing
	Why           string // or how, or when
}

const (
	byWorker  = "by the worker, when it hears account.deleted"
	whenRests = "by the worker, when it hears account.deleted; while the booking is being paid, cancelled or refunded only afterwards, because a mail about money may have to be sent"
	byLaw     = "records of payments are kept for five years (Act on Consumer Protection in Electronic Commerce, Article 6); it names the account by its id only"
	pseudonym = "names the account by its id only, behind which nothing is left"
)

// Personal is the register of personal data: each column that holds data about a person,
// and what erasing an account does there. A column that is neither here nor in Impersonal
// fails a test.
func Personal() []PersonalColumn {
	return []PersonalColumn{
		{"account", "email", "e-mail", Cleared, "in the transaction that erases the account"},
		{"account", "password_hash", "hash of the password", Cleared, "in the transaction that erases the account"},
		{"account", "name", "name", Cleared, "in the transaction that erases the account"},
		{"account", "locale", "language", Kept, pseudonym},
		{"erased_email", "mark", "HMAC-SHA-256 of the e-mail under EMAIL_KEY", Kept, "so that the address is not used again; without the key nothing can be read from it"},
		{"login", "account_id", "when somebody logged in", Removed, "in the transaction that erases the account"},
		{"refresh_token", "digest", "SHA-256 of a refresh token", Removed, "with its log-in"},
		{"booking", "email", "e-mail", Cleared, whenRests},
		{"booking", "name", "name", Cleared, whenRests},
		{"booking", "cancel_reason", "what a fan wrote", Cleared, whenRests},
		{"booking", "account_id", "who booked", Kept, byLaw},
		{"refund", "reason", "what a fan wrote", Cleared, whenRests},
		{"refund", "failure_message", "what the provider says", Kept, byLaw},
		{"payment", "payment_key", "the provider's key of a payment", Kept, byLaw},
		{"payment", "receipt_url", "address of the provider's receipt", Kept, byLaw},
		{"payment", "failure_message", "what the provider says", Kept, byLaw},
		{"payment_attempt", "payment_key", "the provider's key of a payment", Kept, byLaw},
		{"refund", "payment_key", "the provider's key of a payment", Kept, byLaw},
		{"ledger", "actor", "the account that acted", Kept, byLaw},
		{"ledger", "note", "why an operator decided; operators are told to name no person", Kept, byLaw},
		{"seat_claim", "account_id", "who holds a seat", Kept, pseudonym + "; a hold lapses within minutes"},
		{"session_account", "account_id", "whose booking session in a line it is", Lapses, "after two days; " + pseudonym},
		{"ticket", "account_id", "whose ticket it is", Kept, byLaw},
		{"ticket", "code", "what the QR shows: ids and a signature", Kept, "lets its bearer in; " + byLaw},
		{"idempotency_key", "account_id", "who called", Removed, byWorker},
		{"idempotency_key", "body", "the answer of a call, with what a fan wrote", Removed, byWorker + "; otherwise after a day"},
		{"webhook_event", "body", "a payment as the provider tells of it", Lapses, "after RETENTION_WEBHOOKS"},
		{"webhook_event", "payment_key", "the provider's key of a payment", Lapses, "after RETENTION_WEBHOOKS"},
		{"notification", "account_id", "whose inbox it is in", Removed, byWorker},
		{"notification", "title", "what somebody booked", Removed, byWorker},
		{"notification", "body", "what somebody booked", Removed, byWorker},
		{"delivery", "recipient", "the account's id; an address never", Lapses, "after RETENTION_DELIVERIES; " + pseudonym},
		{"delivery", "last_error", "what a mail server said, addresses masked", Lapses, "after RETENTION_DELIVERIES"},
		{"outbox", "payload", "e-mail and name in events about bookings", Cleared, "events leave within moments; from what no queue takes, name, e-mail and reason are removed a minute later"},
		{"forgotten_account", "account_id", "who wants to be forgotten", Kept, pseudonym},
	}
}

// Impersonal lists, for each table, its other columns that hold text or bytes: nothing
// in them is about a person. Numbers and times by themselves are not.
func Impersonal() map[string]string {
	return map[string]string{
		"account":             "id role",
		"audit_cursor":        "name",
		"booking":             "id order_id hold_id locale sale_id performance_id performance_title venue_name showtime_id state request_id",
		"booking_seat":        "booking_id showtime_id seat grade state",
		"delivery":            "channel template entity state",
		"hall":                "id venue_id name",
		"hall_seat":           "hall_id no zone grade row_label col_label",
		"idempotency_key":     "route key fingerprint ref",
		"invariant_sweep":     "name position",
		"invariant_violation": "invariant booking_id",
		"job_run":             "job error",
		"ledger":              "booking_id payment_id refund_id entry from_state to_state request_id",
		"line_policy":         "sale_id state mode method identity challenge message",
		"login":               "id",
		"notification":        "kind entity link",
		"outbox":              "event_id type request_id traceparent",
		"payment":             "id booking_id order_id provider currency state method failure_code",
		"payment_attempt":     "payment_id state",
		"performance":         "id title category venue_id runtime age synopsis poster_url colour search",
		"performance_cast":    "performance_id performer_id",
		"performer":           "id name", // public: who is on stage
		"refresh_token":       "login_id",
		"refund":              "id payment_id booking_id kind state transaction_key failure_code",
		"sale":                "id performance_id",
		"schema_migration":    "name",
		"seat_claim":          "showtime_id seat booking_id hold_id kind",
		"seat_map":            "hall_id body",
		"showtime":            "id performance_id sale_id hall_id",
		"showtime_price":      "showtime_id grade",
		"session_account":     "sale_id",
		"spent_session":       "sale_id booking_id",
		"ticket":              "id booking_id showtime_id seat state",
		"venue":               "id name name_en region address",
		"webhook_event":       "transmission_id type order_id status",
	}
}

const elsewhere = `
## Outside the database

| where | what | until |
|---|---|---|
| Redis, limits | hashes of e-mails, networks (an IPv4 address, or a /64) | a minute |
| Redis, lines | the account's id | the line's end |
| Redis, holds | the account's id | a day after the hold; as the key of a count of seats, 30 days |
| Redis, revoked tokens | the account's id | 15 minutes |
| RabbitMQ | events about bookings with e-mail and name: of the mails that were on their way only those about money that goes back, or was taken since, are still sent | moments; while a mail server is down up to six hours; what is parked, until an operator deals with it |
| logs, traces | masked e-mails ("f***@fairgate.test"), ids, network addresses of requests | as long as the operator keeps them |
| audit files | ids and what operators noted | AUDIT_RETENTION |
| the payment provider | the payment, and the reason of a cancellation | as its contract says |
| the mail server and the fan's mailbox | the mails | not ours |
`

// PersonalTable is the register as a page for people; shared/schema/PERSONAL.md holds it.
func PersonalTable() string {
	var b strings.Builder
	b.WriteString("# Personal data, and what erasing an account does with it\n\n" +
		"Written from `personal.go`, which a test compares with the schema: `UPDATE_PERSONAL=1 go test ./shared/schema`.\n\n" +
		"| column | holds | erasing | why, how, when |\n|---|---|---|---|\n")
	for _, c := range Personal() {
		fmt.Fprintf(&b, "| `%s.%s` | %s | %s | %s |\n", c.Table, c.Column, c.Holds, c.Erasing, c.Why)
	}
	b.WriteString(elsewhere)
	return b.String()
}
