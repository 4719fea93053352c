// Licence-classifier says which licences are written in texts. It reads paths from standard input, one a line, and prints one JSON
// object: for each path the SPDX names of the licences, and the percentage of the text that they make up.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/google/licensecheck"
)

type answer struct {
	Licences []string `json:"licences"`
	Percent  float64  `json:"percent"`
}

func main() {
	answers := map[string]answer{}
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		text, err := os.ReadFile(paths.Text())
		if err != nil {
			fail(err)
		}
		coverage := licensecheck.Scan(text)
		found := answer{Licences: []string{}, Percent: coverage.Percent}
		for _, match := range coverage.Match {
			// A link to a licence is often part of another text, as the one that ends the Apache licence.
			if !match.IsURL && !slices.Contains(found.Licences, match.ID) {
				found.Licences = append(found.Licences, match.ID)
			}
		}
		answers[paths.Text()] = found
	}
	if err := paths.Err(); err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "licence-classifier:", err)
	os.Exit(1)
}
