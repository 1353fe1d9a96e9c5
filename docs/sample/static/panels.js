// One precision and derivative at a time: the address after # chooses it. Without this script all stand below each other.
(function () {
  "use strict";
  var panels = Array.prototype.slice.call(document.querySelectorAll(".panel"));
  var links = Array.prototype.slice.call(document.querySelectorAll("#panels a"));
  if (panels.length === 0) { return; }

  function choose() {
    var name = decodeURIComponent(location.hash.slice(1));
    var target = name ? document.getElementById(name) : null;
    var chosen = target && target.closest(".panel");
    if (!chosen) { chosen = panels.find(function (panel) { return !panel.hidden; }) || panels[0]; }
    if (panels.every(function (panel) { return !panel.hidden; })) { chosen = target && target.closest(".panel") || panels[0]; }
    panels.forEach(function (panel) { panel.hidden = panel !== chosen; });
    links.forEach(function (link) {
      if (link.hash.slice(1) === encodeURIComponent(chosen.id) || link.hash.slice(1) === chosen.id) { link.setAttribute("aria-current", "true"); }
      else { link.removeAttribute("aria-current"); }
    });
    document.dispatchEvent(new CustomEvent("panel", { detail: chosen }));
    // A row inside a panel that was hidden a moment ago could not be scrolled to by the browser.
    if (target && target !== chosen) { target.scrollIntoView({ block: "center" }); }
  }

  links.forEach(function (link) {
    link.addEventListener("click", function (event) {
      event.preventDefault();
      history.replaceState(null, "", link.hash);
      choose();
    });
  });
  window.addEventListener("hashchange", choose);
  choose();
}());
