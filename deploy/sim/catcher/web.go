package catcher

import (
	"embed"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page.html
var pages embed.FS

var page = template.Must(template.ParseFS(pages, "page.html"))

const maxBody = 1 << 20

// Handler serves the page, the API and the Slack webhook.
func (c *Catcher) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", c.showPage)
	mux.HandleFunc("GET /mails/{index}", c.showMail)
	mux.HandleFunc("GET /api/mails", func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, map[string]any{"items": c.Mails(r.URL.Query().Get("to"))})
	})
	mux.HandleFunc("DELETE /api/mails", c.forgetMails)
	mux.HandleFunc("GET /api/slack", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]any{"items": c.Posts()}) })
	mux.HandleFunc("DELETE /api/slack", c.forgetPosts)
	mux.HandleFunc("PUT /api/faults", c.putFaults)
	mux.HandleFunc("POST /slack", c.slack)
	ok := func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, map[string]string{"status": "ok"}) }
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok)
	return mux
}

func (c *Catcher) forgetMails(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mails = nil
	w.WriteHeader(http.StatusNoContent)
}

func (c *Catcher) forgetPosts(w http.ResponseWriter, _ *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.posts = nil
	w.WriteHeader(http.StatusNoContent)
}

func (c *Catcher) putFaults(w http.ResponseWriter, r *http.Request) {
	var f Faults
	lines := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	lines.DisallowUnknownFields()
	if err := lines.Decode(&f); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.setFaults(f)
	w.WriteHeader(http.StatusNoContent)
}

// slack answers as Slack's incoming webhooks do: plain text, "ok".
func (c *Catcher) slack(w http.ResponseWriter, r *http.Request) {
	if c.currentFaults().SlackLimit {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "rate_limited", http.StatusTooManyRequests)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var content struct {
		Text        string `json:"text"`
		Blocks      []any  `json:"blocks"`
		Attachments []struct {
			Title string `json:"title"`
			Text  string `json:"text"`
		} `json:"attachments"` // as Alertmanager posts
	}
	var whole any
	if err != nil || json.Unmarshal(raw, &content) != nil || json.Unmarshal(raw, &whole) != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	for _, attached := range content.Attachments {
		content.Text = strings.TrimSpace(content.Text + "\n" + attached.Title + "\n" + attached.Text)
	}
	if content.Text == "" && len(content.Blocks) == 0 {
		http.Error(w, "no_text", http.StatusBadRequest)
		return
	}
	c.addPost(Post{Text: content.Text, Body: whole, ReceivedAt: time.Now().UTC()})
	_, _ = io.WriteString(w, "ok")
}

// showPage lists the newest mails and posts, newest first.
func (c *Catcher) showPage(w http.ResponseWriter, _ *http.Request) {
	const newest = 200
	type row struct {
		Index int
		Mail
	}
	mails, posts := c.Mails(""), c.Posts()
	view := struct {
		Mails                []row
		Posts                []Post
		MailCount, PostCount int
	}{MailCount: len(mails), PostCount: len(posts)}
	for i := len(mails) - 1; i >= max(0, len(mails)-newest); i-- {
		view.Mails = append(view.Mails, row{i, mails[i]})
	}
	view.Posts = posts[max(0, len(posts)-newest):]
	slices.Reverse(view.Posts)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, view)
}

// showMail serves one mail's HTML, locked in so that it can run and load nothing.
func (c *Catcher) showMail(w http.ResponseWriter, r *http.Request) {
	mails := c.Mails("")
	index, err := strconv.Atoi(r.PathValue("index"))
	if err != nil || index < 0 || index >= len(mails) {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox")
	if mails[index].HTML == "" {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, mails[index].Text)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = io.WriteString(w, mails[index].HTML)
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}
