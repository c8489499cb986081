// All tests of single pages, on one browser, two windows at a time.
import { after, before, describe } from "node:test";
import { raise, strike } from "../../lib/stage.js";
import { abroad } from "./abroad.js";
import { deleting } from "./deleting.js";
import { handedOn } from "./handedon.js";
import { forms } from "./forms.js";
import { nothingIsLost } from "./kept.js";
import { offline } from "./offline.js";
import { refusals } from "./refusals.js";
import { storefront } from "./storefront.js";
import { streams } from "./stream.js";
import { waitingPage } from "./waiting.js";
import { words } from "./words.js";

before(raise);
after(strike);
describe("pages", { concurrency: 2 }, () => {
  waitingPage();
  storefront();
  forms();
  streams();
  offline();
  nothingIsLost();
  handedOn();
  deleting();
  abroad();
  refusals();
  words();
});
