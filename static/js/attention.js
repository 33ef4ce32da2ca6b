// Comforts of the attention page. It works without this file.
(function () {
  "use strict";

  // What a form was refused for stands in its row, which comes with status 400.
  document.addEventListener("htmx:beforeSwap", function (event) {
    var detail = event.detail;
    if (detail.xhr.status === 400 && detail.target.matches(".item")) {
      detail.shouldSwap = true;
      detail.isError = false;
    }
  });

  // What was done with stays where it is; the keyboard goes on with the next item that is not.
  var acted = null;
  document.addEventListener("htmx:beforeRequest", function (event) {
    var item = event.target.closest(".item");
    if (item) acted = item.id;
  });
  document.addEventListener("htmx:afterSettle", function () {
    if (!acted) return;
    var item = document.getElementById(acted);
    acted = null;
    if (!item) return;
    var next = item.querySelector("[aria-invalid]");
    if (!next && item.classList.contains("is-settled")) {
      var following = item.nextElementSibling;
      while (following && following.classList.contains("is-settled")) following = following.nextElementSibling;
      next = following && following.querySelector(".item__number");
      next = next || item.querySelector("button");
    }
    if (!next && !item.contains(document.activeElement)) next = item.querySelector(".item__number");
    if (next) next.focus({ preventScroll: next.closest(".item") === item });
  });

  function boxes() {
    return Array.from(document.querySelectorAll("input[form=several][name=item]"));
  }

  // The bar for several stands behind the list; while something is picked it is always at hand.
  function count() {
    var bar = document.getElementById("several");
    if (!bar) return;
    var picked = boxes().filter(function (box) { return box.checked; }).length;
    bar.querySelector("[data-picked-count]").textContent = picked || "";
    bar.classList.add("is-afloat");
    bar.hidden = !picked && !bar.querySelector(".problem");
  }

  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-pick-all]")) boxes().forEach(function (box) { box.checked = event.target.checked; });
    count();
  });
  document.addEventListener("htmx:afterSettle", count);

  document.addEventListener("DOMContentLoaded", function () {
    var all = document.querySelector(".pick-all");
    if (all) all.hidden = false;
    count();
  });
})();
