// The address of the page as it is now, kept by the links that come back to it.

/** This page with its query and hash, as a path. */
export const thisAddress = () => location.pathname + location.search + location.hash;

/** This page in another language. @param {string} language */
function inLanguage(language) {
  const url = new URL(location.href);
  url.searchParams.set("lang", language);
  return url.pathname + url.search + url.hash;
}

/** Makes the links to other languages keep what the address says by the time they are used. */
export function keepAddress() {
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("a[hreflang]"))) {
    for (const use of ["pointerdown", "focus", "click"]) link.addEventListener(use, () => { link.href = inLanguage(link.hreflang); });
  }
}
