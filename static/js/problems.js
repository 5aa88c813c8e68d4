// A request by htmx that got no answer, or that failed on the server: said once, with what to do.
function tell(text) {
  const notices = document.getElementById("notices");
  if ([...notices.children].some((notice) => notice.dataset.problem === text)) return;
  const notice = document.createElement("div");
  notice.className = "notice bad";
  notice.setAttribute("role", "alert");
  notice.dataset.problem = text;
  notice.append(Object.assign(document.createElement("p"), { textContent: text }));
  notices.append(notice);
}

document.addEventListener("htmx:sendError", () => tell("No answer from the server: check your connection, then reload the page."));
document.addEventListener("htmx:responseError", (event) => {
  if (event.detail.xhr.status >= 500) tell("Something failed on our side: reload the page, and tell an operator if it stays.");
});
document.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.successful) document.querySelectorAll("[data-problem]").forEach((notice) => notice.remove());
});
