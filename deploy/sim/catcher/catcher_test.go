package catcher_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/smtp"
	"slices"
	"strings"
	"testing"

	"github.com/fairgate/fairgate/deploy/sim/catcher"
)

func start(t *testing.T) (web, mail string) {
	t.Helper()
	var listeners [2]net.Listener
	for i := range listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		listeners[i] = l
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- catcher.New(slog.New(slog.DiscardHandler)).Run(ctx, listeners[0], listeners[1]) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return "http://" + listeners[0].Addr().String(), listeners[1].Addr().String()
}

const confirmation = "Message-ID: <booking_confirmed.bkg-1@fairgate.test>\r\n" +
	"Subject: =?UTF-8?B?7JiI66ek6rCAIO2ZleygleuQmOyXiOyKteuLiOuLpA==?=\r\n" +
	"X-Fairgate-Template: booking_confirmed\r\nX-Fairgate-Entity: bkg-1\r\nMIME-Version: 1.0\r\n" +
	"Content-Type: multipart/alternative; boundary=b\r\n\r\n" +
	"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=EC=A2=8C=EC=84=9D\r\n" +
	"--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<b>좌석</b>\r\n--b--\r\n"

func TestMailIsCaught(t *testing.T) {
	t.Parallel()
	web, mail := start(t)
	for _, to := range []string{"fan@fairgate.test", "other@fairgate.test"} {
		if err := smtp.SendMail(mail, nil, "tickets@fairgate.test", []string{to}, []byte(confirmation)); err != nil {
			t.Fatal(err)
		}
	}
	var got struct{ Items []catcher.Mail }
	get(t, web+"/api/mails?to=fan@fairgate.test", &got)
	if len(got.Items) != 1 {
		t.Fatalf("%d mails, want 1: %+v", len(got.Items), got.Items)
	}
	m := got.Items[0]
	if m.MessageID != "booking_confirmed.bkg-1@fairgate.test" || m.Template != "booking_confirmed" || m.EntityID != "bkg-1" ||
		m.Subject != "예매가 확정되었습니다" || !strings.Contains(m.Text, "좌석") || !strings.Contains(m.HTML, "<b>좌석</b>") || m.To != "fan@fairgate.test" {
		t.Errorf("mail %+v", m)
	}
}

func TestRefusingMailServer(t *testing.T) {
	t.Parallel()
	web, mail := start(t)
	request, err := http.NewRequest(http.MethodPut, web+"/api/faults", strings.NewReader(`{"smtp_refuse":true}`))
	if err != nil {
		t.Fatal(err)
	}
	if status := do(t, request, nil); status != http.StatusNoContent {
		t.Fatalf("PUT /api/faults: %d", status)
	}
	if err := smtp.SendMail(mail, nil, "a@fairgate.test", []string{"b@fairgate.test"}, []byte(confirmation)); err == nil {
		t.Error("the mail was accepted")
	}
}

func TestSlackPosts(t *testing.T) {
	t.Parallel()
	web, _ := start(t)
	post := func(body string) (int, string) {
		response, err := http.Post(web+"/slack", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		answer, _ := io.ReadAll(response.Body)
		return response.StatusCode, strings.TrimSpace(string(answer))
	}
	for body, want := range map[string]string{`{"text":"sold out"}`: "ok", `{"attachments":[{"title":"an alert","text":"why"}]}`: "ok", `{"attachments":[{}]}`: "no_text", `{}`: "no_text", `{`: "invalid_payload"} {
		if _, got := post(body); got != want {
			t.Errorf("POST /slack %s answers %q, want %q", body, got, want)
		}
	}
	var got struct{ Items []catcher.Post }
	get(t, web+"/api/slack", &got)
	texts := make([]string, len(got.Items))
	for i, item := range got.Items {
		texts[i] = item.Text
	}
	slices.Sort(texts)
	if !slices.Equal(texts, []string{"an alert\nwhy", "sold out"}) {
		t.Errorf("posts %q", texts)
	}
}

func get(t *testing.T, url string, into any) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status := do(t, request, into); status != http.StatusOK {
		t.Fatalf("GET %s: %d", url, status)
	}
}

func do(t *testing.T, request *http.Request, into any) int {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if into != nil {
		if err := json.NewDecoder(response.Body).Decode(into); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode
}
