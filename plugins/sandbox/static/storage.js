// What a tool may keep here for its launches, spoken to by messages. In the page that frames the
// tool, or in a frame of its own beside it: the page says where. Beside a frame this script stands
// before it and is waited for, so that nothing the tool says is missed.
// Source: LTI Client Side postMessages 1.0; LTI postMessage Storage 1.0.

const LIMIT = 500;
const VALUE_LENGTH = 4096;
const kept = new Map();

function answer(event, fields) {
  const { subject, message_id } = event.data;
  event.source.postMessage({ subject: `${subject}.response`, message_id, ...fields }, event.origin);
}

function tellCapabilities(event, storage) {
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

function getData(event) {
  const { key } = event.data;
  answer(event, { key, value: kept.get(key) });
}

function findAnswer(subject, storage) {
  const takesData = storage === "parent" || storage === "here";
  if (subject === "lti.capabilities" && storage !== "here") return tellCapabilities;
  if (subject === "lti.put_data" && takesData) return putData;
  if (subject === "lti.get_data" && takesData) return getData;
  return null;
}

addEventListener("message", (event) => {
  const { origin, storage } = (document.getElementById("tool") ?? document.body).dataset;
  if (event.origin !== origin || typeof event.data !== "object" || !event.data) return;
  findAnswer(event.data.subject, storage)?.(event, storage);
});
