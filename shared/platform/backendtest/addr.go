package backendtest

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The ports of FreeAddr lie below those that the kernel gives to whoever asks for any.
const (
	firstPort = 10_000
	portCount = 22_000
)

// FreeAddr returns a loopback address on which nobody listens. Until the test ends no
// other test is given it: one that is merely free may be somebody else's listener by
// the time it is asked.
func FreeAddr(t testing.TB) string {
	t.Helper()
	locks := filepath.Join(os.TempDir(), "fairgate-test-ports-"+strconv.Itoa(os.Getuid()))
	if err := os.MkdirAll(locks, 0o750); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		port := strconv.Itoa(firstPort + rand.IntN(portCount)) //nolint:gosec // not a secret
		lock, err := os.OpenFile(filepath.Join(locks, port), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if isFree(lock, net.JoinHostPort("127.0.0.1", port)) {
			t.Cleanup(func() { _ = lock.Close() })
			return net.JoinHostPort("127.0.0.1", port)
		}
		_ = lock.Close()
	}
	t.Fatal("backendtest: no port is free")
	return ""
}

// isFree reports whether nobody else has the lock or listens on addr. The lock is held
// until its file is closed, or its process has ended.
func isFree(lock *os.File, addr string) bool {
	if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false
	}
	l, err := net.Listen("tcp", addr)
	return err == nil && l.Close() == nil
}
