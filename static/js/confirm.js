// form[data-confirm="question"] is sent once the question is answered; data-confirm-action names the button.
const dialog = document.getElementById("confirm-dialog");
let waiting = null;

document.addEventListener(
  "submit",
  (event) => {
    const form = event.target.closest("form[data-confirm]");
    if (!form || form === waiting?.confirmed) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // htmx sends nothing either
    waiting = { form, submitter: event.submitter };
    document.getElementById("confirm-text").textContent = form.dataset.confirm;
    dialog.querySelector("[data-confirm-button]").textContent = form.dataset.confirmAction || "Confirm";
    dialog.returnValue = "cancel";
    dialog.showModal();
  },
  true,
);

dialog.addEventListener("close", () => {
  const { form, submitter } = waiting;
  if (dialog.returnValue === "confirm") {
    waiting.confirmed = form;
    form.requestSubmit(submitter);
  }
  waiting = null;
});
