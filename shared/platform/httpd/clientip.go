package httpd

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"

	"github.com/gofiber/fiber/v2"
)

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
// What a stranger wrote further left is never believed.
func (p Proxies) Client(remote netip.Addr, forwarded string) netip.Addr {
	client := remote.Unmap()
	hops := strings.Split(forwarded, ",")
	for i := len(hops) - 1; i >= 0 && p.Trust(client); i-- {
		addr, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			return client
		}
		client = addr.Unmap()
	}
	return client
}

type proxiesKey struct{}

// ClientIP returns the caller's address as text; it believes X-Forwarded-For only
// from the app's trusted proxies.
func ClientIP(c *fiber.Ctx) string {
	remote := remoteAddr(c)
	if proxies, ok := c.Locals(proxiesKey{}).(Proxies); ok {
		return proxies.Client(remote, ForwardedFor(c)).String()
	}
	return remote.String()
}

// ForwardedFor returns X-Forwarded-For as the caller sent it. Its lines are one
// list: some proxies add a line where others extend the last.
func ForwardedFor(c *fiber.Ctx) string {
	return string(bytes.Join(c.Request().Header.PeekAll(fiber.HeaderXForwardedFor), []byte(", ")))
}

func remoteAddr(c *fiber.Ctx) netip.Addr {
	addr, _ := netip.AddrFromSlice(c.Context().RemoteIP())
	return addr.Unmap()
}
