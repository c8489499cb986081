package backendtest

import (
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
)

// The ports of FreeAddr lie below those that the kernel gives to whoever asks for any:
// one of these may be somebody else's by the time it is listened on.
const (
	firstPort = 10_000
	perTest   = 200 // ports of a test program
	programs  = 110
)

var givenPorts atomic.Int64

// FreeAddr returns a loopback address on which nobody listens, another one each time.
func FreeAddr(t testing.TB) string {
	t.Helper()
	first := firstPort + os.Getpid()%programs*perTest
	for range perTest {
		port := first + int(givenPorts.Add(1))%perTest
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatalf("backendtest: none of the ports from %d on is free", first)
	return ""
}
