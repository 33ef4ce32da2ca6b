// Small comforts. Every page works without this file.
(function () {
  "use strict";

  // "Copy" buttons are hidden in the markup, because without a script they could do nothing.
  function showCopyButtons(root) {
    if (!navigator.clipboard) return;
    root.querySelectorAll("button[data-copy][hidden]").forEach(function (button) { button.hidden = false; });
  }

  document.addEventListener("click", function (event) {
    var button = event.target.closest("button[data-copy]");
    if (!button) return;
    navigator.clipboard.writeText(button.dataset.copy).then(function () {
      var label = button.textContent;
      button.textContent = button.dataset.copied;
      setTimeout(function () { button.textContent = label; }, 2000);
    });
  });

  document.addEventListener("DOMContentLoaded", function () { showCopyButtons(document); });

  // One line invites Enter; a pasted list has its line breaks already, and Shift+Enter makes another.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    if (!event.target.matches("textarea[data-enter-submits]")) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });

  // A fragment that replaces another keeps open what the reader had opened.
  var opened = [];
  document.addEventListener("htmx:beforeSwap", function (event) {
    opened = Array.from(event.detail.target.querySelectorAll("details[open][id]"), function (one) { return one.id; });
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    opened.forEach(function (id) {
      var one = document.getElementById(id);
      if (one) one.open = true;
    });
    opened = [];
    showCopyButtons(document);
  });
})();
