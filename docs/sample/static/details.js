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

  // Scripts can be copied and saved where the browser lets a page do so; without this script they can be read.
  function text(button) { return button.closest("details").querySelector("pre").textContent; }
  document.querySelectorAll("[data-copy], [data-save]").forEach(function (button) { button.hidden = false; });
  document.addEventListener("click", function (event) {
    var button = event.target.closest && event.target.closest("[data-copy], [data-save]");
    if (!button) { return; }
    if (button.dataset.save) {
      var link = document.createElement("a"), address = URL.createObjectURL(new Blob([text(button)], { type: "text/x-python" }));
      link.href = address;
      link.download = button.dataset.save;
      link.click();
      setTimeout(function () { URL.revokeObjectURL(address); }, 1000);
      return;
    }
    var area = document.createElement("textarea"); // a page opened as a file has no clipboard of its own
    area.value = text(button);
    document.body.appendChild(area);
    area.select();
    var done = document.execCommand("copy");
    area.remove();
    button.focus();
    button.textContent = done ? "Copied" : "Select and copy by hand";
  });
}());
