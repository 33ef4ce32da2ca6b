// Comforts of one parcel's page. Everything on it works without this file.
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("button[data-print][hidden]").forEach(function (button) { button.hidden = false; });
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("button[data-print]")) window.print();
  });

  // Parts that are taken over beside the main one: the focus stays on the button it was on.
  var focused = "";
  document.addEventListener("htmx:oobBeforeSwap", function (event) {
    var active = document.activeElement;
    focused = active && active.id && event.detail.target.contains(active) ? active.id : "";
  });
  document.addEventListener("htmx:oobAfterSwap", function () {
    var one = focused && document.getElementById(focused);
    if (one) one.focus({ preventScroll: true });
    focused = "";
  });
})();
