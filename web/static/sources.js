// A cited passage in a panel beside the conversation. Without this script the link is a page.

import { call, goTo } from "./calls.js";

const panel = document.getElementById("source");
let asked = 0;

/** Opens the passage behind a citation's link; the link keeps working when that fails. */
export async function openSource(link) {
  const mine = ++asked;
  const address = new URL(link.href);
  address.searchParams.set("part", "1");
  let html;
  try {
    const response = await call(address, { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(String(response.status));
    html = await response.text();
  } catch {
    goTo(link.href);
    return;
  }
  if (mine !== asked) return;
  panel.innerHTML = html; // Made and escaped by the server.
  panel.prepend(makeClose());
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
  document.getElementById("source-title").focus();
  panel.querySelector("mark")?.scrollIntoView({ block: "nearest" });
}

function makeClose() {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button quiet slim close";
  button.textContent = "Close";
  button.addEventListener("click", () => panel.close());
  return button;
}

// A click on the backdrop lands on the dialog itself.
panel?.addEventListener("click", (event) => {
  if (event.target !== panel) return;
  const box = panel.getBoundingClientRect();
  const inside =
    event.clientX >= box.left &&
    event.clientX <= box.right &&
    event.clientY >= box.top &&
    event.clientY <= box.bottom;
  if (!inside) panel.close();
});
