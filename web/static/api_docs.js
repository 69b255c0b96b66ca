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
  presets: [SwaggerUIBundle.presets.apis],
});
