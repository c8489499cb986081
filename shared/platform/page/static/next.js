// Where to go on after a log-in: only ever an address of this site.

const maxNext = 2000;

/**
 * The address of this site that asked names, or "" when it names anything else. The
 * server's twin of it is Next in shared/platform/page; both are held to the same
 * vectors.
 * @param {string | null | undefined} asked
 * @returns {string}
 */
export function safeNext(asked) {
  if (!asked || asked.length > maxNext || !/^\/[!#-;=?-[\]-_a-~]*$/.test(asked)) return "";
  return isPlain(asked.split(/[?#]/, 1)[0]) ? asked : "";
}

/**
 * Whether a path means the same to everyone who reads it.
 * @param {string} path
 */
function isPlain(path) {
  let decoded;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return false; // not percent-encoding, or not UTF-8
  }
  if (/[\\%\u0000-\u001f\u007f]/.test(decoded)) return false;
  const segments = decoded.slice(1).split("/");
  if (segments.length !== path.split("/").length - 1) return false; // a slash was encoded
  return segments.every((segment, i) => segment !== "." && segment !== ".." && (segment !== "" || i === segments.length - 1));
}
