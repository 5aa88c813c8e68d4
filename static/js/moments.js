// <time data-moment="full|short|relative|due|clock|weekday">: the Builder's own time zone; exact UTC on hover and focus.
const tooltip = document.getElementById("tooltip");
const full = new Intl.DateTimeFormat("en-GB", {
  day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
const STYLES = { clock: minute, weekday };

// Seconds are today's business; the tooltip has them of any day.
function short(moment, now) {
  if (moment.toDateString() === now.toDateString()) return clock.format(moment);
  return `${day.format(moment)}, ${minute.format(moment)}`;
}

// The two largest units: "in 3 min 58 s", "2 d 4 h ago".
function relative(moment, now) {
  const seconds = Math.round((moment - now) / 1000);
  if (Math.abs(seconds) < 1) return "now";
  const parts = [];
  let left = Math.abs(seconds);
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) parts.push(`${count} ${unit}`);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return seconds > 0 ? `in ${parts.join(" ")}` : `${parts.join(" ")} ago`;
}

// What is due goes out at once, or as soon as there is room: how long ago it became due says nothing.
function due(moment, now) {
  return moment > now ? relative(moment, now) : "now";
}

function write(element) {
  const moment = new Date(element.dateTime);
  const now = new Date();
  const style = element.dataset.moment;
  const text = style === "relative" ? relative(moment, now) : style === "due" ? due(moment, now) : style === "short" ? short(moment, now) : (STYLES[style] || full).format(moment);
  if (element.textContent !== text) element.textContent = text;
}

function writeAll(root) {
  if (root.matches?.("time[data-moment]")) write(root);
  root.querySelectorAll("time[data-moment]").forEach(write);
}

function utc(element) {
  return `${element.dateTime.replace("T", " ").replace("Z", "")} UTC`;
}

function show(element) {
  tooltip.textContent = utc(element);
  tooltip.hidden = false;
  const box = element.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = tooltip;
  const above = box.top - height - 6;
  tooltip.style.left = `${Math.max(8, Math.min(box.left, window.innerWidth - width - 8))}px`;
  tooltip.style.top = `${above > 8 ? above : box.bottom + 6}px`;
  element.setAttribute("aria-describedby", "tooltip");
}

function hide() {
  tooltip.hidden = true;
}

function momentAt(target) {
  return target.closest?.("time[data-moment]") || target.closest?.("a")?.querySelector("time[data-moment]");
}

document.addEventListener("mouseover", (event) => {
  const element = event.target.closest?.("time[data-moment]");
  if (element) show(element);
  else if (!tooltip.contains(event.target)) hide();
});
document.addEventListener("focusin", (event) => {
  const element = momentAt(event.target);
  if (element) show(element);
  else hide();
});
document.addEventListener("focusout", hide);
document.addEventListener("scroll", hide, true);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
});

document.addEventListener("htmx:load", (event) => writeAll(event.detail.elt));
writeAll(document);
setInterval(() => document.querySelectorAll("time[data-moment=relative], time[data-moment=due]").forEach(write), 1000);
