package backendtest

import (
	"context"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisCluster starts a Redis Cluster of three masters of the test's own and
// returns their addresses. It needs redis-server and redis-cli.
func RedisCluster(t testing.TB) []string {
	t.Helper()
	addrs := make([]string, 3)
	for i := range addrs {
		addrs[i] = startClusterNode(t)
	}
	create := append([]string{"--cluster", "create"}, addrs...)
	out, err := exec.Command("redis-cli", append(create, "--cluster-yes")...).CombinedOutput() //nolint:gosec // our own addresses
	if err != nil {
		t.Fatalf("redis-cli --cluster create: %v\n%s", err, out)
	}
	for _, addr := range addrs {
		awaitRedis(t, addr, func(client *redis.Client) bool {
			return strings.Contains(client.ClusterInfo(context.Background()).Val(), "cluster_state:ok")
		})
	}
	return addrs
}

func startClusterNode(t testing.TB) string {
	t.Helper()
	port := clusterPort(t)
	command := exec.Command("redis-server", "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--cluster-enabled", "yes", //nolint:gosec // our own arguments
		"--cluster-port", strconv.Itoa(port+1), "--save", "", "--appendonly", "no", "--dir", t.TempDir())
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	awaitRedis(t, addr, func(client *redis.Client) bool { return client.Ping(context.Background()).Err() == nil })
	return addr
}

// clusterPort returns a free port after which another is free, for the bus.
func clusterPort(t testing.TB) int {
	t.Helper()
	for range 100 {
		first, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address, _ := first.Addr().(*net.TCPAddr)
		second, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(address.Port+1)))
		_ = first.Close()
		if err == nil {
			_ = second.Close()
			return address.Port
		}
	}
	t.Fatal("there are no two free ports in a row")
	return 0
}

func awaitRedis(t testing.TB, addr string, ok func(*redis.Client) bool) {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: addr, DisableIdentity: true})
	defer func() { _ = client.Close() }()
	for deadline := time.Now().Add(20 * time.Second); !ok(client); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("Redis at %s is not ready", addr)
		}
	}
}
