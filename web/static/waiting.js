// A page that waits for something looks again by itself and shows what has come; where a form is
// being used nothing is taken away under the hands. Without this script the page reloads itself.

import { showTimes } from "./times.js";

const PAUSE_MS = 3000;
const LONGEST_MS = 30 * 60 * 1000;
const began = Date.now();
const place = document.getElementById("arrived");
let shown = place && read(place);

async function look() {
  if (!place?.hasAttribute("data-waiting") || Date.now() - began > LONGEST_MS) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.redirected) {
      location.assign(answer.url);
      return;
    }
    if (answer.ok) show(await answer.text());
  } catch {
    // The network was away for a moment; the next look tells.
  }
  setTimeout(look, PAUSE_MS);
}

function show(text) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const found = page.getElementById("arrived");
  if (!found || read(found) === shown || place.contains(document.activeElement)) return;
  shown = read(found);
  place.replaceChildren(...found.childNodes);
  place.toggleAttribute("data-waiting", found.hasAttribute("data-waiting"));
  showTimes(place);
}

/** What it says; the times are written in another way once the page is there. */
function read(node) {
  const copy = node.cloneNode(true);
  for (const time of copy.querySelectorAll("time")) time.textContent = time.dateTime;
  return copy.textContent.trim() + node.hasAttribute("data-waiting");
}

setTimeout(look, PAUSE_MS);
