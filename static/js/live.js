// [data-live] with hx-trigger="live" is asked again every 2 s while it is seen: not in a hidden window, not while paused.
// button[data-live-pause="id"] pauses and resumes the element with that id. A part that ends leaves data-live out.
// data-live-every="5" asks every fifth time only.
import { announce } from "./announce.js";

const EVERY_MS = 2000;

let turn = 0;
setInterval(() => {
  if (document.hidden) return;
  turn += 1;
  for (const part of document.querySelectorAll("[data-live]")) {
    if (turn % (part.dataset.liveEvery || 1)) continue;
    if (part.dataset.live !== "paused") htmx.trigger(part, "live");
  }
}, EVERY_MS);

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-live-pause]");
  if (!button) return;
  const part = document.getElementById(button.dataset.livePause);
  const paused = part.dataset.live !== "paused";
  part.dataset.live = paused ? "paused" : "";
  button.setAttribute("aria-pressed", String(paused));
  announce(paused ? "Updates are paused" : "Updates go on");
  if (!paused) htmx.trigger(part, "live");
});
