// Log-in and sign-up say at each field what is wrong there, and take the fan to it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accessibilityFaults } from "../../lib/browser.js";
import { main, others, pages } from "../../lib/stage.js";
import { opened } from "./storefront.js";

/** @typedef {import("playwright-core").Page} Page */

/** What is said at each marked field, by its name: what it is described by, without its rule. @param {Page} page */
const marked = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll("[aria-invalid=true]")].map((input) => {
  const ids = (input.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => !id.endsWith("-rule"));
  return [input.id, ids.map((id) => document.getElementById(id)?.textContent ?? "").join(" ")];
})));

/** @param {Page} page */
const focused = (page) => page.evaluate(() => document.activeElement?.id);

/** @param {Page} page @param {Record<string, string>} values */
async function send(page, values) {
  for (const [name, value] of Object.entries(values)) await page.fill(`#${name}`, value);
  await page.locator("form button").click();
  await page.locator("form button:not([disabled])").waitFor();
}

const given = { name: "fan", email: "a@b.test", password: "secret" };

function signUp() {
  const kind = others[0];
  /** @type {[what: string, answer: [number, any], says: Record<string, RegExp>, focus: string][]} */
  const refusals = [
    ["name", invalid("name"), { name: /1–50 characters/ }, "name"],
    ["e-mail", invalid("email"), { email: /not an e-mail address/ }, "email"],
    ["password", invalid("password"), { password: /8–72 characters/ }, "password"],
    ["e-mail and password", invalid("password", "email"), { email: /not an e-mail/, password: /8–72/ }, "email"],
    ["account there already", [409, { code: "email_taken" }], { email: /has an account already/ }, "email"],
  ];
  test("sign-up says at each field what is wrong there", async () => {
    /** @type {[number, any]} */
    let reply = [422, {}];
    const { context, page, faults } = await opened(kind, { "POST /v1/auth/signup": () => reply }, false);
    await page.goto(`${pages}/signup`);
    await page.locator("html[data-ready]").waitFor();
    for (const [what, answer, says, focus] of refusals) {
      reply = answer;
      await send(page, given);
      const said = await marked(page);
      assert.deepEqual(Object.keys(said), Object.keys(says), what);
      for (const [name, text] of Object.entries(says)) assert.match(said[name], text, what);
      assert.equal(await focused(page), focus, what);
      assert.equal(await page.locator("#fault").innerText(), "", "nothing else is blamed");
    }
    assert.deepEqual(await accessibilityFaults(page), []);
    await send(page, { ...given, name: " ", password: "" });
    assert.deepEqual(Object.keys(await marked(page)), ["name", "password"], "empty ones");
    assert.equal(await focused(page), "name");
    assert.equal(await page.locator("#password").getAttribute("aria-describedby"), "password-rule password-fault");
    assert.deepEqual(faults, []);
    await context.close();
  });
}

/** @param {...string} names @returns {[number, any]} */
function invalid(...names) {
  return [422, { code: "validation_failed", errors: names.map((name) => ({ location: `body.${name}`, message: "is wrong" })) }];
}

export function forms() {
  describe("forms", { concurrency: 2 }, () => {
    signUp();
    test("a wrong log-in is said, and the password can be entered anew", async () => {
      const { context, page, faults } = await opened(main[0], { "POST /v1/auth/login": [401, { code: "unauthenticated" }] }, false);
      await page.goto(`${pages}/login`);
      await page.locator("html[data-ready]").waitFor();
      await send(page, { email: given.email, password: given.password });
      const said = await marked(page);
      assert.deepEqual(Object.keys(said), ["password"]);
      assert.equal(said.password, await page.locator("#fault").innerText());
      assert.equal(await focused(page), "password");
      assert.deepEqual(faults, []);
      await context.close();
    });
  });
}
