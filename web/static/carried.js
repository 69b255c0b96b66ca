// Links and forms in a browser that keeps no cookie for us: each takes a code along.

import { addCode, call, isCarriedTo } from "./calls.js";

const meta = document.querySelector("meta[name=page-token]");
const RENEW_MS = 20 * 60_000;
let renewedAt = Date.now();

// The code in the address is used up; the address by itself is what belongs in the history.
const here = new URL(location.href);
here.searchParams.delete("code");
history.replaceState(history.state, "", here);
keep();

function keep() {
  try {
    sessionStorage.setItem(`token ${meta.dataset.base}`, meta.content);
  } catch {
    // Without it a reload leads back to the course page.
  }
}

async function renew() {
  if (Date.now() - renewedAt < RENEW_MS) return;
  renewedAt = Date.now();
  try {
    const answer = await call(`${meta.dataset.base}token`, { method: "POST" });
    if (!answer.ok) return;
    meta.content = (await answer.json()).token;
    keep();
  } catch {
    // The next time may get through.
  }
}

setInterval(renew, 60_000);
document.addEventListener("visibilitychange", renew);

document.addEventListener("click", async (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0) return;
  const address = new URL(link.href);
  if (!isCarriedTo(address) || isWithinPage(address)) return;
  event.preventDefault();
  const apart = link.target === "_blank" || event.ctrlKey || event.metaKey || event.shiftKey;
  // A new tab must be asked for before anything is waited for, or it is blocked.
  const tab = apart ? window.open("about:blank", "_blank") : null;
  const opened = await addCode(address);
  (tab ?? window).location.assign(opened);
});

function isWithinPage(address) {
  return (
    address.hash !== "" &&
    address.pathname === location.pathname &&
    address.search === location.search
  );
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  if (event.defaultPrevented) return;
  const address = new URL(find(button, "formaction") ?? form.getAttribute("action") ?? "", here);
  if (!isCarriedTo(address)) return;
  event.preventDefault();
  if (button?.name) addField(form, button.name, button.value);
  const method = find(button, "formmethod") ?? form.getAttribute("method") ?? "get";
  const opened = await addCode(address);
  if (method.toLowerCase() === "get") {
    addField(form, "code", opened.searchParams.get("code") ?? "");
  } else {
    form.setAttribute("action", opened);
  }
  HTMLFormElement.prototype.submit.call(form);
});

function find(button, name) {
  return button?.getAttribute(name) ?? null;
}

function addField(form, name, value) {
  const field = document.createElement("input");
  Object.assign(field, { type: "hidden", name, value });
  form.append(field);
}

// What was pressed before this script was there (held.js) may go on now.
document.dispatchEvent(new Event("carried"));
