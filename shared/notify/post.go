package notify

import (
	"fmt"
	"strings"

	"github.com/fairgate/fairgate/shared/event"
)

// Post is one message to the operators' Slack channel, in Slack's mrkdwn.
type Post struct {
	Template Template
	Entity   string
	Text     string   // the fallback that notifications show
	Sections []string // one block each, at most 3,000 characters
}

// OperatorsChannel is the recipient of all posts: the webhook decides where they
// appear.
const OperatorsChannel = "operators"

// Delivery returns the identity of the post.
func (p Post) Delivery() Delivery {
	return Delivery{Channel: BySlack, Template: p.Template, Entity: p.Entity, Recipient: OperatorsChannel}
}

// Post writes what operators read about a booking. No personal data goes into it.
func (w *Writer) Post(t Template, b event.Booking) (Post, error) {
	headline, known := map[Template]string{
		BookingConfirmed: ":ticket: 예매 확정",
		BookingCancelled: ":leftwards_arrow_with_hook: 예매 취소",
		BookingExpired:   ":hourglass: 예매 만료",
		PaymentRefunded:  ":money_with_wings: 환불",
	}[t]
	if !known {
		return Post{}, ErrUnknownTemplate.WithMessage("There is no template %q.", t)
	}
	p := korean()
	title := escapeSlack(b.PerformanceTitle)
	amount := b.Amount
	if b.RefundAmount > 0 && t != BookingConfirmed {
		amount = -b.RefundAmount
	}
	return Post{
		Template: t, Entity: b.ID,
		Text: fmt.Sprintf("%s %s %s", headline, title, p.won(amount)),
		Sections: []string{
			fmt.Sprintf("%s *%s*\n%s · %s", headline, title, escapeSlack(b.VenueName), p.says.Moment(b.StartsAt)),
			fmt.Sprintf("`%s` · %d석 · *%s*", b.OrderID, len(b.Seats), p.won(amount)),
		},
	}, nil
}

// escapeSlack escapes the three characters that Slack gives a meaning, and keeps a
// text short enough for a block.
func escapeSlack(text string) string {
	const most = 500
	if letters := []rune(text); len(letters) > most {
		text = string(letters[:most]) + "…"
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}
