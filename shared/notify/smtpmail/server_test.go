package smtpmail_test

import (
	"bufio"
	"fmt"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
)

// server is a mail server small enough to trust. Its answers can be replaced.
type server struct {
	addr    string
	answers map[string]string // by verb; "." is the answer to the end of a mail
	dropAt  string            // the verb at which it hangs up

	mu    sync.Mutex
	mails []string
	conns []net.Conn // all that were ever open
	trips int        // how often it had read all that had come before it answered
}

// pipelining makes a server offer to take commands together.
func pipelining(s *server) { s.answers["EHLO"] = "250-hello\r\n250 PIPELINING" }

func newServer(t *testing.T, behave ...func(s *server)) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &server{addr: listener.Addr().String(), answers: map[string]string{}}
	for _, change := range behave {
		change(s)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			go s.serve(conn)
		}
	}()
	return s
}

func (s *server) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	incoming := bufio.NewReader(conn)
	reader := textproto.NewReader(incoming)
	say := func(verb, usual string) {
		if incoming.Buffered() == 0 {
			s.mu.Lock()
			s.trips++
			s.mu.Unlock()
		}
		if answer, replaced := s.answers[verb]; replaced {
			usual = answer
		}
		_, _ = fmt.Fprintf(conn, "%s\r\n", usual)
	}
	say("", "220 ready")
	for {
		line, err := reader.ReadLine()
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.ToUpper(line), " ")
		if verb == s.dropAt {
			return
		}
		switch verb {
		case "DATA":
			if s.answers[verb] != "" {
				say(verb, "")
				continue
			}
			say(verb, "354 go on")
			mail, err := reader.ReadDotBytes()
			if err != nil {
				return
			}
			if s.answers["."] == "" {
				s.mu.Lock()
				s.mails = append(s.mails, string(mail))
				s.mu.Unlock()
			}
			if s.dropAt == "." {
				return
			}
			say(".", "250 have it")
		case "QUIT":
			say(verb, "221 bye")
			return
		default:
			say(verb, "250 ok")
		}
	}
}

func (s *server) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

func (s *server) roundTrips() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trips
}

func (s *server) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// hangUp closes all connections, as a server does with idle ones.
func (s *server) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.conns {
		_ = conn.Close()
	}
}
