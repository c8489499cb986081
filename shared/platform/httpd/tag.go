package httpd

import "strings"

// MatchesTag reports whether an If-None-Match header names the ETag (RFC 9110 §13.1.2).
func MatchesTag(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == "*" || candidate == tag {
			return true
		}
	}
	return false
}
