// Command envdoc prints .env.example for the project in the working folder.
package main

import (
	"fmt"
	"os"

	"github.com/fairgate/fairgate/deploy/envdoc"
)

func main() {
	text, err := envdoc.Example(".")
	if err != nil {
		fmt.Fprintln(os.Stderr, "envdoc:", err)
		os.Exit(1)
	}
	fmt.Print(text)
}
