// Somebody who belongs to many merchants types a few letters instead of scrolling.
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    var field = document.getElementById("merchant-filter");
    if (!field) return;
    var items = Array.from(document.querySelectorAll("#merchant-list > li"));
    var none = document.getElementById("merchant-none");
    field.closest("[hidden]").hidden = false;

    field.addEventListener("input", function () {
      var wanted = field.value.trim().toLocaleLowerCase();
      var left = items.filter(function (item) {
        item.hidden = !item.textContent.toLocaleLowerCase().includes(wanted);
        return !item.hidden;
      });
      none.hidden = left.length > 0;
    });

    // Enter opens the first that is left.
    field.addEventListener("keydown", function (event) {
      if (event.key !== "Enter") return;
      event.preventDefault();
      var first = items.find(function (item) { return !item.hidden; });
      if (first) first.querySelector("a").click();
    });
  });
})();
