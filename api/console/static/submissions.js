// Sends a file as it is, a piece at a time, to the API, and leads to its page. What is wrong is said in the reader's
// language where the page has the words (#words), else as the API says it.
"use strict";

(() => {
  const form = document.getElementById("send");
  const by = (id) => document.getElementById(id);
  const [input, drop, go, cancel, wrong] = ["file", "drop", "go", "cancel", "wrong"].map(by);
  form.hidden = false;
  by("without").remove();
  let request = null;
  let key = "";

  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  input.addEventListener("change", () => { key = ""; fault(""); });
  by("late").addEventListener("change", () => { key = ""; });

  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, () => drop.classList.remove("over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length === 1) {
      input.files = event.dataTransfer.files;
      key = "";
      fault("");
    }
  });

  function fault(text) {
    by("file-fault").textContent = text;
    if (text) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  }

  function busy(now) {
    go.disabled = input.disabled = by("late").disabled = now;
    cancel.hidden = by("progress").hidden = !now;
  }

  function say(what, percent) {
    if (by("doing").textContent !== what) by("doing").textContent = by("told").textContent = what;
    by("sent").value = percent;
    by("percent").textContent = `${percent} %`;
  }

  function paragraph(text, english) {
    const made = document.createElement("p");
    made.textContent = text;
    if (english) made.lang = "en";
    return made;
  }

  function ofRule(rule = "", element = "") {
    const of = `[data-rule="${CSS.escape(rule)}"][data-element="${CSS.escape(element)}"]`;
    return document.querySelector(of);
  }

  function refuse(problem) {
    busy(false);
    const type = (problem.type || "").replace("/problems/", "");
    const fault = (problem.errors || [])[0] || {};
    const english = document.documentElement.lang === "en";
    const word = document.querySelector(`[data-problem="${CSS.escape(type)}"]`)
      || (english ? null : ofRule(fault.rule, fault.element) || ofRule(fault.rule, ""));
    const box = document.createElement("div");
    box.className = "notice wrong";
    if (word) {
      box.append(paragraph(word.textContent), paragraph(word.nextElementSibling.textContent));
    } else {
      box.append(paragraph(problem.detail || problem.title || "", !english));
      if (problem.remedy) box.append(paragraph(problem.remedy, !english));
    }
    wrong.replaceChildren(box);
    wrong.focus();
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = input.files[0];
    if (!file) {
      fault(form.dataset.none);
      input.focus();
      return;
    }
    fault("");
    wrong.replaceChildren();
    key = key || newKey();
    request = new XMLHttpRequest();
    request.open("POST", `${form.getAttribute("action")}?late=${by("late").checked}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Idempotency-Key", key);
    request.setRequestHeader("Sojourn-CSRF", form.dataset.csrf);
    request.upload.addEventListener("progress", (sent) => {
      if (!sent.lengthComputable) return;
      const percent = Math.floor((100 * sent.loaded) / sent.total);
      say(percent < 100 ? form.dataset.sending : form.dataset.checking, percent);
    });
    request.addEventListener("load", () => {
      let told = {};
      try {
        told = JSON.parse(request.responseText);
      } catch {
        // No answer of ours: said as one that did not come.
      }
      if (request.status === 202 && told.submission) {
        location.assign(`/submissions/${encodeURIComponent(told.submission)}`);
        return;
      }
      key = "";
      refuse(told.type ? told : { type: "unsent" });
    });
    request.addEventListener("error", () => refuse({ type: "unsent" }));
    request.addEventListener("abort", () => { busy(false); input.focus(); });
    busy(true);
    say(form.dataset.sending, 0);
    request.send(file);
  });
  cancel.addEventListener("click", () => request && request.abort());
})();
