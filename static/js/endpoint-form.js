// The form of an endpoint. [data-picker]: a search field hides event types that do not match, and a line tells how many
// are chosen. [data-header-add] adds a row for a header without asking the server.
for (const picker of document.querySelectorAll("[data-picker]")) {
  const search = picker.querySelector("[data-picker-search]");
  const families = [...picker.querySelectorAll("[data-picker-family]")];
  const none = picker.querySelector("[data-picker-none]");
  const count = picker.querySelector("[data-picker-count]");

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const family of families) {
      let shown = 0;
      for (const type of family.querySelectorAll("[data-picker-type]")) {
        const text = type.textContent.toLowerCase();
        type.hidden = !words.every((word) => text.includes(word));
        if (!type.hidden) shown += 1;
      }
      family.hidden = shown === 0;
    }
    none.hidden = families.some((family) => !family.hidden);
  };
  const tell = () => {
    const chosen = [...picker.querySelectorAll("[name=event_types]:checked")].map((box) => box.value);
    count.textContent = chosen.length ? `Chosen: ${chosen.join(", ")}` : "None chosen yet";
  };
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault(); // it would send the form
  });
  picker.addEventListener("change", tell);
  tell();
}

for (const rows of document.querySelectorAll("[data-header-rows]")) {
  rows.querySelector("[data-header-add]").addEventListener("click", (event) => {
    event.preventDefault();
    const last = [...rows.querySelectorAll("[data-header-row]")].at(-1);
    const added = last.cloneNode(true);
    for (const field of added.querySelectorAll("input")) field.value = "";
    last.after(added);
    added.querySelector("input").focus();
  });
}
