package toss

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/fairgate/fairgate/shared/clock"
)

// Config of the simulator.
type Config struct {
	Addr       string `env:"ADDR" envDefault:"127.0.0.1:8090"`                                // host:port to listen on
	SecretKey  string `env:"TOSS_SECRET_KEY" envDefault:"test_sk_fairgate"`                   // the shop's
	ClientKey  string `env:"TOSS_CLIENT_KEY" envDefault:"test_ck_fairgate"`                   // the page's
	WebhookURL string `env:"WEBHOOK_URL" envDefault:"http://127.0.0.1:8080/v1/webhooks/toss"` // empty: none are sent
	StateFile  string `env:"STATE_FILE"`                                                      // keeps payments over a restart; empty: memory only
}

// Server is the simulator. It serves HTTP; Close releases its file.
type Server struct {
	cfg      Config
	ledger   *ledger
	replays  *replays
	faults   *switchboard
	webhooks *notifier
	mux      *http.ServeMux
}

// New returns a simulator whose webhooks stop when ctx ends.
func New(ctx context.Context, cfg Config, c clock.Clock, log *slog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, replays: newReplays(c), faults: &switchboard{}}
	s.webhooks = newNotifier(cfg.WebhookURL, s.faults, log)
	var err error
	if s.ledger, err = openLedger(cfg.StateFile, c, s.webhooks.announce); err != nil {
		return nil, err
	}
	s.webhooks.run(ctx)
	s.mux = s.routes()
	return s, nil
}

// Close releases the state file.
func (s *Server) Close() error { return s.ledger.close() }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments/confirm", s.api(s.confirm))
	mux.HandleFunc("GET /v1/payments/{key}", s.api(s.payment))
	mux.HandleFunc("GET /v1/payments/orders/{order}", s.api(s.paymentOfOrder))
	mux.HandleFunc("POST /v1/payments/{key}/cancel", s.api(s.cancel))
	mux.HandleFunc("GET /v1/transactions", s.api(s.transactions))
	mux.HandleFunc("GET /pay", s.window)
	mux.HandleFunc("POST /pay/{key}/{decision}", s.decide)
	mux.HandleFunc("POST /sim/payments", s.simulatePayment)
	mux.HandleFunc("GET /sim/payments", s.listPayments)
	mux.HandleFunc("GET /sim/faults", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.faults.get()) })
	mux.HandleFunc("PUT /sim/faults", s.setFaults)
	mux.HandleFunc("GET /{$}", s.overview)
	ok := func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}
	mux.HandleFunc("GET /healthz", ok)
	mux.HandleFunc("GET /readyz", ok)
	return mux
}

// handler answers one API call; an error becomes Toss's error body.
type handler func(r *http.Request) (any, error)

// unanswered is a handler's result that the caller never hears: after wait the
// connection is closed. A retry with the same Idempotency-Key gets it.
type unanswered struct {
	payment Payment
	err     error
	wait    time.Duration
}

// api wraps a handler with what every call of the API has: authentication,
// forced test errors and, for POST, the Idempotency-Key.
func (s *Server) api(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := s.authenticate(r); err != nil {
			respond(w, errorAnswer(err))
			return
		}
		call := func() answer { return s.call(r, h) }
		if r.Method == http.MethodPost {
			given := s.replays.do(r, call)
			if given.hangUpAfter > 0 {
				pause(r.Context(), given.hangUpAfter)
				panic(http.ErrAbortHandler) // closes the connection without an answer
			}
			respond(w, given)
			return
		}
		respond(w, call())
	}
}

func (s *Server) call(r *http.Request, h handler) answer {
	if code := r.Header.Get("TossPayments-Test-Code"); code != "" {
		return errorAnswer(fail(code))
	}
	result, err := h(r)
	silent, isSilent := result.(unanswered)
	if isSilent {
		result, err = silent.payment, silent.err
	}
	given := jsonAnswer(http.StatusOK, result)
	if err != nil {
		given = errorAnswer(err)
	}
	given.hangUpAfter = silent.wait
	return given
}

func (s *Server) authenticate(r *http.Request) error {
	encoded, basic := strings.CutPrefix(r.Header.Get("Authorization"), "Basic ")
	if !basic {
		return fail("UNAUTHORIZED_KEY")
	}
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return fail("UNAUTHORIZED_KEY")
	}
	key, colon := strings.CutSuffix(string(decoded), ":")
	if !colon {
		return fail("INCORRECT_BASIC_AUTH_FORMAT")
	}
	if key != s.cfg.SecretKey {
		return fail("UNAUTHORIZED_KEY")
	}
	return nil
}

func errorAnswer(err error) answer {
	var e *apiError
	if !errors.As(err, &e) {
		e = fail("FAILED_INTERNAL_SYSTEM_PROCESSING")
	}
	return jsonAnswer(e.status, e)
}

func jsonAnswer(status int, v any) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return answer{status: http.StatusInternalServerError, body: []byte(`{"code":"COMMON_ERROR","message":""}`)}
	}
	return answer{status: status, body: body}
}

func respond(w http.ResponseWriter, a answer) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func writeJSON(w http.ResponseWriter, status int, v any) { respond(w, jsonAnswer(status, v)) }

func decode(r *http.Request, v any) error {
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<10)).Decode(v); err != nil {
		return fail("INVALID_REQUEST")
	}
	return nil
}

// pause waits for d or until the caller has gone.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
