import "./chrome.js";
