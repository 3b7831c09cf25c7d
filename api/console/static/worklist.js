// Answers a case with one key, for whoever has not switched that off (WCAG 2.1.4), and prints where a page offers it.
// Without it the buttons do the same.
"use strict";

(() => {
  for (const button of document.querySelectorAll("[data-print]")) {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  }

  const form = document.getElementById("answer");
  if (!form) {
    return;
  }
  const KEPT = "sojourn.keys";
  const keys = document.getElementById("keys");
  const hints = [...form.querySelectorAll("kbd")];
  keys.checked = localStorage.getItem(KEPT) !== "off";
  keys.closest(".keys").hidden = false;

  function tell() {
    for (const hint of hints) {
      hint.hidden = !keys.checked;
    }
  }
  keys.addEventListener("change", () => {
    localStorage.setItem(KEPT, keys.checked ? "on" : "off");
    tell();
  });
  tell();

  let sent = false;
  form.addEventListener("submit", (event) => {
    if (sent) {
      event.preventDefault();
    }
    sent = true;
  });

  document.addEventListener("keydown", (event) => {
    // A key that is held down, or that is being typed somewhere, answers nothing.
    if (!keys.checked || event.repeat || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    if (event.target.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]")) {
      return;
    }
    const pressed = event.key.toLowerCase();
    const button = [...form.querySelectorAll("[data-key]")].find((one) => one.dataset.key.split(" ").includes(pressed));
    if (button && !sent) {
      event.preventDefault();
      form.requestSubmit(button);
    }
  });
})();
