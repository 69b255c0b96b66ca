// What a tool may keep here for its launches, spoken to by messages. In the page that frames the
// tool, or in a frame of its own beside it: the page says where.
// Source: LTI Client Side postMessages 1.0; LTI postMessage Storage 1.0.

const place = document.getElementById("tool") ?? document.body;
const { origin: toolOrigin, storage } = place.dataset;
const LIMIT = 500;
const VALUE_LENGTH = 4096;
const kept = new Map();

function answer(event, fields) {
  const { subject, message_id } = event.data;
  event.source.postMessage({ subject: `${subject}.response`, message_id, ...fields }, toolOrigin);
}

function tellCapabilities(event) {
  const messages = ["capabilities", "frameResize", "fetchWindowSize", "scrollToTop"].map(
    (name) => ({ subject: `lti.${name}` }),
  );
  if (storage !== "none") {
    const where = storage === "frame" ? { frame: "platform_storage" } : {};
    messages.push({ subject: "lti.put_data", ...where }, { subject: "lti.get_data", ...where });
  }
  answer(event, { supported_messages: messages });
}

function putData(event) {
  const { key, value } = event.data;
  if (typeof key !== "string" || (value != null && String(value).length > VALUE_LENGTH)) {
    return answer(event, { key, error: { code: "bad_request", message: "No such key or value." } });
  }
  if (value == null) kept.delete(key);
  else if (kept.size < LIMIT) kept.set(key, String(value));
  answer(event, { key, value });
}

const takesData = storage === "parent" || storage === "here";
const subjects = {
  ...(storage === "here" ? {} : { "lti.capabilities": tellCapabilities }),
  ...(takesData ? { "lti.put_data": putData } : {}),
  ...(takesData
    ? { "lti.get_data": (event) => answer(event, { key: event.data.key, value: kept.get(event.data.key) }) }
    : {}),
};

addEventListener("message", (event) => {
  if (event.origin !== toolOrigin || typeof event.data !== "object" || !event.data) return;
  if (Object.hasOwn(subjects, event.data.subject)) subjects[event.data.subject](event);
});
