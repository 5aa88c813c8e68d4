// Says something to people who do not see it.
export function announce(text) {
  document.getElementById("announcements").textContent = text;
}
