// form[data-theme-switch]: the theme changes at once; the server remembers it in a cookie.
import { announce } from "./announce.js";

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-theme-switch]");
  if (!form) return;
  event.preventDefault();
  const theme = event.submitter.value;
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  for (const button of document.querySelectorAll("form[data-theme-switch] button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
  announce(`Theme: ${theme}`);
  fetch(form.action, {
    method: "POST",
    body: new FormData(form, event.submitter),
    headers: { "X-Requested-With": "fetch" },
    keepalive: true,
  });
});
