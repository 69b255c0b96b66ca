// A window that an item asks for has the size it asks for; without this script it is a tab.
const opener = document.getElementById("window");

if (opener && (opener.dataset.width || opener.dataset.height || opener.dataset.features)) {
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    const { width, height, features } = opener.dataset;
    const size = [width && `width=${width}`, height && `height=${height}`, features];
    window.open(opener.href, opener.target, ["noopener", ...size.filter(Boolean)].join(","));
  });
}

// The gradebook shows a score soon after it came.
const gradebook = document.getElementById("gradebook");
const EVERY_MS = 4000;

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(window.location.href);
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("gradebook");
    if (fresh && fresh.innerHTML !== gradebook.innerHTML) gradebook.innerHTML = fresh.innerHTML;
  } catch {
    // The sandbox is gone for a moment; the next look may find it.
  }
}

if (gradebook) setInterval(refresh, EVERY_MS);
