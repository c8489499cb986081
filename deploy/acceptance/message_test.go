//go:build acceptance

package acceptance

import (
	"net/http"
	"strings"
	"testing"
)

// inWords returns a seat such as 1F-A-3-12 as a Korean mail names it.
func inWords(seat string) string {
	part := strings.Split(seat, "-")
	return strings.TrimSuffix(part[0], "F") + "층 " + part[1] + "구역 " + part[2] + "열 " + part[3] + "번"
}

func TestMessagesOfAPurchase(t *testing.T) {
	t.Parallel()
	s, f := plainSale(t, 30, nil), newFan(t)
	logged := logIn(t, f.email, password).is(200)
	mine := streamCookie(t, logged)
	events := stream(t, "/v1/me/notifications/events", mine)
	call(t, "GET", "/v1/me/notifications/events").problem(401, "unauthenticated")
	call(t, "GET", "/v1/me/notifications").problem(401, "unauthenticated")

	b := bought(t, s, f, s.seats[:2])
	id := b.text("id")
	eventually(t, "a mail", func() bool { return len(mails(t, f.email, "booking_confirmed")) > 0 })
	mail := mails(t, f.email, "booking_confirmed")[0]
	has(t, "mail", mail, "message_id string", "to string|array", "subject string", "text string", "html string", "entity_id string", "received_at time")
	if mail["entity_id"] != id || mail["message_id"] == "" {
		t.Errorf("the mail is %v of %v", mail["message_id"], mail["entity_id"])
	}
	for _, id := range s.seats[:2] {
		seat := inWords(id)
		if !strings.Contains(mail["text"].(string), seat) || !strings.Contains(mail["html"].(string), seat) {
			t.Errorf("the mail does not name seat %s:\n%s", seat, mail["text"])
		}
	}
	eventually(t, "a Slack post", func() bool {
		return strings.Contains(string(ask(t, "GET", system(t).catcher+"/api/slack").is(200).raw), b.text("order_id")) ||
			strings.Contains(string(ask(t, "GET", system(t).catcher+"/api/slack").is(200).raw), id)
	})
	pushed := next(t, events, "the notification in the stream", func(e sent) bool { return strings.Contains(e.data, id) })
	if pushed.id == "" {
		t.Error("a notification in the stream has no id")
	}
	inbox := call(t, "GET", "/v1/me/notifications", bearer(f.token)).is(200).has("items array", "next_cursor string|null")
	if items := inbox.items(); len(items) != 1 || items[0]["entity_id"] != id {
		t.Errorf("the inbox has %s", inbox.raw)
	}
	call(t, "GET", "/v1/me/notifications?cursor=odd", bearer(f.token)).problem(400, "bad_cursor")

	cancel(t, f, id).is(200, 202)
	eventually(t, "a notification of the cancellation", func() bool {
		return len(call(t, "GET", "/v1/me/notifications", bearer(f.token)).is(200).items()) >= 2
	})
	if all := mails(t, f.email, "booking_confirmed"); len(all) != 1 {
		t.Errorf("%d confirmation mails", len(all))
	}
	replay := stream(t, "/v1/me/notifications/events", mine, header("Last-Event-ID", pushed.id))
	if missed := next(t, replay, "the notification missed", func(e sent) bool { return e.kind != "retry" }); missed.id == pushed.id {
		t.Errorf("the replay repeats %v", missed)
	}
}

// streamCookie is the cookie by which a browser opens the stream of notifications.
func streamCookie(t *testing.T, logged answer) option {
	t.Helper()
	const path = "/v1/me/notifications/events"
	for _, c := range logged.setsOn {
		if c.Name == "refresh_token" || !strings.HasPrefix(path, c.Path) {
			continue
		}
		if !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("cookie %v is not HttpOnly and SameSite=Lax", c)
		}
		return cookie(c.Name, c.Value)
	}
	t.Fatalf("logging in sets no cookie for the stream of notifications: %v", logged.setsOn)
	return nil
}
