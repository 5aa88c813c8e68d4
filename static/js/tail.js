// [data-tail] is a list that grows at its top. New rows come in and are announced; where somebody has scrolled into the
// list, has the focus in it or has selected some of it, they wait behind button[data-tail-show].
import { announce } from "./announce.js";

const show = document.querySelector("button[data-tail-show]");
let showNow = false;

function words(count) {
  return count === "1" ? "1 new delivery" : `${count} new deliveries`;
}

function isRead(list) {
  const selection = document.getSelection();
  const selected = !selection.isCollapsed && list.contains(selection.anchorNode);
  return list.getBoundingClientRect().top < 0 || list.contains(document.activeElement) || selected;
}

document.addEventListener("htmx:beforeSwap", (event) => {
  const list = event.detail.target;
  if (!list.matches("[data-tail]")) return;
  if (list.dataset.live === "paused" && !showNow) event.detail.shouldSwap = false; // paused since it was asked
  const count = event.detail.xhr.getResponseHeader("X-Arrived");
  if (!event.detail.shouldSwap || !count || count === "0") return;
  if (isRead(list) && !showNow) {
    event.detail.shouldSwap = false;
    show.textContent = words(count);
    show.hidden = false;
    return;
  }
  showNow = false;
  show.hidden = true;
  announce(words(count));
});

show?.addEventListener("click", () => {
  const list = document.querySelector("[data-tail]");
  showNow = true;
  show.hidden = true;
  list.scrollIntoView({ block: "start" });
  htmx.trigger(list, "live");
});
