package prepare

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// File reads accounts: JSON (an array of objects, or one as "items", as the
// development route answers) or CSV with a header; the names are access_token, email
// and password. A file without a header is one access token a line.
func File(name string) ([]Account, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	accounts, err := parse(bytes.TrimSpace(raw))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(accounts) == 0 {
		return nil, fmt.Errorf("%s: no accounts", name)
	}
	for i, a := range accounts {
		if a.AccessToken == "" && (a.Email == "" || a.Password == "") {
			return nil, fmt.Errorf("%s: account %d has neither access_token nor email and password", name, i+1)
		}
	}
	return accounts, nil
}

func parse(raw []byte) ([]Account, error) {
	switch {
	case bytes.HasPrefix(raw, []byte("[")):
		var accounts []Account
		return accounts, json.Unmarshal(raw, &accounts)
	case bytes.HasPrefix(raw, []byte("{")):
		var body struct {
			Password string
			Items    []Account
		}
		err := json.Unmarshal(raw, &body)
		for i := range body.Items {
			if body.Items[i].Password == "" {
				body.Items[i].Password = body.Password
			}
		}
		return body.Items, err
	}
	return parseCSV(raw)
}

func parseCSV(raw []byte) ([]Account, error) {
	reader := csv.NewReader(bytes.NewReader(raw))
	reader.TrimLeadingSpace = true
	rows, err := reader.ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	header := []string{"access_token"}
	if first := rows[0]; slices.Contains(first, "access_token") || slices.Contains(first, "email") {
		header, rows = first, rows[1:]
	}
	accounts := make([]Account, 0, len(rows))
	for _, row := range rows {
		var a Account
		for i, name := range header {
			if i >= len(row) {
				break
			}
			switch value := strings.TrimSpace(row[i]); name {
			case "access_token":
				a.AccessToken = value
			case "email":
				a.Email = value
			case "password":
				a.Password = value
			}
		}
		accounts = append(accounts, a)
	}
	return accounts, nil
}
