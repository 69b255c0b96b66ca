// What the tool in its frame may ask of the page around it: it alone, and only from its own origin.
// This script stands before the frame and is waited for, so that nothing the tool says is missed.
const LOWEST = 240;
const HIGHEST = 8000;
const asked = {
  "lti.frameResize": resize,
  "lti.scrollToTop": (frame) => frame.scrollIntoView({ block: "start" }),
  "lti.fetchWindowSize": tellWindowSize,
  // What a frame is called is read to people who do not see it, so it follows what is in it.
  "mentorai.title": (frame, { title }) => {
    frame.title = String(title).slice(0, 200);
  },
};

window.addEventListener("message", ({ data, origin, source }) => {
  const frame = document.getElementById("tool");
  if (!frame || origin !== frame.dataset.origin) return;
  const message = read(data);
  if (message?.subject === "org.imsglobal.lti.close") close(frame);
  else if (source === frame.contentWindow && Object.hasOwn(asked, String(message?.subject))) {
    asked[message.subject](frame, message);
  }
});

function read(data) {
  if (typeof data !== "string") return data;
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}

// A registration is over: the tool's frame, or the window it was opened in, may say so.
function close(frame) {
  if (frame.dataset.closesTo) window.location.assign(frame.dataset.closesTo);
}

function resize(frame, message) {
  const height = Number(message.height);
  if (!Number.isFinite(height)) return;
  frame.style.height = `${Math.min(Math.max(height, LOWEST), HIGHEST)}px`;
}

function tellWindowSize(frame, message) {
  const { left, top } = frame.getBoundingClientRect();
  frame.contentWindow.postMessage(
    {
      subject: "lti.fetchWindowSize.response",
      message_id: message.message_id,
      height: window.innerHeight,
      width: window.innerWidth,
      offset: { left: left + window.scrollX, top: top + window.scrollY },
      footer: 0,
      scrollY: window.scrollY,
    },
    frame.dataset.origin,
  );
}
