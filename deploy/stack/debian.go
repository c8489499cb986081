package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// A dependency is a Debian package and the files that show it is installed, each
// a glob; one that matches is enough.
type dependency struct {
	pkg   string
	files []string
}

func backendPackages() []dependency {
	return []dependency{
		{"postgresql-15", []string{postgresGlob}},
		{"postgresql-contrib", []string{"/usr/share/postgresql/*/extension/pg_trgm.control"}},
		{"redis-server", []string{"/usr/bin/redis-server", "/usr/local/bin/redis-server"}},
		{"rabbitmq-server", []string{rabbitGlob}},
	}
}

const chromiumPath = "/usr/bin/chromium"

func pageTestPackages() []dependency {
	return []dependency{
		{"chromium", []string{chromiumPath}},
		{"fonts-nanum", []string{"/usr/share/fonts/truetype/nanum/NanumGothic.ttf"}},
	}
}

func missing(dependencies []dependency) []string {
	var names []string
	for _, d := range dependencies {
		if !slices.ContainsFunc(d.files, func(glob string) bool { return newest(glob) != "" }) {
			names = append(names, d.pkg)
		}
	}
	return names
}

// newest returns the match of a glob with the highest version in it, or "".
func newest(glob string) string {
	matches, _ := filepath.Glob(glob)
	if len(matches) == 0 {
		return ""
	}
	return slices.MaxFunc(matches, compareVersions)
}

// compareVersions orders paths by their numbers, 9 before 15.
func compareVersions(a, b string) int {
	for a != "" && b != "" {
		numberA, restA := leadingNumber(a)
		numberB, restB := leadingNumber(b)
		if len(restA) < len(a) && len(restB) < len(b) {
			if numberA != numberB {
				return numberA - numberB
			}
			a, b = restA, restB
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

// leadingNumber splits digits off the front of text; rest is text if there are none.
func leadingNumber(text string) (number int, rest string) {
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '9' {
		end++
	}
	number, _ = strconv.Atoi(text[:end])
	return number, text[end:]
}

// installScript keeps the packages from starting daemons of their own, now and
// when the machine boots: ours are private instances. Its traps take the guard away
// however it ends; left behind it would stop every later package too.
const installScript = `set -e
export DEBIAN_FRONTEND=noninteractive
guard=/usr/sbin/policy-rc.d
trap 'exit 130' INT TERM HUP
if [ ! -e $guard ]; then
	trap 'rm -f $guard' EXIT
	printf '#!/bin/sh\nexit 101\n' > $guard
	chmod 755 $guard
fi
clusters=/etc/postgresql-common/createcluster.conf
mkdir -p /etc/postgresql-common
grep -qs '^create_main_cluster' $clusters || echo 'create_main_cluster = false' >> $clusters
apt-get -o DPkg::Lock::Timeout=120 update
apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"
for package; do
	case $package in redis-server | rabbitmq-server | prometheus*)
		if command -v systemctl > /dev/null; then systemctl disable $package; fi ;;
	esac
done
`

// install brings what is missing with apt-get, by sudo when the caller is not root.
func install(ctx context.Context, progress *Progress, dependencies []dependency, logPath string) error {
	names := missing(dependencies)
	if len(names) == 0 {
		return nil
	}
	command, err := asRoot()
	if err != nil {
		return fmt.Errorf("packages: %s: not installed, and %w; install with: apt-get install --no-install-recommends %[1]s",
			strings.Join(names, " "), err)
	}
	progress.Say("packages", "installing %s with apt-get, once, about a minute (log: %s)", strings.Join(names, " "), logPath)
	return progress.Do("packages", "installed", func() error { return runInstaller(ctx, command, names, logPath) })
}

func runInstaller(ctx context.Context, command, names []string, logPath string) error {
	if err := os.MkdirAll(filepath.Dir(logPath), 0o755); err != nil {
		return err
	}
	log, err := os.Create(logPath)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	command = append(command, "sh", "-c", installScript, "install")
	command = append(command, names...)
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // killed, it could not clean up
	if err := cmd.Run(); err != nil {
		return &PartError{Part: "packages", Reason: "apt-get failed: " + err.Error(), Log: logPath, Tail: tail(logPath, 12)}
	}
	return nil
}

// asRoot returns the words to put before a command that needs root.
func asRoot() ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, errors.New("there is no apt-get here (Debian 12 or a Docker engine is needed)")
	}
	if os.Geteuid() == 0 {
		return nil, nil
	}
	if _, err := exec.LookPath("sudo"); err != nil {
		return nil, errors.New("you are not root and there is no sudo")
	}
	if exec.Command("sudo", "-n", "true").Run() == nil {
		return []string{"sudo"}, nil
	}
	if info, err := os.Stdin.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return nil, errors.New("sudo asks for a password but there is no terminal")
	}
	return []string{"sudo"}, nil
}
