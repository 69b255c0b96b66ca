"use strict";

// What Swagger UI leaves out: it has a dark look, but asks for it by a class; and some of its parts
// have no name for people who hear the page.
const dark = matchMedia("(prefers-color-scheme: dark)");
const NAMES = {
  ".close-modal": "Close",
  "#servers": "Server",
  ".body-param__text": "Request body",
  ".modal-ux": "Authorize",
  ".information-container": "About this API",
  ".scheme-container": "Server and key",
};
const ROLES = {
  ".modal-ux": "dialog",
  ".information-container": "region",
  ".scheme-container": "region",
};
// It leaves levels of headings out.
const LEVELS = { h3: 2, h4: 3, h5: 4, h6: 4 };

function follow() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

/** Give an attribute to each part that has none of that name. */
function give(selector, attribute, value) {
  for (const part of document.querySelectorAll(`${selector}:not([${attribute}])`)) {
    part.setAttribute(attribute, typeof value === "function" ? value(part) : value);
  }
}

function complete() {
  Object.entries(NAMES).forEach(([selector, name]) => give(selector, "aria-label", name));
  Object.entries(ROLES).forEach(([selector, role]) => give(selector, "role", role));
  Object.entries(LEVELS).forEach(([tag, level]) => give(`.swagger-ui ${tag}`, "aria-level", level));
  give(".responses-table[role=region]", "aria-label", (table) => table.id.replaceAll("_", " "));
  give(".swagger-ui pre", "tabindex", 0);
  enter();
}

/** A key belongs into the first field; Swagger UI leads into the last, and scrolls to it. */
function enter() {
  const first = document.querySelector(".modal-ux:not([data-entered]) input");
  if (!first) return;
  first.closest(".modal-ux").dataset.entered = "";
  first.focus();
}

dark.addEventListener("change", follow);
follow();
new MutationObserver(complete).observe(document, { childList: true, subtree: true });
