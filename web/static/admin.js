// The admin works without this; here are copying, tabs, the menu's keys and the reader's own times.

import { copyText, tellCopied } from "./copy.js";
import { makeTabs } from "./tabs.js";
import { showTimes } from "./times.js";

showTimes();
makeTabs();
// Nobody is taken out of a field in which they have begun to write.
if (document.activeElement === document.body) document.getElementById("problems")?.focus();

// --- the mentor's menu: the browser opens and closes it, the arrow keys are ours --------------

const menuButton = document.getElementById("mentor-button");
const menu = document.getElementById("mentor-menu");
const items = menu ? [...menu.querySelectorAll("[role=menuitem]")] : [];

function tellMenu(isOpen) {
  menuButton.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) items[0].focus();
}

menu?.addEventListener("toggle", (event) => tellMenu(event.newState === "open"));
// It may be open before this script is there.
if (menu?.matches(":popover-open")) tellMenu(true);

menuButton?.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown") return;
  event.preventDefault();
  menu.showPopover();
});

menu?.addEventListener("keydown", (event) => {
  const here = items.indexOf(document.activeElement);
  const last = items.length - 1;
  const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: last }[event.key];
  if (next !== undefined) {
    event.preventDefault();
    items[(next + items.length) % items.length].focus();
  } else if (event.key === "Tab") {
    menu.hidePopover();
  } else if (event.key.length === 1 && /\S/.test(event.key)) {
    focusByLetter(event.key.toLowerCase(), here);
  }
});

function focusByLetter(letter, here) {
  const order = [...items.slice(here + 1), ...items.slice(0, here + 1)];
  order.find((item) => item.textContent.trim().toLowerCase().startsWith(letter))?.focus();
}

// --- copying ----------------------------------------------------------------------------------

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const source = document.getElementById(button.dataset.copy);
    const taken = await copyText(source.textContent);
    if (!taken) getSelection().selectAllChildren(source);
    tellCopied(button, taken);
    document.getElementById("copied").textContent = taken
      ? "Copied."
      : "The browser does not allow copying here; the text is selected, press Control and C.";
  });
}

// A page that is put aside for the Back button must not keep a key.
addEventListener("pagehide", () => {
  for (const node of document.querySelectorAll("[data-secret]")) node.textContent = "";
});

// --- forms ------------------------------------------------------------------------------------

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
for (const field of document.querySelectorAll("[data-time-zone]")) field.value = zone ?? "";
for (const name of document.querySelectorAll("[data-zone-name]")) {
  if (zone) name.textContent = `, ${zone.replaceAll("_", " ")}`;
}

for (const button of document.querySelectorAll("[data-scopes]")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const wanted = new Set(button.dataset.scopes.split(" "));
    for (const box of button.form.querySelectorAll("input[name=scopes]")) {
      box.checked = wanted.has(box.value);
    }
  });
}

// A second click makes nothing a second time.
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-once]")) {
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  }
  if (event.target.matches("[data-upload]")) {
    event.target.querySelector("[data-upload-status]").textContent = "Reading the documents …";
  }
});

// Back on a page that was put aside, the form may be sent again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("[data-once]")) delete form.dataset.sent;
});
