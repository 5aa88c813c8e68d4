// <button data-copy="text"> copies the text; with an empty data-copy what [data-copy-source] beside it holds.
import { announce } from "./announce.js";

const SHOWN_MS = 1500;

async function write(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  // Plain http beyond localhost has no clipboard API.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const text = button.dataset.copy || button.parentElement.querySelector("[data-copy-source]").textContent;
  try {
    await write(text);
  } catch {
    announce("Not copied: the browser did not allow it.");
    return;
  }
  button.classList.add("is-copied");
  announce("Copied");
  setTimeout(() => button.classList.remove("is-copied"), SHOWN_MS);
});
