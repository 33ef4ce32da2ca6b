// Comforts of the dashboard. Every page works without this file.
(function () {
  "use strict";

  function isTyping(target) {
    return target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select") || target.isContentEditable;
  }

  // "/" is the way to the search from everywhere.
  document.addEventListener("keydown", function (event) {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    var search = document.getElementById("search");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
})();
