// form[data-filters]: a choice applies at once; what is left empty does not go into the URL. Until the list that was
// asked for is there, by a filter or by the pager, the one that is seen says that it loads.
import { announce } from "./announce.js";

const SOON_MS = 150;

function listIsComing() {
  const list = document.querySelector("main .table, main .state")?.closest(".panel");
  if (!list) return;
  setTimeout(() => {
    list.setAttribute("aria-busy", "true");
    announce("Loading");
  }, SOON_MS);
}

document.addEventListener("submit", (event) => {
  if (event.target.matches("form[data-filters]")) listIsComing();
});

document.addEventListener("click", (event) => {
  const opensHere = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
  if (opensHere && event.target.closest(".pager a")) listIsComing();
});

// The browser's Back shows the page as it was left.
window.addEventListener("pageshow", () => document.querySelector("[aria-busy]")?.removeAttribute("aria-busy"));

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-filters]");
  if (form && event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
});

document.addEventListener("formdata", (event) => {
  if (!event.target.matches("form[data-filters]")) return;
  for (const [name, value] of [...event.formData]) {
    if (value === "") event.formData.delete(name);
  }
});
