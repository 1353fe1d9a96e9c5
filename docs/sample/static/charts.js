// Draws each chart when it first becomes visible, and again when the colour scheme changes. Data lies in the page: error curves in
// columns (`lines`), intervals as they are drawn (`points`).
(function () {
  "use strict";
  var drawn = new Map();
  var tip = document.createElement("div");
  tip.className = "vg-tip";
  tip.hidden = true;
  document.body.appendChild(tip);

  function style(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); }

  function digits(value) {
    if (value === null) { return "–"; }
    if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e4)) { return String(+value.toPrecision(3)); }
    return value.toExponential(1).replace(".0e", "e").replace("e+", "e");
  }

  function rows(lines) {
    var all = [];
    lines.forEach(function (line) {
      line.u.forEach(function (u, at) {
        all.push({
          line: line.line, who: line.who, u: u, max: line.max[at], mean: line.mean[at],
          range: digits(line.lo[at]) + " … " + digits(line.hi[at])
        });
      });
    });
    return all;
  }

  function config() {
    var soft = style("--soft"), grid = style("--line"), font = getComputedStyle(document.body).fontFamily;
    return {
      background: "transparent", font: font, view: { stroke: null },
      text: { color: style("--ink") },
      axis: { labelColor: soft, titleColor: soft, gridColor: grid, domainColor: grid, tickColor: grid, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal", titlePadding: 10 },
      legend: { labelColor: style("--ink"), titleColor: soft, labelFontSize: 12, titleFontSize: 12, titleFontWeight: "normal" }
    };
  }

  // The only place where text of the data meets the page: as text nodes, never as markup.
  function showTip(handler, event, item, value) {
    if (value === null || value === undefined || value === "") { tip.hidden = true; return; }
    tip.textContent = "";
    Object.keys(value).forEach(function (name) {
      var line = document.createElement("div"), label = document.createElement("span");
      label.textContent = name + " ";
      line.appendChild(label);
      line.appendChild(document.createTextNode(String(value[name])));
      tip.appendChild(line);
    });
    tip.hidden = false;
    tip.style.left = Math.max(8, Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8)) + "px";
    tip.style.top = Math.max(8, Math.min(event.clientY + 14, innerHeight - tip.offsetHeight - 8)) + "px";
  }

  function draw(source) {
    var target = document.getElementById(source.dataset.chart);
    if (!target || target.offsetParent === null || target.closest("details:not([open])")) { return; }
    if (drawn.has(source)) { drawn.get(source).finalize(); }
    var payload = JSON.parse(source.textContent);
    var spec = Object.assign({}, payload.spec);
    if (target.clientWidth < 520 && payload.lines) {
      spec.encoding = JSON.parse(JSON.stringify(spec.encoding));
      spec.encoding.color.legend.columns = 1;
      spec.encoding.x.title = "input (logarithmic on both sides of 0)";
    }
    if (target.clientWidth < 520 && spec.layer) {
      spec.layer = JSON.parse(JSON.stringify(spec.layer));
      spec.layer.forEach(function (layer) { if (layer.encoding.color) { layer.encoding.color.legend.columns = 1; } });
    }
    var compiled = vegaLite.compile(spec, { config: config() }).spec;
    var view = new vega.View(vega.parse(compiled), { renderer: "svg", container: target, hover: true });
    view.tooltip(showTip).data("points", payload.lines ? rows(payload.lines) : payload.points);
    drawn.set(source, view);
    return view.runAsync().then(function () { target.dataset.drawn = "true"; });
  }

  function visible() {
    document.querySelectorAll("script[data-chart]").forEach(function (source) {
      if (!drawn.has(source)) { draw(source); }
    });
  }

  visible();
  document.addEventListener("panel", visible);
  document.addEventListener("toggle", visible, true); // a <details> that was opened
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", function () {
    Array.from(drawn.keys()).forEach(draw);
  });
}());
