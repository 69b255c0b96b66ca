// Calls and steps to other pages. In a browser without cookies the page holds a token of its own
// (carried.js): it goes along in a header, and where none can go, a code is asked for first.

const meta = document.querySelector("meta[name=page-token]");

/** fetch, with the page's token where there is one. */
export function call(address, options = {}) {
  const headers = new Headers(options.headers);
  if (meta) headers.set("X-Page-Token", meta.content);
  return fetch(address, { ...options, headers });
}

/** Whether the page holds a token of its own, and `address` is one of its session's pages. */
export function isCarriedTo(address) {
  return (
    meta !== null &&
    address.origin === location.origin &&
    address.pathname.startsWith(meta.dataset.base)
  );
}

/** The address with a code that opens it once; as it was if none can be had. */
export async function addCode(address) {
  const opened = new URL(address);
  const code = (await askForCode()) ?? (await askForCode());
  // Without one, the page that is opened says what to do.
  if (code) opened.searchParams.set("code", code);
  return opened;
}

async function askForCode() {
  try {
    const answer = await call(`${meta.dataset.base}code`, { method: "POST" });
    return answer.ok ? (await answer.json()).code : null;
  } catch {
    return null;
  }
}

/** Opens another page of ours in this frame. */
export async function goTo(link) {
  const address = new URL(link, location.href);
  location.assign(isCarriedTo(address) ? await addCode(address) : address);
}
