// A page of a session was opened again without anything to show for it. Where this tab remembers
// the page's token (carried.js), it goes on by itself.

const base = /^\/s\/[^/]+\//.exec(location.pathname)?.[0];

function remembered() {
  try {
    return sessionStorage.getItem(`token ${base}`);
  } catch {
    return null;
  }
}

async function recover(token) {
  const answer = await fetch(`${base}code`, {
    method: "POST",
    headers: { "X-Page-Token": token, Accept: "application/json" },
  });
  if (!answer.ok) {
    sessionStorage.removeItem(`token ${base}`);
    return;
  }
  const address = new URL(location.href);
  address.searchParams.set("code", (await answer.json()).code);
  location.replace(address);
}

const token = base && remembered();
if (token) recover(token).catch(() => {});
