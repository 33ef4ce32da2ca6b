// Comforts of the dashboard. Every page works without this file.
(function () {
  "use strict";

  function isTyping(target) {
    return target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select") || target.isContentEditable;
  }

  // ---- Keys

  function rowLinks() {
    return Array.from(document.querySelectorAll("#shipments tbody a.number"));
  }

  // The focus is the place in the list: a screen reader says the parcel, Enter opens it.
  function move(step) {
    var links = rowLinks();
    if (!links.length) return false;
    var row = document.activeElement.closest("#shipments tbody tr");
    var at = row ? links.indexOf(row.querySelector("a.number")) + step : step > 0 ? 0 : links.length - 1;
    var link = links[Math.max(0, Math.min(links.length - 1, at))];
    link.focus();
    link.closest("tr").scrollIntoView({ block: "nearest" });
    return true;
  }

  function pickRow() {
    var row = document.activeElement.closest("#shipments tbody tr");
    var box = row && row.querySelector("input[name=pick]");
    if (!box) return false;
    box.click();
    return true;
  }

  function search() {
    var field = document.getElementById("search");
    if (!field) return false;
    field.focus();
    field.select();
    return true;
  }

  function keySheet() {
    var sheet = document.getElementById("keyboard");
    if (!sheet || !sheet.togglePopover) return false;
    if (sheet.togglePopover()) sheet.focus();
    return true;
  }

  var keys = { "/": search, "?": keySheet, j: function () { return move(1); }, k: function () { return move(-1); }, x: pickRow };
  var goes = 0;

  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
    // "g" and the letter of a room within a second, as on other desks.
    if (event.timeStamp - goes < 1000) {
      goes = 0;
      var room = document.querySelector('[data-go="' + CSS.escape(event.key) + '"]');
      if (room) { event.preventDefault(); room.click(); return; }
    }
    if (event.key === "g") { goes = event.timeStamp; return; }
    if (Object.hasOwn(keys, event.key) && keys[event.key]()) event.preventDefault();
  });

  // ---- What is picked

  var form = document.getElementById("bulk-form");
  if (form) pickParcels(form);

  function pickParcels(form) {
    var bar = document.getElementById("picked"), count = document.getElementById("picked-count");
    var page = document.getElementById("pick-page"), all = document.getElementById("bulk-all");
    var boxes = Array.from(form.querySelectorAll("input[name=pick]"));
    var last = null;
    page.hidden = false;

    function tell() {
      var picked = boxes.filter(function (box) { return box.checked; }).length;
      var words = picked === 0 || all.checked ? "" : picked === 1 ? count.dataset.one : count.dataset.many.replace("{n}", picked);
      if (count.textContent !== words) count.textContent = words;
      page.checked = picked === boxes.length;
      page.indeterminate = picked > 0 && picked < boxes.length;
      bar.classList.toggle("is-on", picked > 0 || all.checked);
    }

    form.addEventListener("click", function (event) {
      if (event.target.name !== "pick") return;
      // With Shift all between this box and the one before it, as in every mail program.
      if (event.shiftKey && last) {
        var ends = [boxes.indexOf(last), boxes.indexOf(event.target)].sort(function (a, b) { return a - b; });
        boxes.slice(ends[0], ends[1] + 1).forEach(function (box) { box.checked = event.target.checked; });
      }
      last = event.target;
    });
    form.addEventListener("change", function (event) {
      if (event.target === page) boxes.forEach(function (box) { box.checked = page.checked; });
      // All that match are all of this page, too: who takes one away means these, and no longer all.
      if (!event.target.checked) all.checked = false;
      tell();
    });
    all.addEventListener("change", function () {
      boxes.forEach(function (box) { box.checked = all.checked; });
      tell();
    });
    // Browsers fill in what was ticked when somebody comes back to the page.
    window.addEventListener("pageshow", tell);
    tell();
  }

  // ---- Menus

  // One sheet at a time, closed by Escape or by a click elsewhere.
  function closeSheets(but) {
    document.querySelectorAll("details.drop[open], details.menu[open]").forEach(function (sheet) {
      if (sheet !== but) sheet.open = false;
    });
  }
  document.addEventListener("click", function (event) { closeSheets(event.target.closest("details.drop, details.menu")); });
  document.addEventListener("keydown", function (event) {
    if (event.key !== "Escape") return;
    var sheet = event.target.closest("details.drop[open], details.menu[open]");
    closeSheets(null);
    if (sheet) sheet.querySelector("summary").focus();
  });
})();
