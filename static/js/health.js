// Comforts of the health page, which renews itself every half minute. Everything on it works without this file.
(function () {
  "use strict";

  var open = [], stopped = false;

  function button() {
    var found = document.getElementById("health-pause");
    if (!found) return;
    found.hidden = false;
    found.textContent = stopped ? found.dataset.goOn : found.dataset.pause;
  }

  document.addEventListener("click", function (event) {
    if (event.target.id !== "health-pause") return;
    stopped = !stopped;
    button();
  });

  // Nothing is taken from under the hands of somebody who reads in it with the keyboard.
  document.addEventListener("htmx:beforeRequest", function (event) {
    var held = event.target.id === "health" && event.target.contains(document.activeElement) &&
      document.activeElement.matches(":focus-visible") && document.activeElement.id !== "health-pause";
    if (stopped || held) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", function (event) {
    var answer = event.detail.xhr;
    // Signed out meanwhile: the whole page has to say so, not a part of it.
    if (new URL(answer.responseURL).pathname !== window.location.pathname) {
      event.detail.shouldSwap = false;
      window.location.reload();
      return;
    }
    // Figures that could not be read are told in the page's own words.
    if (answer.status === 503) { event.detail.shouldSwap = true; event.detail.isError = false; }
    open = Array.from(document.querySelectorAll("#health details[open]")).map(function (one) { return one.id; });
  });

  document.addEventListener("htmx:afterSwap", function () {
    open.forEach(function (id) {
      var one = document.getElementById(id);
      if (one) one.open = true;
    });
    button();
  });

  button();
})();
