package api

import (
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/booking"
	"github.com/fairgate/fairgate/shared/errs"
	"github.com/fairgate/fairgate/shared/platform/apidoc"
	"github.com/fairgate/fairgate/shared/platform/httpd"
	"github.com/fairgate/fairgate/shared/queue"
)

// documented is the API's OpenAPI document as it is served: huma's, with what apidoc and
// kinds add to every operation. It is made when it is first asked for, once all routes
// are there.
type documented struct {
	of *huma.OpenAPI

	once  sync.Once
	forms apidoc.Forms
	err   error
}

func (d *documented) serve(c *fiber.Ctx) error {
	d.once.Do(func() { d.forms, d.err = d.render() })
	if d.err != nil {
		return d.err
	}
	return d.forms.Serve(c)
}

func (d *documented) render() (apidoc.Forms, error) {
	document, err := d.complete()
	if err != nil {
		return nil, err
	}
	return apidoc.Render(document)
}

func (d *documented) complete() (apidoc.Document, error) {
	document, err := apidoc.Read(d.of)
	if err != nil {
		return nil, err
	}
	apidoc.OptionalTakeNull(document)
	apidoc.Complete(document, kinds()...)
	return document, nil
}

// kinds are the refusals of all operations that take a parameter, or lie under an
// address, of a certain kind; apidoc knows those that every service has.
func kinds() []apidoc.Kind {
	return []apidoc.Kind{
		{Is: apidoc.With("header", headerIdempotency), Refusals: apidoc.Of(errKeyRequired, booking.ErrKeyInProgress, booking.ErrKeyReused)},
		{Is: apidoc.With("header", headerPass), Refusals: apidoc.Of(queue.ErrPassRequired, queue.ErrPassInvalid, errOrigin, queue.ErrUnavailable)},
		{Is: apidoc.With("cookie", refreshCookie), Refusals: apidoc.Of(errOrigin)},
		{Is: apidoc.Under("/v1/admin/"), Refusals: apidoc.Of(errs.ErrForbidden)},
	}
}

// describe writes into the operation's document what the route says about itself.
func (r *route) describe() {
	if r.Responses == nil {
		r.Responses = map[string]*huma.Response{}
	}
	maps.Copy(r.Responses, refusals(r.fails))
	if r.tagged {
		r.Parameters = append(r.Parameters, &huma.Param{Name: fiber.HeaderIfNoneMatch, In: "header", Schema: &huma.Schema{Type: huma.TypeString}})
	}
}

// refusals names the codes of errors, from which apidoc makes responses.
func refusals(fails []*errs.Error) map[string]*huma.Response {
	responses := map[string]*huma.Response{}
	for status, codes := range apidoc.Of(fails...) {
		responses[strconv.Itoa(status)] = &huma.Response{Extensions: map[string]any{apidoc.XCodes: codes}}
	}
	return responses
}

// decode reads canonical JSON for huma and says in plain words what does not fit.
func decode(data []byte, v any) error {
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	location, message := httpd.ExplainJSON(err, nil)
	return errors.New(location + " " + message)
}
