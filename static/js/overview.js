// The Overview keeps what is open and where the focus is when it is refreshed, and tells what a bar of its chart means.
const part = document.getElementById("overview");
const tooltip = document.getElementById("tooltip");
const from = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const open = new Set();
let focused = null;
let scrolled = 0;

// By what an element is known again in the part that takes its place: not by its text, which tells times.
function name(element) {
  return ["href", "class", "aria-label", "datetime"].map((each) => element.getAttribute(each)).join(" ");
}

part?.addEventListener("toggle", (event) => {
  if (event.target.open) open.add(event.target.id);
  else open.delete(event.target.id);
}, true);

part?.addEventListener("htmx:beforeSwap", () => {
  const active = document.activeElement;
  focused = part.contains(active) && active !== part ? name(active) : null;
  scrolled = part.querySelector(".scrolls")?.scrollTop ?? 0;
});

part?.addEventListener("htmx:afterSwap", () => {
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const table = part.querySelector(".scrolls");
  if (table) table.scrollTop = scrolled;
  if (focused === null) return;
  const again = [...part.querySelectorAll("a, summary, [tabindex]")].find((element) => name(element) === focused);
  again?.focus({ preventScroll: true });
});

part?.addEventListener("mouseover", (event) => {
  const step = event.target.closest("[data-start]");
  if (!step) return;
  tooltip.textContent = `From ${from.format(new Date(step.dataset.start))}: ${step.dataset.told}`;
  tooltip.hidden = false;
  const box = step.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  const middle = box.left + box.width / 2 - width / 2;
  tooltip.style.left = `${Math.max(8, Math.min(middle, window.innerWidth - width - 8))}px`;
  tooltip.style.top = `${box.top - height - 6}px`;
  event.stopPropagation();
});

// A bar leads where its line of the table leads.
part?.addEventListener("click", (event) => {
  const start = event.target.closest("[data-start]")?.dataset.start;
  if (start) document.querySelector(`#chart-table time[datetime="${start}"]`)?.closest("a").click();
});
