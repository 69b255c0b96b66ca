// The frame grows with the tool: it alone, and only from its own origin, may ask for that.
const frame = document.getElementById("tool");
const LOWEST = 240;
const HIGHEST = 8000;

function read(data) {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

if (frame) {
  window.addEventListener("message", (event) => {
    if (event.origin !== frame.dataset.origin || event.source !== frame.contentWindow) return;
    const message = read(event.data);
    if (message?.subject === "lti.frameResize") resize(Number(message.height));
    if (message?.subject === "lti.scrollToTop") frame.scrollIntoView({ block: "start" });
    if (message?.subject === "lti.fetchWindowSize") tellWindowSize(event);
    // What a frame is called is read to people who do not see it, so it follows what is in it.
    if (message?.subject === "mentorai.title") frame.title = String(message.title).slice(0, 200);
  });
}

function resize(height) {
  if (!Number.isFinite(height)) return;
  frame.style.height = `${Math.min(Math.max(height, LOWEST), HIGHEST)}px`;
}

function tellWindowSize(event) {
  const { left, top } = frame.getBoundingClientRect();
  event.source.postMessage(
    {
      subject: "lti.fetchWindowSize.response",
      message_id: event.data.message_id,
      height: window.innerHeight,
      width: window.innerWidth,
      offset: { left: left + window.scrollX, top: top + window.scrollY },
      footer: 0,
      scrollY: window.scrollY,
    },
    frame.dataset.origin,
  );
}

// A registration is over: the tool's frame, or the window it was opened in, may say so.
if (frame && frame.dataset.closesTo) {
  window.addEventListener("message", (event) => {
    if (event.origin !== frame.dataset.origin) return;
    const message = read(event.data);
    if (message && message.subject === "org.imsglobal.lti.close") {
      window.location.assign(frame.dataset.closesTo);
    }
  });
}

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
