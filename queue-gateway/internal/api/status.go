package api

import (
	"github.com/gofiber/fiber/v2"

	"github.com/fairgate/fairgate/shared/platform/httpd"
)

// status is GET /v1/queues/{sale}: the same bytes for everyone, from memory.
func (a *API) status(c *fiber.Ctx) error {
	status, err := a.Lines.Status(saleOf(c))
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderCacheControl, "public, max-age=1")
	return httpd.SendTagged(c, status.Body, status.ETag)
}

// jwks is GET /.well-known/jwks.json.
func (a *API) jwks(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "public, max-age=300")
	return httpd.SendTagged(c, a.passKeys, httpd.TagOf(a.passKeys))
}

func (a *API) healthz(c *fiber.Ctx) error {
	return private(c).JSON(fiber.Map{"status": "ok", "checks": fiber.Map{"process": "ok"}})
}

// readyz says which dependencies answer, without telling strangers why not.
func (a *API) readyz(c *fiber.Ctx) error {
	states, ready := httpd.Readiness(c.UserContext(), a.Ready)
	word, status := "ok", fiber.StatusOK
	if !ready {
		word, status = "unavailable", fiber.StatusServiceUnavailable
	}
	for name, state := range states {
		if state != "ok" {
			states[name] = "unavailable"
		}
	}
	body := fiber.Map{"status": word, "checks": states}
	if !ready {
		body["code"] = "upstream_unavailable"
	}
	return private(c).Status(status).JSON(body)
}
