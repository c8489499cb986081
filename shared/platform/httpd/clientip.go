package httpd

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// networkBits is how much of an IPv6 address names the caller's network: a home or a
// telephone is given a /64, and may use any address in it.
const networkBits = 64

// Proxies are the addresses whose X-Forwarded-* headers count.
type Proxies []netip.Prefix

// ParseProxies reads addresses ("10.0.0.7") and networks ("10.0.0.0/8").
func ParseProxies(list []string) (Proxies, error) {
	var proxies Proxies
	for _, text := range list {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("trusted proxy %q is neither an address nor a network", text)
			}
			prefix = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

// Trust reports whether addr is one of the proxies.
func (p Proxies) Trust(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}

// Client returns the address that spoke to the outermost trusted proxy: from the
// right of forwarded (X-Forwarded-For), the first that is not a proxy of ours.
// What a stranger wrote further left is never believed. An entry that is no address
// ends the search at the proxy that wrote it, and is returned as unreadable.
func (p Proxies) Client(remote netip.Addr, forwarded string) (client netip.Addr, unreadable string) {
	client = remote.Unmap()
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && p.Trust(client); i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" {
			continue // RFC 9110 §5.6.1: empty elements of a list do not count
		}
		addr, ok := parseHop(hop)
		if !ok {
			return client, hop
		}
		client = addr
	}
	return client, ""
}

// parseHop reads an entry of X-Forwarded-For: an address, which some proxies write
// with the port, and IPv6 then or always in brackets.
func parseHop(hop string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	if err != nil {
		withPort, portErr := netip.ParseAddrPort(hop)
		addr, err = withPort.Addr(), portErr
	}
	return addr.Unmap().WithZone(""), err == nil
}

// networkOf returns the network that limits count addr by.
func networkOf(addr netip.Addr) string {
	if !addr.Is6() {
		return addr.String()
	}
	network, err := addr.WithZone("").Prefix(networkBits)
	if err != nil {
		return addr.String()
	}
	return network.String()
}

// callers finds out who calls, for an app with trusted proxies.
type callers struct {
	proxies    Proxies
	log        *slog.Logger
	unreadable prometheus.Counter
	toldAt     atomic.Int64 // Unix seconds of the last line about an unreadable entry
}

type callersKey struct{}

func newCallers(o Options) *callers {
	proxies, err := ParseProxies(o.TrustedProxies)
	if err != nil {
		o.Log.Error("trusted proxies are ignored", "error", err)
	}
	unreadable := prometheus.NewCounter(prometheus.CounterOpts{
		Name:        "fairgate_http_unreadable_forwarded_total",
		Help:        "Requests whose X-Forwarded-For, from a trusted proxy, is no address where the caller's should be: they share the limits of the proxy.",
		ConstLabels: prometheus.Labels{"service": o.Name},
	})
	if o.Metrics != nil {
		o.Metrics.MustRegister(unreadable)
	}
	return &callers{proxies: proxies, log: o.Log, unreadable: unreadable}
}

// of returns the address that a request comes from.
func (k *callers) of(c *fiber.Ctx) netip.Addr {
	client, unreadable := k.proxies.Client(remoteAddr(c), ForwardedFor(c))
	if unreadable != "" {
		k.unreadable.Inc()
		k.tell(c.UserContext(), unreadable, client)
	}
	return client
}

// tell writes a line about an unreadable entry, at most one a minute.
func (k *callers) tell(ctx context.Context, entry string, counted netip.Addr) {
	now, last := time.Now().Unix(), k.toldAt.Load()
	if now-last < 60 || !k.toldAt.CompareAndSwap(last, now) {
		return
	}
	const longest = 64
	k.log.WarnContext(ctx, "X-Forwarded-For is not understood; the caller shares the limits of the proxy",
		"entry", strings.Clone(entry[:min(len(entry), longest)]), "counted_as", counted.String())
}

// clientAddr returns the caller's address; it believes X-Forwarded-For only from the
// app's trusted proxies.
func clientAddr(c *fiber.Ctx) netip.Addr {
	if k, ok := c.Locals(callersKey{}).(*callers); ok {
		return k.of(c)
	}
	return remoteAddr(c)
}

// ClientIP returns the caller's address as text, for records. Limits count by
// ClientNetwork.
func ClientIP(c *fiber.Ctx) string { return clientAddr(c).String() }

// ClientNetwork returns the network that a limit counts the caller by: an IPv4
// address, or the /64 of an IPv6 address, within which a caller may take any address.
func ClientNetwork(c *fiber.Ctx) string { return networkOf(clientAddr(c)) }

// ForwardedFor returns X-Forwarded-For as the caller sent it. Its lines are one
// list: some proxies add a line where others extend the last.
func ForwardedFor(c *fiber.Ctx) string {
	return string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte(", ")))
}

func remoteAddr(c *fiber.Ctx) netip.Addr {
	addr, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return addr.Unmap()
}
