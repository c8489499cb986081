// A fan waits in line in a browser while parts of the system are away. Started by
// deploy/faults: it says "waiting" once the fan waits, watches the page until a line
// comes on its input, and then says in one line of JSON what the page did.
import { createInterface } from "node:readline";
import { launch, open, picture } from "../../lib/browser.js";

const { SITE: site = "", SALE: sale = "", EMAIL: email = "", PASSWORD: password = "" } = process.env;
const browser = await launch();
const { page, faults } = await open(browser, { size: "phone", language: "ko" });
page.setDefaultTimeout(60_000);

await page.goto(`${site}/login?next=${encodeURIComponent(`/q/${sale}`)}`);
await page.locator("html[data-ready]").waitFor();
await page.fill("#email", email);
await page.fill("#password", password);
await page.locator("#login button").click();
await page.waitForURL("**/q/**");
await page.locator("html:is([data-state=waiting],[data-state=nearly])").waitFor();

let navigations = 0;
page.on("framenavigated", (frame) => { if (frame === page.mainFrame()) navigations++; });
// The page notes every screen it shows; a reload would lose the notes.
await page.evaluate(() => {
  const html = document.documentElement;
  const screens = /** @type {any} */ (window).screens = [html.dataset.state];
  new MutationObserver(() => screens.push(html.dataset.state)).observe(html, { attributes: true, attributeFilter: ["data-state"] });
});
console.log("waiting");

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  if (line === "over") break;
  await picture(page, `faults-${line}`);
}
await page.locator("html:is([data-state=waiting],[data-state=nearly])").waitFor();
const screens = await page.evaluate(() => /** @type {any} */ (window).screens ?? ["reloaded"]);
console.log(JSON.stringify({ screens, navigations, faults }));
lines.close();
await browser.close();
