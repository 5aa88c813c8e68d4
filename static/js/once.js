// A form that changes something is sent once, however often its button is pressed until the answer is there.
const ANSWERED_MS = 15000; // a download, or an answer that never comes, leaves the page where it is

function release(form) {
  delete form.dataset.sent;
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if ("sent" in form.dataset) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "";
  setTimeout(release, ANSWERED_MS, form);
});

// The browser's Back shows the page as it was left.
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach(release));
