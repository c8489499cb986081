// Command healthcheck asks a URL and succeeds if it answers 200: the health check
// inside images that hold no shell and no curl.
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	if err := check(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "healthcheck:", err)
		os.Exit(1)
	}
}

func check(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: healthcheck URL")
	}
	client := http.Client{Timeout: 3 * time.Second}
	response, err := client.Get(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", args[0], response.Status)
	}
	return nil
}
