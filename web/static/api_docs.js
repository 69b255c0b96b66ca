"use strict";

// The key stays in this page's memory: closing or reloading the page forgets it.
// An administrator who is signed in in this browser needs none where the address names a mentor and
// under /keys: the browser sends its cookie, and this page the token that a change needs.
const place = document.getElementById("api");
const form = document.getElementById("key-form");
const field = document.getElementById("key-text");
const verdict = document.getElementById("key-verdict");
const PAGE_TOKEN = "X-CSRF-Token";
const SENT_BY_ITSELF = ["AdminSession", "AdminPage"];
const OF_ADMIN =
  "Valid: an administrator's token, for the whole organization; it ends an hour after it was made.";
let pageToken = "";

/** The key alone, also when it was pasted with its prefix. */
function bare(text) {
  return text.trim().split(/\s+/).pop();
}

function isAdminToken(text) {
  return bare(text).startsWith("mas_");
}

/** Says whether a key is good, what it is, and until when; true if it is good. */
async function check(text) {
  verdict.textContent = "Checking…";
  verdict.dataset.state = "";
  const address = isAdminToken(text) ? form.dataset.checkAdmin : form.dataset.check;
  const answer = await fetch(address, {
    headers: { Authorization: `Api-Token ${bare(text)}` },
  }).catch(() => null);
  if (!answer) {
    verdict.textContent = "The API does not answer. Try again in a moment.";
    verdict.dataset.state = "bad";
    return false;
  }
  const facts = await answer.json();
  verdict.dataset.state = answer.ok ? "good" : "bad";
  if (!answer.ok) {
    verdict.textContent = `Not valid: ${facts.detail}`;
    return false;
  }
  verdict.textContent = isAdminToken(text) ? OF_ADMIN : describe(facts);
  return true;
}

function describe(key) {
  const whose = key.mentor ? `mentor ${key.mentor_name || key.mentor}` : "the whole organization";
  const until = key.expires_at
    ? `expires ${new Date(key.expires_at).toLocaleString([], { dateStyle: "long", timeStyle: "short" })}`
    : "never expires";
  return `Valid: “${key.name}”, for ${whose}; ${until}; may: ${key.scopes.join(", ")}.`;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = field.value;
  if (await check(text)) {
    window.ui.preauthorizeApiKey(isAdminToken(text) ? "AdminToken" : "KeyAuth", bare(text));
    field.value = "";
  }
});

/** Nobody types a cookie, or the token beside it. */
function withoutWhatIsSentByItself(original) {
  return (...given) =>
    original(...given)
      .map((ways) => ways.filterNot((_facts, name) => SENT_BY_ITSELF.includes(name)))
      .filterNot((ways) => ways.isEmpty());
}

// What Authorize was given is checked as well, and calls to paste are shown with each operation.
function extend(system) {
  const { React } = system;
  return {
    statePlugins: {
      auth: {
        wrapSelectors: {
          definitionsToAuthorize: withoutWhatIsSentByItself,
          definitionsForRequirements: withoutWhatIsSentByItself,
        },
        wrapActions: {
          authorize: (original) => (given) => {
            const { value } = Object.values(given)[0];
            if (typeof value === "string" && value.trim()) {
              check(value);
            }
            return original(given);
          },
        },
      },
    },
    wrapComponents: {
      execute: (Original) => (props) =>
        React.createElement(
          React.Fragment,
          null,
          React.createElement(Original, props),
          React.createElement(Samples, { React, operation: props.operation }),
        ),
    },
  };
}

function Samples({ React, operation }) {
  const samples = operation.get("x-codeSamples");
  if (!samples) {
    return null;
  }
  const each = samples.toJS().map((one) =>
    React.createElement(
      "details",
      { key: one.label, name: `samples-${operation.get("operationId")}` },
      React.createElement("summary", null, one.label),
      React.createElement("pre", { tabIndex: 0 }, one.source),
    ),
  );
  return React.createElement("div", { className: "samples" }, ...each);
}

window.ui = SwaggerUIBundle({
  url: place.dataset.spec,
  domNode: place,
  deepLinking: false,
  validatorUrl: null,
  persistAuthorization: false,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  requestSnippetsEnabled: true,
  // Shown and sent in the form that people know, also when they pasted it with its prefix.
  requestInterceptor: (request) => {
    const { Authorization: sent, "X-API-Key": alone } = request.headers;
    if (sent) {
      request.headers.Authorization = `Api-Token ${bare(sent)}`;
    }
    if (alone) {
      request.headers["X-API-Key"] = bare(alone);
    }
    if (!sent && !alone && request.method !== "GET" && pageToken) {
      request.headers[PAGE_TOKEN] = pageToken;
    }
    return request;
  },
  responseInterceptor: (answer) => {
    pageToken = answer.headers?.[PAGE_TOKEN.toLowerCase()] || pageToken;
    return answer;
  },
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [extend],
});

// Pressed before this script is there it would only reload the page, and the key would be gone.
form.querySelector("button").disabled = false;
