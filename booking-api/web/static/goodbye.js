// The account is gone. A browser that sent the form itself still remembers who was here.
import "./chrome.js";
import { forgetToken, hereNow } from "./session.js";

if (!hereNow()) forgetToken();
