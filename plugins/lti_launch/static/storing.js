// Login: the platform keeps a proof of this launch, then the browser goes on, whatever came of it.

import { putData } from "./platform_storage.js";

const link = document.getElementById("storing");
const { origin, target, key, proof } = link.dataset;
await putData({ origin, target }, key, proof).catch(() => false);
location.replace(link.href);
