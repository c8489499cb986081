package backendtest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy is a TCP proxy in front of a backend whose connections a test can cut.
type Proxy struct {
	Addr string // 127.0.0.1:port

	target   string
	listener net.Listener
	mu       sync.Mutex
	down     bool
	open     map[net.Conn]struct{}
	thawed   chan struct{} // closed while bytes flow
}

// NewProxy returns a proxy to target (host:port), closed after the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), target: target, listener: listener, open: map[net.Conn]struct{}{}, thawed: make(chan struct{})}
	close(p.thawed)
	go p.accept()
	t.Cleanup(func() {
		_ = listener.Close()
		p.Freeze(false)
		p.Cut()
	})
	return p
}

// Cut breaks every open connection; new ones are taken.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.open {
		_ = conn.Close()
	}
	clear(p.open)
}

// SetDown breaks every connection and refuses new ones while down.
func (p *Proxy) SetDown(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.Cut()
	}
}

// Freeze holds every byte back while frozen and breaks nothing, like a network
// that drops packets: nobody is told.
func (p *Proxy) Freeze(frozen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.thawed:
		if frozen {
			p.thawed = make(chan struct{})
		}
	default:
		if !frozen {
			close(p.thawed)
		}
	}
}

func (p *Proxy) thaw() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.thawed
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil || !p.keep(client, server) {
			_ = client.Close()
			continue
		}
		go p.pipe(client, server)
		go p.pipe(server, client)
	}
}

func (p *Proxy) keep(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		_ = server.Close()
		return false
	}
	p.open[client], p.open[server] = struct{}{}, struct{}{}
	return true
}

func (p *Proxy) pipe(to, from net.Conn) {
	_, _ = io.Copy(gated{to, p}, from)
	_ = to.Close()
	_ = from.Close()
}

// gated is a connection that passes bytes on once the proxy is not frozen.
type gated struct {
	conn  net.Conn
	proxy *Proxy
}

func (g gated) Write(b []byte) (int, error) {
	<-g.proxy.thaw()
	return g.conn.Write(b)
}
