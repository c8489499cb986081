package stack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const postgresGlob = "/usr/lib/postgresql/*/bin/postgres"

// rootStateDir holds the Postgres data of stacks that root runs below a folder
// which user postgres cannot enter, such as /root.
const rootStateDir = "/var/lib/fairgate"

// The account and database of the development and test backends.
const (
	backendUser     = "fairgate"
	backendPassword = "fairgate"
	databaseName    = "fairgate"
)

type postgresServer struct {
	sup        supervisor
	port       int
	durability Durability
}

func (s postgresServer) name() string { return "postgres" }

func (s postgresServer) ports() []int { return []int{s.port} }

func (s postgresServer) bin(tool string) string {
	return filepath.Join(filepath.Dir(newest(postgresGlob)), tool)
}

// account is who Postgres runs as: it refuses root, so root lends it to postgres.
func (s postgresServer) account() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s postgresServer) ownData() string { return filepath.Join(s.sup.dir, "data", "postgres") }

func (s postgresServer) rootData() string {
	digest := sha256.Sum256([]byte(s.sup.dir))
	return filepath.Join(rootStateDir, hex.EncodeToString(digest[:6]))
}

// dataDir returns the stack's own data folder unless as cannot enter it.
func (s postgresServer) dataDir(as *syscall.Credential) string {
	if as == nil || canEnter(filepath.Dir(s.ownData()), as) {
		return s.ownData()
	}
	return s.rootData()
}

func canEnter(dir string, as *syscall.Credential) bool {
	cmd := exec.Command("/bin/sh", "-c", `cd "$1"`, "sh", dir)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	return cmd.Run() == nil
}

func (s postgresServer) start(ctx context.Context) error {
	as, err := s.account()
	if err != nil {
		return &PartError{Part: s.name(), Reason: err.Error()}
	}
	data := s.dataDir(as)
	if err := s.initialise(ctx, data, as); err != nil {
		return err
	}
	return s.sup.start(s.program(data, as))
}

// settle also creates the database if there is none.
func (s postgresServer) settle(ctx context.Context) error {
	if err := s.sup.await(ctx, s.name(), 30*time.Second, func(ctx context.Context) error {
		_, err := s.psql(ctx, "SELECT 1")
		return err
	}); err != nil {
		return err
	}
	return s.createDatabase(ctx)
}

func (s postgresServer) program(data string, as *syscall.Credential) program {
	fsync := "on"
	if s.durability == Throwaway {
		fsync = "off"
	}
	settings := []string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=",
		"max_connections=600", "shared_buffers=256MB",
		"synchronous_commit=on", "fsync=" + fsync, "full_page_writes=" + fsync,
		"timezone=UTC", "log_timezone=UTC",
	}
	args := []string{"-D", data, "-p", strconv.Itoa(s.port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	return program{name: s.name(), path: s.bin("postgres"), args: args, env: postgresEnviron(), dir: data, as: as}
}

func postgresEnviron() []string {
	return []string{"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC"}
}

// initialise creates the data folder once. It is built aside and renamed, so that
// an interrupted initdb leaves nothing that looks finished.
func (s postgresServer) initialise(ctx context.Context, data string, as *syscall.Credential) error {
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); err == nil {
		return nil
	}
	password := filepath.Join(s.sup.dir, "data", "postgres.password")
	if err := os.WriteFile(password, []byte(backendPassword+"\n"), 0o644); err != nil {
		return err
	}
	defer func() { _ = os.Remove(password) }()
	fresh := data + ".new"
	if err := s.makeFolder(fresh, as); err != nil {
		return err
	}
	if err := s.initdb(ctx, fresh, password, as); err != nil {
		return err
	}
	return os.Rename(fresh, data)
}

func (s postgresServer) makeFolder(path string, as *syscall.Credential) error {
	if err := os.RemoveAll(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	if as == nil {
		return nil
	}
	return os.Chown(path, int(as.Uid), int(as.Gid))
}

func (s postgresServer) initdb(ctx context.Context, data, passwordFile string, as *syscall.Credential) error {
	password, err := os.Open(passwordFile)
	if err != nil {
		return err
	}
	defer func() { _ = password.Close() }()
	auth := "scram-sha-256"
	if s.durability == Throwaway {
		auth = "trust" // thousands of short connections; hashing passwords would cost more than the tests
	}
	cmd := exec.CommandContext(ctx, s.bin("initdb"), "-D", data, "-U", backendUser, "-A", auth, "--pwfile=/dev/stdin",
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	cmd.Env, cmd.Dir, cmd.Stdin = postgresEnviron(), data, password
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if out, err := cmd.CombinedOutput(); err != nil {
		return &PartError{Part: s.name(), Reason: fmt.Sprintf("initdb: %v\n%s", err, out)}
	}
	return nil
}

// psql runs one statement and returns what it prints.
func (s postgresServer) psql(ctx context.Context, statement string) (string, error) {
	cmd := exec.CommandContext(ctx, s.bin("psql"), "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1",
		"-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-U", backendUser, "-d", "postgres", "-c", statement)
	cmd.Env = append(postgresEnviron(), "PGPASSWORD="+backendPassword, "PGCONNECT_TIMEOUT=2")
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return "", errors.New(text)
	}
	return text, nil
}

func (s postgresServer) createDatabase(ctx context.Context) error {
	found, err := s.psql(ctx, "SELECT 1 FROM pg_database WHERE datname = '"+databaseName+"'")
	if err == nil && found == "" {
		_, err = s.psql(ctx, "CREATE DATABASE "+databaseName)
	}
	if err != nil {
		return s.sup.failure(s.name(), err.Error())
	}
	return nil
}

func (s postgresServer) stop(ctx context.Context) error {
	const fast = syscall.SIGINT // ends sessions, then writes a checkpoint
	return s.sup.stop(ctx, s.name(), fast, 30*time.Second)
}

// erase deletes the data wherever it lies.
func (s postgresServer) erase() error {
	return errors.Join(os.RemoveAll(s.ownData()), os.RemoveAll(s.rootData()))
}
