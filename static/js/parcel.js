// Comforts of one parcel's page. Everything on it works without this file.
(function () {
  "use strict";

  // The way back is to the list as it was asked for. The browser remembers where this tab came from: nothing is kept beside
  // that, and no address of ours has to carry what somebody searched for.
  function keepTheList() {
    var back = document.querySelector("a[data-back]"), memory = window.navigation;
    if (!back || !memory || !memory.currentEntry) return;
    var before = memory.entries().slice(0, memory.currentEntry.index).reverse();
    var list = before.find(function (entry) {
      return entry.url && new URL(entry.url).pathname === back.pathname;
    });
    if (list) back.href = list.url;
  }

  document.addEventListener("DOMContentLoaded", function () {
    keepTheList();
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
