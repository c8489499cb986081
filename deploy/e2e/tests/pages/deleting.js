// Deleting an account: said before it is asked, asked with the password, and then
// nobody is here any more, in any tab.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { accessibilityFaults, open, picture } from "../../lib/browser.js";
import { browser, main, pages } from "../../lib/stage.js";
import { answer, booking, opened } from "./storefront.js";

export const deleting = () => describe("deleting an account", { concurrency: 2 }, () => {
  for (const seen of main) {
    test(`the password is asked, and the browser is left empty, ${seen.size}`, async () => {
      /** @type {[number, any]} */
      let reply = [403, { code: "wrong_password" }];
      /** @type {import("./storefront.js").Answers} */
      const answers = { "DELETE /v1/me": () => reply, "GET /v1/bookings": [200, { items: [booking], next_cursor: null }] };
      const { context, page, faults } = await opened(seen, answers);
      const other = await context.newPage();
      await answer(other, answers);
      await other.goto(`${pages}/me/bookings`);
      await other.locator("#bookings .row").waitFor();
      await page.goto(`${pages}/me/delete`);
      await page.locator("html[data-ready=delete]").waitFor();
      await picture(page, `delete-${seen.size}-${seen.language}`);
      assert.deepEqual(await accessibilityFaults(page), []);
      /** @type {[number, any, RegExp][]} */
      const refusals = [
        [403, { code: "wrong_password" }, /비밀번호가 맞지|password is not right/], [403, { code: "forbidden" }, /삭제하지 못했|could not be deleted/],
        [429, { code: "rate_limited" }, /시도가 너무 많았|Too many attempts/], [503, null, /연결할 수 없|No connection/],
      ];
      for (const [status, body, says] of refusals) {
        reply = [status, body];
        await page.fill("#password", "secret");
        await page.locator("#delete button").click();
        await page.locator("#fault", { hasText: says }).waitFor();
        assert.equal(await page.evaluate(() => document.activeElement?.id), "password");
      }
      await picture(page, `delete-fault-${seen.size}-${seen.language}`);
      reply = [204, null];
      await page.locator("#delete button").click();
      await page.waitForURL("**/goodbye");
      assert.equal(await page.evaluate(() => localStorage.getItem("fairgate.who") ?? sessionStorage.getItem("fairgate.access")), null);
      await page.locator("#login-link:not([hidden])").waitFor();
      await picture(page, `goodbye-${seen.size}-${seen.language}`);
      await other.waitForURL("**/login?**");
      assert.equal(await other.locator("#bookings .row").count(), 0);
      assert.deepEqual(faults, []);
      await context.close();
    });
  }

  for (const [name, lost, then] of /** @type {const} */ ([
    ["whose answer was lost is known by the next, which finds nobody", true, "main a[href='/']"], ["that finds nobody leads to the log-in", false, "form#login"],
  ])) {
    test(`a request to delete ${name}`, async () => {
      const { context, page, faults } = await opened(main[0], {});
      let ended = !lost;
      await page.goto(`${pages}/me/delete`);
      await page.locator("html[data-ready=delete]").waitFor();
      await page.route("**/v1/auth/refresh", (route) => (ended ? route.fulfill({ status: 401, json: { code: "unauthenticated" } }) : route.fallback()));
      await page.route("**/v1/me", (route) => {
        if (ended) return route.fulfill({ status: 401, json: { code: "unauthenticated" } });
        ended = true;
        return route.abort();
      });
      await page.fill("#password", "secret");
      await page.locator("#delete button").click();
      if (lost) {
        await page.locator("#fault", { hasText: "연결할 수 없어요" }).waitFor();
        await page.locator("#delete button").click();
      }
      await page.locator(then).waitFor();
      assert.deepEqual(faults, []);
      await context.close();
    });
  }

  test("without JavaScript the form is there, and whole", async () => {
    const { context, page } = await open(browser, { ...main[0], javaScriptEnabled: false });
    await page.goto(`${pages}/me/delete?fault=wrong`);
    assert.equal(await page.locator("#delete").getAttribute("action"), "/v1/auth/forms/delete");
    assert.equal(await page.locator("#delete").getAttribute("method"), "post");
    assert.match(await page.locator("#fault").innerText(), /비밀번호가 맞지 않아요/);
    await page.locator("#password").waitFor();
    await context.close();
  });
});
