// Filters rows or cards by their data- attributes. Without this script everything is shown, and no form.
(function () {
  "use strict";
  Array.prototype.forEach.call(document.querySelectorAll("form[data-filter]"), function (form) {
    var items = Array.prototype.slice.call(document.querySelectorAll(form.dataset.filter));
    var fields = Array.prototype.filter.call(form.elements, function (field) { return field.name; });
    var status = form.querySelector("[role=status]");

    function fits(item) {
      return fields.every(function (field) {
        var wanted = field.value.trim().toLowerCase(), has = (item.dataset[field.name] || "").toLowerCase();
        if (field.tagName === "SELECT") { return wanted === "" || has === wanted; }
        return wanted.split(/\s+/).every(function (word) { return has.indexOf(word) !== -1; });
      });
    }

    function apply() {
      var shown = 0;
      items.forEach(function (item) {
        item.hidden = !fits(item);
        shown += item.hidden ? 0 : 1;
      });
      // A section whose every item is hidden has nothing to say.
      Array.prototype.forEach.call(document.querySelectorAll("main section"), function (section) {
        var mine = items.filter(function (item) { return section.contains(item); });
        if (mine.length) { section.hidden = mine.every(function (item) { return item.hidden; }); }
      });
      status.textContent = shown === items.length ? "" : shown ? shown + " of " + items.length : "Nothing fits these filters.";
    }

    // An address inside of the page leads there, whatever was filtered before.
    function follow() {
      var target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target && items.some(function (item) { return item.hidden && item.contains(target); })) {
        form.reset();
        apply();
        target.scrollIntoView();
      }
    }

    form.addEventListener("input", apply);
    form.addEventListener("submit", function (event) { event.preventDefault(); });
    form.addEventListener("reset", function () { setTimeout(apply, 0); });
    document.addEventListener("click", function (event) {
      if (event.target.closest && event.target.closest("a[href^='#']")) { setTimeout(follow, 0); }
    });
    window.addEventListener("hashchange", follow);
    form.hidden = false;
    apply();
  });
}());
