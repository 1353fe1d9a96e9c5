// A link to something inside a closed <details>, or to one, opens it.
(function () {
  "use strict";
  function open() {
    var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    var box = target && target.closest("details");
    if (box) { box.open = true; target.scrollIntoView(); }
  }
  window.addEventListener("hashchange", open);
  window.addEventListener("beforeprint", function () { document.querySelectorAll("details").forEach(function (box) { box.open = true; }); });
  open();
}());
