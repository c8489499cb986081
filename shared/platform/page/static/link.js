// A live connection: an event stream that is read by fetch, because an EventSource
// hides the server's heartbeats. They are the sign that the connection lives, also
// while there is nothing to tell. When they stay away the server is asked; when it
// does not answer either, the connection is down, and the link asks until it is back.

/**
 * `ask` is a small call: the status of its answer, 0 for none within `patience` ms.
 * `refused`: there is no stream for now, so the page asks by itself.
 * @typedef {{
 *   address: string, ask: (patience: number) => Promise<number>, event: (name: string, data: string) => void,
 *   changed: (up: boolean) => void, refused: () => void,
 * }} LinkOptions
 */

// The server says something every 2 s (httpd.HeartbeatEvery): after `quietFor` it is
// asked, and the answer is waited for as long as `leastPatience` at least. Together
// they stay below 5 s.
const quietFor = 2600;
const leastPatience = 1500;
const deafFor = 6000; // a stream that is silent for so long is opened anew
const slowAnswer = 10000; // the longest that an answer may take on a slow network

/** @param {number} ms @returns a time up to `ms`, so that pages do not act in step */
const scattered = (ms) => ms * Math.random();

export class Link {
  /** @param {LinkOptions} options */
  constructor(options) {
    this.options = options;
    this.up = true;
    /** @type {"idle" | "opening" | "open" | "recovering" | "refused"} */
    this.state = "idle";
    this.wanted = false;
    this.heardAt = 0;
    this.askedAt = 0;
    this.lastId = "";
    this.refusals = 0;
    this.retry = 0;
    // How long an answer took, smoothed: a slow network gets more patience.
    this.typical = 0;
    this.quiet = quietFor + scattered(400);
    /** @type {AbortController | null} */
    this.current = null;
    this.wake = () => {};
  }

  /** Keeps a stream open from now on. */
  start() {
    this.wanted = true;
    if (this.state === "idle") this.run();
  }

  stop() {
    this.wanted = false;
    this.current?.abort();
    this.wake();
  }

  /** Something may have changed (the network is back, the fan looks again): ask at once. */
  nudge() {
    this.refusals = 0;
    this.wake();
    if (this.state === "open") this.question();
  }

  /** The browser says that there is no network. */
  cut() {
    this.turn(false);
    this.current?.abort();
  }

  async run() {
    while (this.wanted) {
      this.state = "opening";
      const end = await this.read();
      if (!this.wanted) break;
      if (end === "refused") await this.rest();
      else await this.recover(end === "ended");
    }
    this.state = "idle";
  }

  /** There is no stream: ask for one again later, ever less often. */
  async rest() {
    this.state = "refused";
    this.options.refused();
    this.refusals++;
    await this.pause(Math.min(300000, 5000 * 2 ** (this.refusals - 1)) * (0.8 + scattered(0.4)));
  }

  /**
   * The stream is over: ask until there is an answer.
   * @param {boolean} ended by the server, which then also says when to come back
   */
  async recover(ended) {
    this.state = "recovering";
    // The end of a server is the end of thousands of streams: their pages do not all
    // ask in the same moment.
    if (this.up) await this.pause(ended && this.retry ? this.retry : scattered(1500));
    for (let tries = 0; this.wanted; tries++) {
      const status = await this.askNow(tries);
      if (status && status < 500 && status !== 429) break;
      if (!status || tries) this.turn(false);
      // No answer at all: the next question is soon. A server in trouble gets time.
      await this.pause(document.hidden ? 10000 : status ? Math.min(30000, 1000 * 2 ** tries) * (0.8 + scattered(0.4)) : 700 + scattered(800));
    }
    this.turn(true);
    await this.pause(scattered(1500));
  }

  /** @param {number} tries so far without an answer @returns {Promise<number>} */
  async askNow(tries) {
    const patience = Math.min(slowAnswer, Math.max(leastPatience, 4 * this.typical));
    const begun = Date.now();
    // A network may have become slow: now and then one question waits long, beside the quick ones.
    if (tries % 4 === 3) this.options.ask(slowAnswer).then((status) => { if (status) this.answered(begun); });
    const status = await this.options.ask(patience);
    if (status) this.answered(begun);
    return status;
  }

  /** @param {number} begun */
  answered(begun) {
    const took = Date.now() - begun;
    this.typical = this.typical ? 0.7 * this.typical + 0.3 * took : took;
    if (this.state === "recovering") this.wake();
  }

  /**
   * Reads one stream to its end.
   * @returns {Promise<"refused" | "ended" | "cut">}
   */
  async read() {
    const mine = new AbortController();
    this.current = mine;
    const begun = Date.now();
    const patience = Math.min(slowAnswer, Math.max(2 * leastPatience, 8 * this.typical));
    const opening = setTimeout(() => mine.abort(), patience);
    let watch = 0;
    let said = false;
    try {
      const headers = { Accept: "text/event-stream", ...(this.lastId ? { "Last-Event-ID": this.lastId } : {}) };
      const response = await fetch(this.options.address, { headers, signal: mine.signal, cache: "no-store" });
      clearTimeout(opening);
      if (response.status < 500) this.turn(true);
      if (response.status !== 200 || !response.body) return "refused";
      this.state = "open";
      this.heardAt = Date.now();
      watch = window.setInterval(() => this.listen(), 200);
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ""; ;) {
        const { value, done } = await reader.read();
        if (done) return "ended";
        said = true;
        this.heardAt = Date.now();
        this.turn(true);
        if (this.heardAt - begun > 10000) this.refusals = 0;
        rest = this.take(rest + value);
      }
    } catch {
      // Something on the way keeps the stream to itself, or it was cut.
      return this.state === "open" && this.up && !said ? "refused" : "cut";
    } finally {
      clearTimeout(opening);
      clearInterval(watch);
      if (this.current === mine) this.current = null;
    }
  }

  /** Is the stream still speaking? What a hidden page takes for silence is its own sleep. */
  listen() {
    const silent = Date.now() - this.heardAt;
    if (document.hidden || silent < this.quiet || Date.now() - this.askedAt < this.quiet) return;
    if (silent > deafFor && this.askedAt > this.heardAt) this.current?.abort();
    else this.question();
  }

  async question() {
    const about = this.current;
    this.askedAt = Date.now();
    const status = await this.askNow(0);
    if (status || about !== this.current || Date.now() - this.heardAt < this.quiet) return;
    this.turn(false);
    about?.abort();
  }

  /** @param {string} text what has come and is not yet understood @returns the rest of it */
  take(text) {
    const blocks = text.split("\n\n");
    const rest = blocks.pop() ?? "";
    for (const block of blocks) this.understand(block);
    return rest;
  }

  /** @param {string} block the lines of one event */
  understand(block) {
    let name = "message";
    const data = [];
    for (const line of block.split("\n")) {
      const [, field, value] = /^([^:]*)(?:: ?(.*))?$/.exec(line) ?? [];
      if (field === "event") name = value ?? "";
      else if (field === "data") data.push(value ?? "");
      else if (field === "id") this.lastId = value ?? "";
      else if (field === "retry") this.retry = Number(value) || 0;
    }
    if (data.length) this.options.event(name, data.join("\n"));
  }

  /** @param {boolean} up */
  turn(up) {
    if (this.up === up) return;
    this.up = up;
    this.options.changed(up);
  }

  /** @param {number} ms unless something wakes it @returns {Promise<void>} */
  pause(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }
}
