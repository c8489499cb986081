// A gateway as the waiting page sees it: the page itself comes from the page
// server, the line's answers and a real event stream from here, as a test directs.
import { createServer, request } from "node:http";

/**
 * @typedef {{state: string, ahead: number | null, [more: string]: any}} Place
 * @param {string} pages address of the page server
 */
export async function startLine(pages) {
  /** @type {Set<import("node:http").ServerResponse>} */
  const streams = new Set();
  const world = {
    line: { sale: "demo", epoch: 1, state: "open", opens_at: "2026-11-20T11:00:00Z", waiting: 20210, message: null, poll_after_ms: 1000 },
    /** @type {Place} */
    place: { id: "p1", n: 12481, key: "12481", state: "waiting", ahead: 12480, total: 20210, eta_seconds: { p50: 420, p90: 540 }, poll_after_ms: 1000 },
    /** what the stream's address answers: 200, or 204 and 503 for no stream */
    streamStatus: 200,
    /** what asking for the place answers: 401 as if no cookie came */
    placeStatus: 200,
    /** nobody answers calls of the API */
    down: false,
    /** streams carry no heartbeats, as if something on the way kept them back */
    mute: false,
    /** connections stay open and carry nothing in either direction */
    hole: false,
    /** "METHOD path" of all requests, in order @type {string[]} */
    asked: [],
  };

  const server = createServer((incoming, response) => {
    const path = new URL(incoming.url ?? "/", pages).pathname;
    world.asked.push(`${incoming.method} ${path}`);
    if (!path.startsWith("/v1/")) return void forward(pages, incoming, response);
    if (world.down) return void incoming.socket.destroy();
    if (world.hole) return; // never answered
    if (path.endsWith("/events")) return void stream(response);
    if (path.endsWith("/entry")) return void response.writeHead(409, { "Content-Type": "application/json" }).end(JSON.stringify({ code: "not_your_turn", ahead: 0, retry_after_ms: 200 }));
    if (incoming.method === "DELETE") return void response.writeHead(204).end();
    if (path.endsWith("/places/me") && world.placeStatus !== 200) {
      return void response.writeHead(world.placeStatus, { "Content-Type": "application/json" }).end(JSON.stringify({ code: "place_required" }));
    }
    const body = path.endsWith("/places/me") || path.endsWith("/places") ? world.place : world.line;
    response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(body));
  });

  /** @param {import("node:http").ServerResponse} response */
  function stream(response) {
    if (world.streamStatus !== 200) return response.writeHead(world.streamStatus).end();
    response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    response.write("retry: 100\n\n");
    const { state, ahead, eta_seconds, claim_before } = world.place;
    response.write(`event: place\ndata: ${JSON.stringify({ state, ahead, eta_seconds, claim_before })}\n\n`);
    streams.add(response);
    response.on("close", () => streams.delete(response));
  }

  /** @param {string} text to all streams, unless nothing gets through */
  const tell = (text) => { if (!world.hole) for (const one of streams) one.write(text); };
  // As often as the gateway does it, for a page whose clock runs as fast.
  const heart = setInterval(() => { if (!world.mute) tell(":\n\n"); }, 500);

  await new Promise((resolve) => { server.listen(0, "127.0.0.1", () => resolve(null)); });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    world,
    streams,
    /** Changes the place, and says so on the streams. @param {Partial<Place>} change */
    move(change) {
      Object.assign(world.place, change);
      const { state, ahead, eta_seconds, claim_before } = world.place;
      tell(`event: place\ndata: ${JSON.stringify({ state, ahead, eta_seconds, claim_before })}\n\n`);
    },
    /** Changes the line, and says so on the streams. @param {any} change */
    turn(change) {
      Object.assign(world.line, change);
      const { state, opens_at, message } = world.line;
      tell(`event: status\ndata: ${JSON.stringify({ state, opens_at, message })}\n\n`);
    },
    /** Cuts all streams off. */
    drop() {
      for (const one of streams) one.destroy();
    },
    /** How often something was asked. @param {string} what "METHOD path" */
    count: (what) => world.asked.filter((one) => one === what).length,
    stop() {
      clearInterval(heart);
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * @param {string} pages
 * @param {import("node:http").IncomingMessage} incoming
 * @param {import("node:http").ServerResponse} response
 */
function forward(pages, incoming, response) {
  const onward = request(new URL(incoming.url ?? "/", pages), { headers: incoming.headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on("error", () => response.writeHead(502).end());
  incoming.pipe(onward);
}
