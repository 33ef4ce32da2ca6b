// The picker of colours beside the field for one. Without this file a colour is typed, and tried out by the button.
(function () {
  "use strict";

  document.addEventListener("DOMContentLoaded", function () {
    var typed = document.getElementById("id_colour");
    var picker = document.getElementById("colour-picker");
    if (!typed || !picker) return;
    picker.hidden = false;
    picker.addEventListener("input", function () {
      typed.value = picker.value;
      typed.dispatchEvent(new Event("input", { bubbles: true }));
    });
    typed.addEventListener("input", function () {
      if (/^#[0-9a-f]{6}$/i.test(typed.value)) picker.value = typed.value.toLowerCase();
    });
  });
})();
