// A quiz works without this: it keeps answers while they are given, and looks where the score is.

import { call } from "./calls.js";
import { showTimes } from "./times.js";

showTimes();
// Nobody is taken out of a field in which they have begun to write.
if (document.activeElement === document.body) document.getElementById("missing")?.focus();

// --- answers are kept while they are given ---------------------------------------------------

const form = document.getElementById("quiz");
const saved = document.getElementById("saved");
const SOON_MS = 700;
const AGAIN_MS = 5000;
let timer = 0;
let sends = false;

async function save() {
  clearTimeout(timer);
  const body = new URLSearchParams(new FormData(form));
  body.set("act", "save");
  try {
    const response = await call(form.action, {
      method: "POST",
      body,
      headers: { "X-Quiet": "1", Accept: "application/json" },
    });
    tell(await outcome(response));
    if (response.status === 429 || response.status >= 500) saveSoon(AGAIN_MS);
  } catch {
    tell(navigator.onLine ? "Not saved yet." : "You are offline: not saved yet.");
    saveSoon(AGAIN_MS);
  }
}

async function outcome(response) {
  if (response.ok) return "Answers saved.";
  if (response.status === 422) return "Not saved yet: one of the answers is not understood.";
  const { code = "" } = await response.json().catch(() => ({}));
  return code.startsWith("session_")
    ? "Not saved: your session has run out. Open the quiz again from the course page; what was saved before is kept."
    : "Not saved yet.";
}

function tell(words) {
  if (!sends) saved.textContent = words;
}

function saveSoon(pause) {
  if (sends) return;
  clearTimeout(timer);
  timer = setTimeout(save, pause);
}

// Answers may be given before this script is there.
const given = (field) =>
  field.checked !== field.defaultChecked || field.value !== field.defaultValue;

if ([...document.querySelectorAll("#quiz input")].some(given)) saveSoon(SOON_MS);
form?.addEventListener("change", () => saveSoon(SOON_MS));
form?.addEventListener("submit", () => {
  sends = true;
  clearTimeout(timer);
});

// --- where the score is ----------------------------------------------------------------------

const sync = document.getElementById("sync");

async function look() {
  try {
    const response = await call(sync.dataset.url, { headers: { Accept: "text/html" } });
    if (!response.ok) return;
    const holder = document.createElement("template");
    holder.innerHTML = await response.text(); // Made and escaped by the server.
    const before = sync.querySelector(".sync")?.outerHTML;
    const now = holder.content.querySelector(".sync");
    showTimes(holder.content);
    if (now && now.outerHTML !== before) sync.replaceChildren(now);
  } catch {
    // The next look may get through.
  }
}

async function watch() {
  let pause = 1500;
  while (sync.querySelector(".sync")?.dataset.status === "waiting") {
    await new Promise((resume) => setTimeout(resume, pause));
    if (!document.hidden) await look();
    pause = Math.min(pause * 1.3, 20000);
  }
}

sync?.addEventListener("click", (event) => {
  if (!event.target.closest("[data-refresh]")) return;
  event.preventDefault();
  look();
});

if (sync) watch();
