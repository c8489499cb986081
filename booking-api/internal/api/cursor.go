package api

import (
	"encoding/base64"
	"encoding/json"

	"github.com/fairgate/fairgate/shared/catalogue"
	"github.com/fairgate/fairgate/shared/errs"
)

// PageInput are the parameters of every list. Like all that is embedded in an input
// it is exported: huma passes over what is not.
type PageInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20" doc:"How many items at most."`
	Cursor string `query:"cursor" text:"opaque" maxLength:"500" doc:"next_cursor of the page before."`
}

// page reads the parameters for a list of this order; a cursor of another order is
// not one of its.
func (p PageInput) page(order string) (catalogue.Page, error) {
	page := catalogue.Page{Limit: p.Limit}
	if p.Cursor == "" {
		return page, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(p.Cursor)
	if err != nil {
		return page, errs.ErrBadCursor
	}
	var parts [3]string
	if err := json.Unmarshal(raw, &parts); err != nil || parts[0] != order || !isText(parts[1]+parts[2]) {
		return page, errs.ErrBadCursor
	}
	page.After = &catalogue.Mark{Key: parts[1], ID: parts[2]}
	return page, nil
}

// cursorOf is the inverse of page; nil at the end of the list.
func cursorOf(order string, next *catalogue.Mark) (*string, error) {
	if next == nil {
		return nil, nil
	}
	raw, err := json.Marshal([3]string{order, next.Key, next.ID})
	return new(base64.RawURLEncoding.EncodeToString(raw)), err
}

// orNull is the cursor of a list for which an empty one means the end.
func orNull(cursor string) *string {
	if cursor == "" {
		return nil
	}
	return &cursor
}

// listBody is the body of every list.
type listBody[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"null on the last page."`
}

// cached is a read that may be kept for a moment; its ETag is added on the way out.
type cached[T any] struct {
	Cache string `header:"Cache-Control"`
	Body  T
}

func forAMinute[T any](body T) *cached[T] {
	return &cached[T]{Cache: "public, max-age=60", Body: body}
}

// listOf makes the body of a list.
func listOf[S, T any](order string, items []S, next *catalogue.Mark, render func(S) T) (*cached[listBody[T]], error) {
	cursor, err := cursorOf(order, next)
	if err != nil {
		return nil, err
	}
	body := listBody[T]{Items: make([]T, len(items)), NextCursor: cursor}
	for i, item := range items {
		body.Items[i] = render(item)
	}
	return forAMinute(body), nil
}
