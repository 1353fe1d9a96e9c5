// The matrix: filters, rows drawn in portions as one scrolls, arrow keys from square to square.
(function () {
  "use strict";
  var data = window.REPLAB_MATRIX;
  var table = document.getElementById("matrix"), frame = document.getElementById("frame");
  var form = document.getElementById("filters"), shown = document.getElementById("shown"), detail = document.getElementById("detail");
  var PORTION = 80;
  var outcome = {};
  data.outcomes.forEach(function (entry) { outcome[entry.code] = entry; });
  var FIELDS = ["text", "family", "dtype", "derivative", "framework", "mode", "verdict"];
  var START = { dtype: "float32", derivative: "0" };
  var columns = [], rows = [], drawn = 0, body = null;

  function element(name, attributes, text) {
    var made = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (key) { made.setAttribute(key, attributes[key]); });
    if (text !== undefined) { made.textContent = text; }
    return made;
  }

  function number(value) {
    if (value === null || value === undefined) { return "–"; }
    var size = Math.abs(value);
    if (size !== 0 && (size >= 1e4 || size < 1e-3)) { return value.toExponential(1).replace(".0e", "e").replace("e+", "e"); }
    return String(+value.toPrecision(3));
  }

  function filters() {
    var wanted = {};
    FIELDS.forEach(function (name) { wanted[name] = form.elements[name].value.trim(); });
    return wanted;
  }

  function has(select, value) {
    return Array.prototype.some.call(select.options, function (option) { return option.value === value; });
  }

  // The address keeps the filters, so that a filtered matrix can be linked to.
  function fromAddress() {
    var asked = new URLSearchParams(location.hash.slice(1)), any = false;
    FIELDS.forEach(function (name) {
      var field = form.elements[name], value = asked.get(name);
      if (value !== null) { any = true; }
      if (field.tagName === "SELECT") { field.value = value !== null && has(field, value) ? value : ""; } else { field.value = value || ""; }
    });
    if (!any) { start(); }
  }

  function start() {
    Object.keys(START).forEach(function (name) { if (has(form.elements[name], START[name])) { form.elements[name].value = START[name]; } });
  }

  function toAddress(wanted) {
    var said = new URLSearchParams();
    FIELDS.forEach(function (name) { if (wanted[name]) { said.set(name, wanted[name]); } });
    history.replaceState(null, "", "#" + said.toString());
  }

  function title(row) {
    return row[2] + " " + (data.derivatives[row[1]] || row[1]);
  }

  // What the filters have fixed need not stand in every row.
  function rest(row, wanted) {
    return [wanted.dtype ? "" : row[2], wanted.derivative ? "" : data.derivatives[row[1]] || row[1]].filter(Boolean).join(" ");
  }

  function fits(row, wanted, words, code) {
    var known = data.cases[row[0]];
    if (wanted.family && known.family !== wanted.family) { return false; }
    if (wanted.dtype && row[2] !== wanted.dtype) { return false; }
    if (wanted.derivative && String(row[1]) !== wanted.derivative) { return false; }
    if (words.length) {
      var text = (known.family + "." + known.name + " " + known.title + " " + title(row)).toLowerCase();
      if (!words.every(function (word) { return text.indexOf(word) >= 0; })) { return false; }
    }
    return columns.some(function (at) { var found = row[3][at]; return found !== " " && (!code || found === code); });
  }

  function head(wanted) {
    var top = element("tr", { "class": "environments" }), low = element("tr", { "class": "modes" }), before = null, cell = null;
    var fixed = [wanted.dtype, wanted.derivative && data.derivatives[wanted.derivative]].filter(Boolean).join(" ");
    top.appendChild(element("th", { "class": "first", scope: "col", rowspan: 2 }, fixed ? "case, " + fixed : "case"));
    columns.forEach(function (at) {
      var column = data.columns[at];
      var edge = before !== column.environment;
      if (edge) { cell = element("th", { scope: "colgroup", colspan: 0, title: column.environment }); cell.appendChild(element("span", {}, column.environment)); top.appendChild(cell); before = column.environment; }
      cell.colSpan = Number(cell.getAttribute("colspan")) + 1;
      var mode = element("th", { scope: "col", "class": edge ? "edge" : "" });
      mode.appendChild(element("span", {}, column.how));
      low.appendChild(mode);
    });
    var made = element("thead");
    made.appendChild(top);
    made.appendChild(low);
    return made;
  }

  // All columns are equally wide: as wide as the page allows, within limits. Names that do not fit are turned upright.
  function widths() {
    var rem = parseFloat(getComputedStyle(document.documentElement).fontSize), small = matchMedia("(max-width: 48rem)").matches;
    var group = table.querySelector("colgroup") || table.insertBefore(element("colgroup"), table.firstChild);
    var longest = rows.reduce(function (most, row) {
      var known = data.cases[row[0]];
      return Math.max(most, (small ? 0 : known.family.length + 1) + known.name.length + rest(row, filters()).length);
    }, 12);
    var first = Math.min((small ? 9.5 : 22) * rem, (2.2 + longest * 0.52) * rem);
    var free = frame.parentElement.clientWidth - first - 4;
    var wide = Math.max(2.35 * rem, Math.min(5.75 * rem, Math.floor(free / Math.max(columns.length, 1))));
    var modes = columns.reduce(function (most, at) { return Math.max(most, data.columns[at].how.length); }, 0);
    var tight = false, span = 0;
    columns.forEach(function (at, place) {
      span += 1;
      var name = data.columns[at].environment, next = columns[place + 1];
      if (next === undefined || data.columns[next].environment !== name) {
        tight = tight || span * wide < (name.length * 0.54 + 0.8) * rem;
        span = 0;
      }
    });
    group.textContent = "";
    group.appendChild(element("col", { style: "width:" + Math.round(first) + "px" }));
    columns.forEach(function () { group.appendChild(element("col", { style: "width:" + wide + "px" })); });
    table.style.width = Math.round(first) + columns.length * wide + "px";
    table.classList.toggle("tall", tight);
    table.classList.toggle("roomy", wide >= (modes * 0.44 + 0.3) * rem);
  }

  function link(row, at) {
    return data.cases[row[0]].href + "#" + row.panel + "-" + data.columns[at].slug;
  }

  function describe(row, at) {
    var known = data.cases[row[0]], column = data.columns[at], found = outcome[row[3][at]];
    var text = found.name + " (" + found.short + ")";
    if (row[4][at] !== null) { text += ", at most " + number(row[4][at]) + " ULP"; }
    if (row[5][at] !== null) { text += ", z " + number(row[5][at]); }
    var why = row[6][at];
    if (why !== undefined) { text += ": " + data.reasons[why]; }
    return { what: known.family + "." + known.name + ", " + title(row) + ", " + column.environment + ":" + column.how, text: text };
  }

  function draw(row, number, code, wanted) {
    var known = data.cases[row[0]], line = element("tr", { "aria-rowindex": number + 3 });
    var first = element("th", { "class": "first", scope: "row" });
    var named = element("a", { href: known.href + "#" + row.panel, title: known.family + "." + known.name + (known.title ? ": " + known.title : ""), tabindex: -1 });
    named.appendChild(element("span", { "class": "family" }, known.family + "."));
    named.appendChild(document.createTextNode(known.name));
    first.appendChild(named);
    first.appendChild(element("span", { "class": "dim" }, " " + rest(row, wanted)));
    line.appendChild(first);
    var before = null;
    columns.forEach(function (at, place) {
      var cell = element("td", { role: "gridcell" });
      if (data.columns[at].environment !== before) { cell.className = "edge"; before = data.columns[at].environment; }
      var found = outcome[row[3][at]];
      if (found) {
        var said = describe(row, at);
        var square = element("a", { href: link(row, at), "class": "v-" + found.css + (code && row[3][at] !== code ? " off" : ""), title: said.what + "\n" + said.text, "aria-label": said.what + ": " + said.text, tabindex: -1 }, found.glyph);
        square.row = number;
        square.column = place;
        cell.appendChild(square);
      }
      line.appendChild(cell);
    });
    return line;
  }

  function portion(until) {
    var wanted = filters(), code = codeOf(wanted.verdict), part = document.createDocumentFragment();
    var end = Math.min(rows.length, Math.max(until || 0, drawn + PORTION));
    for (; drawn < end; drawn += 1) { part.appendChild(draw(rows[drawn], drawn, code, wanted)); }
    body.appendChild(part);
  }

  function codeOf(verdict) {
    var found = data.outcomes.find(function (entry) { return entry.name === verdict; });
    return found ? found.code : "";
  }

  function update() {
    var wanted = filters(), words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean), code = codeOf(wanted.verdict);
    columns = data.columns.map(function (_, at) { return at; }).filter(function (at) {
      var column = data.columns[at];
      return (!wanted.framework || column.framework === wanted.framework) && (!wanted.mode || column.mode === wanted.mode);
    });
    rows = data.rows.filter(function (row) { return fits(row, wanted, words, code); });
    drawn = 0;
    body = element("tbody");
    table.textContent = "";
    table.appendChild(head(wanted));
    table.appendChild(body);
    widths();
    table.setAttribute("aria-rowcount", rows.length + 2);
    frame.scrollTop = 0;
    portion();
    var first = body.querySelector("td a");
    if (first) { first.tabIndex = 0; }
    var cells = 0;
    rows.forEach(function (row) { columns.forEach(function (at) { if (row[3][at] !== " " && (!code || row[3][at] === code)) { cells += 1; } }); });
    shown.textContent = rows.length === 0 ? "Nothing fits these filters." :
      rows.length.toLocaleString("en") + (rows.length === 1 ? " row, " : " rows, ") + cells.toLocaleString("en") + " cells" + (code ? " with verdict " + wanted.verdict : "") + ".";
    table.dataset.ready = "true";
    toAddress(wanted);
  }

  function tell(square) {
    var said = describe(rows[square.row], columns[square.column]);
    detail.textContent = "";
    detail.appendChild(element("b", {}, said.what));
    detail.appendChild(document.createTextNode(" — " + said.text));
  }

  function move(square, down, right) {
    var row = square.row, column = square.column, next = null;
    while (!next) {
      row += down;
      column += right;
      if (row < 0 || row >= rows.length || column < 0 || column >= columns.length) { return; }
      if (row >= drawn) { portion(row + 1); }
      next = body.rows[row].cells[column + 1].querySelector("a");
    }
    table.querySelectorAll('td a[tabindex="0"]').forEach(function (old) { old.tabIndex = -1; });
    next.tabIndex = 0;
    next.focus();
  }

  data.rows.forEach(function (row) { row.panel = row[7]; });
  var STEPS = { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] };
  table.addEventListener("keydown", function (event) {
    var step = STEPS[event.key];
    if (step && event.target.row !== undefined) { event.preventDefault(); move(event.target, step[0], step[1]); }
  });
  table.addEventListener("focusin", function (event) { if (event.target.row !== undefined) { tell(event.target); } });
  table.addEventListener("mouseover", function (event) { if (event.target.row !== undefined) { tell(event.target); } });
  frame.addEventListener("scroll", function () {
    if (drawn < rows.length && frame.scrollTop + frame.clientHeight > frame.scrollHeight - 600) { portion(); }
  }, { passive: true });
  window.addEventListener("resize", widths, { passive: true });
  window.addEventListener("beforeprint", function () { portion(rows.length); });
  form.addEventListener("input", update);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  form.addEventListener("reset", function () { setTimeout(function () { start(); update(); }, 0); });
  window.addEventListener("hashchange", function () { fromAddress(); update(); });
  fromAddress();
  update();
}());
