"use strict";

// The key stays in this page's memory: closing or reloading the page forgets it.
const place = document.getElementById("api");
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
    const sent = request.headers.Authorization;
    if (sent) {
      request.headers.Authorization = `Api-Token ${sent.trim().split(/\s+/).pop()}`;
    }
    return request;
  },
  presets: [SwaggerUIBundle.presets.apis],
});
