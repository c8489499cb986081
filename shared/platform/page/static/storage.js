// What a page remembers in the browser. A browser may refuse its storage (cookies
// blocked, a locked-down window), have no room left or hand back something damaged:
// the page then remembers for itself, for as long as it is open. Everything that
// pages keep goes through here.

/**
 * @typedef {{works: () => boolean, get: (key: string) => any, set: (key: string, value: any) => void, remove: (key: string) => void}} Store
 * get returns null for what is not there; values are anything that JSON holds.
 */

/** @param {() => Storage} open throws where the browser refuses @returns {Store} */
function makeStore(open) {
  /** What the browser did not take. @type {Map<string, string>} */
  const own = new Map();
  return {
    works() {
      try {
        return open().length >= 0;
      } catch {
        return false;
      }
    },
    get(key) {
      try {
        return JSON.parse(own.get(key) ?? open().getItem(key) ?? "null");
      } catch {
        return null;
      }
    },
    set(key, value) {
      const text = JSON.stringify(value);
      try {
        open().setItem(key, text);
        own.delete(key);
      } catch {
        own.set(key, text);
      }
    },
    remove(key) {
      own.delete(key);
      try {
        open().removeItem(key);
      } catch {
        // nothing of ours can be there
      }
    },
  };
}

/** Kept for this tab. */
export const tabStore = makeStore(() => sessionStorage);
/** Kept on this device, for all tabs. */
export const deviceStore = makeStore(() => localStorage);

/** Whether the browser says that it takes no cookies: then nobody can log in or wait in line. */
export const cookiesRefused = () => navigator.cookieEnabled === false;
