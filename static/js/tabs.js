// On a narrow screen the tabs scroll sideways: the current one is in sight from the start.
const tabs = document.querySelector(".tabs");
const current = tabs?.querySelector("[aria-current]");
if (current) tabs.scrollLeft = current.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
