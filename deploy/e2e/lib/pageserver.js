// Starts the Go program that serves the pages over sample data.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../pageserver", import.meta.url));

/** @returns {Promise<{url: string, stop: () => void}>} */
export async function startPages() {
  const temporary = mkdtempSync(join(tmpdir(), "pages-"));
  const binary = join(temporary, "pageserver");
  const built = spawnSync("go", ["build", "-o", binary, "."], { cwd: folder, encoding: "utf8" });
  if (built.status !== 0) throw new Error(`go build: ${built.stderr}`);
  const child = spawn(binary, { stdio: ["ignore", "pipe", "inherit"] });
  const stop = () => {
    child.kill();
    rmSync(temporary, { recursive: true, force: true });
  };
  const url = await new Promise((resolve, reject) => {
    child.stdout.once("data", (line) => resolve(String(line).trim()));
    child.once("exit", (code) => reject(new Error(`pageserver ended with ${code}`)));
  });
  return { url, stop };
}
