// `health URL` ends with 0 when URL answers 200: the image has no shell and no curl.
package main

import (
	"net/http"
	"os"
	"time"
)

func main() {
	client := http.Client{Timeout: 4 * time.Second}
	answer, err := client.Get(os.Args[1])
	if err != nil || answer.StatusCode != http.StatusOK {
		os.Exit(1)
	}
}
