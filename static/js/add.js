// Comforts of "Add numbers". The page works without this file.
(function () {
  "use strict";

  // Of a line's chips and its long list the one that was touched last is meant.
  document.addEventListener("change", function (event) {
    var line = event.target.closest(".line__carrier");
    if (!line) return;
    if (event.target.type === "radio") line.querySelector("select").value = "";
    else if (event.target.value) line.querySelectorAll("input").forEach(function (chip) { chip.checked = false; });
  });
})();
