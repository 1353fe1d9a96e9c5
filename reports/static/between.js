// Two environments: chosen by two lists or by the address, loaded from a file of their own, filtered, drawn in portions.
(function () {
  "use strict";
  var source = document.getElementById("between-index");
  if (!source) { return; }
  var index = JSON.parse(source.textContent), port = index.kind === "port";
  var form = document.getElementById("choose"), place = document.getElementById("chosen");
  var FIELDS = ["from", "to", "verdict", "values", "text"], PORTION = 60, MOST = 30;
  var loaded = {}, waiting = {}, current = null;

  function element(name, attributes, children) {
    var made = document.createElement(name);
    Object.keys(attributes || {}).forEach(function (key) { if (attributes[key] !== "") { made.setAttribute(key, attributes[key]); } });
    (Array.isArray(children) ? children : [children]).forEach(function (child) {
      if (child !== undefined && child !== null && child !== "") { made.appendChild(typeof child === "object" ? child : document.createTextNode(child)); }
    });
    return made;
  }

  function link(text, href) { return href ? element("a", { href: href }, text) : element("span", {}, text); }

  // Files of pairs call this; they are scripts because a page opened as a file may load nothing else.
  window.REPLAB_BETWEEN = function (file, data) {
    loaded[file] = data;
    (waiting[file] || []).forEach(function (then) { then(data); });
    delete waiting[file];
  };

  function load(file, then) {
    if (loaded[file]) { then(loaded[file]); return; }
    if (waiting[file]) { waiting[file].push(then); return; }
    waiting[file] = [then];
    var script = element("script", { src: encodeURI(file) });
    script.addEventListener("error", function () {
      delete waiting[file];
      place.textContent = "";
      place.appendChild(element("p", { "class": "notice" }, "The file " + file + " is missing beside this page: copy the whole folder of the report."));
    });
    document.body.appendChild(script);
  }

  function options(name, values, chosen) {
    var select = form.elements[name];
    select.textContent = "";
    values.filter(function (value, at) { return values.indexOf(value) === at; }).forEach(function (value) {
      select.appendChild(element("option", { value: value }, value));
    });
    if (values.indexOf(chosen) >= 0) { select.value = chosen; }
  }

  function choices(left, right) {
    options("from", index.pairs.map(function (pair) { return pair[0]; }), left);
    var from = form.elements.from.value;
    options("to", index.pairs.filter(function (pair) { return pair[0] === from; }).map(function (pair) { return pair[1]; }), right);
  }

  function pair() {
    return index.pairs.find(function (one) { return one[0] === form.elements.from.value && one[1] === form.elements.to.value; });
  }

  function fromAddress() {
    var text = location.hash.slice(1), first = index.pairs[index.first];
    if (text && text.indexOf("=") < 0) { if (!current) { choices(first[0], first[1]); } return; } // a heading of the page
    var asked = new URLSearchParams(text), left = asked.get("from") || first[0], right = asked.get("to") || first[1];
    if (!index.pairs.some(function (one) { return one[0] === left && one[1] === right; })) {
      var other = index.pairs.find(function (one) { return one[0] === right && one[1] === left; }) || first; // asked the other way round
      left = other[0];
      right = other[1];
    }
    choices(left, right);
    ["verdict", "values", "text"].forEach(function (name) {
      var field = form.elements[name], value = asked.get(name) || "";
      field.value = value;
      if (field.value !== value) { field.value = ""; }
    });
  }

  function toAddress() {
    var said = new URLSearchParams();
    FIELDS.forEach(function (name) { var value = form.elements[name].value.trim(); if (value) { said.set(name, value); } });
    history.replaceState(null, "", "#" + said.toString());
  }

  function outcome(code) { return index.outcomes[code]; }

  function badge(code) {
    var found = outcome(code);
    return element("span", { "class": "badge v-" + found.css, title: found.short }, [element("span", { "class": "glyph", "aria-hidden": "true" }, found.glyph), found.name]);
  }

  function side(code, ulp, href) {
    var found = outcome(code);
    return element("td", { "class": "side" }, [
      element("span", { "class": "key v-" + found.css, title: found.name, role: "img", "aria-label": found.name }, found.glyph), " ",
      link(ulp === "–" ? found.name : ulp + " ULP", href)
    ]);
  }

  var SERIOUS = { semantic: 1, incomparable: 1, beyond: 1, accuracy: 1, inconclusive: 1 };

  function fits(row, texts) {
    var wanted = form.elements.verdict.value, values = form.elements.values.value, name = outcome(row[4]).name, sense = texts[row[12]];
    var turned = row[6] !== row[9];
    if (wanted === "worse" || wanted === "better") { if (sense !== wanted) { return false; } }
    else if (wanted === "") { if (!SERIOUS[name] && !(turned && !port)) { return false; } }
    else if (wanted !== "all" && name !== wanted) { return false; }
    if (values !== "all" && Boolean(row[15]) !== (values === "special")) { return false; }
    var words = form.elements.text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) { return true; }
    var said = (texts[row[0]] + " " + texts[row[2]] + " " + texts[row[3]] + " " + texts[row[13]] + " " + sense).toLowerCase();
    return words.every(function (word) { return said.indexOf(word) >= 0; });
  }

  function head(names) {
    return element("thead", {}, element("tr", {}, names.map(function (name) {
      var right = name.charAt(0) === ">";
      return element("th", { scope: "col", "class": right ? "n" : "" }, right ? name.slice(1) : name);
    })));
  }

  // A table that grows as one asks for more; everything is drawn before printing.
  function labelled(line, names) { // on a phone each row is a card, whose lines say what they are
    if (line.nodeName === "TR") {
      Array.prototype.forEach.call(line.children, function (cell, at) { if (at) { cell.setAttribute("data-label", names[at].replace(">", "")); } });
    }
    return line;
  }

  function table(names, rows, draw, label, portion, kind) {
    var cards = kind === "settings" ? "" : " cards", body = element("tbody"), drawn = 0, more = element("button", { type: "button", "class": "more" });
    function grow(until) {
      var part = document.createDocumentFragment(), end = Math.min(rows.length, until);
      for (; drawn < end; drawn += 1) { part.appendChild(labelled(draw(rows[drawn]), names)); }
      body.appendChild(part);
      more.hidden = drawn >= rows.length;
      more.textContent = "Show " + Math.min(portion, rows.length - drawn) + " of the other " + (rows.length - drawn);
    }
    more.addEventListener("click", function () {
      var next = drawn;
      grow(drawn + portion);
      var first = body.rows[next] && body.rows[next].querySelector("a");
      if (first) { first.focus(); }
    });
    grow(portion);
    var made = element("div", {}, [
      element("div", { "class": "scroll", tabindex: "0", role: "region", "aria-label": label }, element("table", { "class": "data " + (kind || "") + cards }, [head(names), body])),
      more
    ]);
    made.whole = function () { grow(rows.length); };
    return made;
  }

  function difference(data) {
    var texts = data.texts;
    return function (row) {
      var page = texts[row[1]];
      return element("tr", {}, [
        element("th", { scope: "row" }, [link(texts[row[0]], page + "#" + texts[row[8]]), element("br"), element("span", { "class": "dim small" }, texts[row[2]] + " · " + texts[row[3]])]),
        element("td", {}, [badge(row[4]), texts[row[13]] ? element("br") : "", texts[row[13]] ? element("span", { "class": "dim small" }, "cause: " + texts[row[13]]) : ""]),
        element("td", { "class": "n" }, row[5]),
        side(row[6], row[7], page + "#" + texts[row[8]]),
        side(row[9], row[10], page + "#" + texts[row[11]]),
        element("td", { "class": "sense small" }, texts[row[12]])
      ]);
    };
  }

  function value(name, text) {
    return element("td", {}, [element("code", {}, text), name ? element("br") : "", name ? element("span", { "class": "dim small api" }, name) : ""]);
  }

  function setting(row) {
    var parts = row[3].map(function (part, at) {
      var line = element("tr", at ? {} : { "class": "group" });
      if (at === 0) {
        line.appendChild(element("th", { scope: "rowgroup", rowspan: row[3].length }, [link(row[0], row[1]), element("br"), element("span", { "class": "dim small" }, row[2])]));
      }
      line.appendChild(element("td", {}, [element("b", {}, part[0])].concat(part[6] ? [element("br"), element("span", { "class": "dim small" }, "run with " + part[6] + " on both sides")] : [])));
      line.appendChild(value(part[1], part[2]));
      line.appendChild(value(part[3], part[4]));
      line.appendChild(element("td", { "class": "n" }, part[5]));
      if (at === 0) {
        line.appendChild(element("td", { "class": "n", rowspan: row[3].length }, link(row[4], row[7])));
        line.appendChild(element("td", { rowspan: row[3].length, "class": "turn" }, [badge(row[5]), " → ", badge(row[6])]));
      }
      return line;
    });
    var group = document.createDocumentFragment();
    parts.forEach(function (line) { group.appendChild(line); });
    return group;
  }

  function choice(row) {
    return element("tr", {}, [
      element("th", { scope: "row" }, element("b", {}, row[0])), value(row[1], row[2]), value(row[3], row[4]), element("td", { "class": "n" }, row[5]), element("td", { "class": "small" }, link(row[6], row[7]))
    ]);
  }

  function stay(row) {
    return element("tr", {}, [
      element("th", { scope: "row" }, [link(row[0], row[1]), element("br"), element("span", { "class": "dim small" }, row[2])]),
      element("td", {}, row[3]), element("td", { "class": "n" }, row[4]), element("td", { "class": "n" }, row[5]),
      element("td", { "class": "turn" }, [badge(row[6]), " → ", badge(row[7])])
    ]);
  }

  function untried(row) {
    return element("tr", {}, [
      element("th", { scope: "row" }, link(row[0], row[6])), element("td", {}, element("b", {}, row[1])), value(row[2], row[3]), value(row[4], row[5])
    ]);
  }

  function advice(data, tables, say) {
    function add(title, text, made) {
      place.appendChild(element("h3", {}, title));
      place.appendChild(element("p", { "class": "measure dim" }, text));
      if (made) { tables.push(made); place.appendChild(made); }
    }
    var words = form.elements.text.value.trim().toLowerCase();
    function named(rows) { return rows.filter(function (row) { return !words || JSON.stringify(row).toLowerCase().indexOf(words) >= 0; }); }
    var choices_ = named(data.checklist);
    if (choices_.length) {
      add("If yours do not agree, it is one of these", "Choices that each side makes unasked, measured with the same weights. The difference is that of the whole result, ‖a − b‖ / max(‖a‖, ‖b‖), in the case where the choice does most.",
        table(["choice", data.left, data.right, ">difference", "measured in"], choices_, choice, "Choices that make models differ", choices_.length));
    }
    var sets = named(data.settings), stays = named(data.stays), rest = named(data.untried);
    add("What to set", sets.length ? "Give one side the value of the other, and the verdict becomes the right one: a run in which both sides had one value shows it (choose the difference). Largest difference first; the share is the factor's part of it." : "No run with aligned factors fits.",
      sets.length ? table(["case", "factor", data.left, data.right, ">share", ">difference", "verdict, and aligned"], sets, setting, "What to set", MOST, "settings") : null);
    if (stays.length) {
      add("What stays apart", "All named factors were aligned, and this was left: kernels of other accuracy, other definitions, or a choice that nobody has named yet.",
        table(["case", "aligned", ">difference", ">left", "verdict, and aligned"], stays, stay, "What stays apart after aligning", MOST));
    }
    if (rest.length) {
      add("Defaults that differ, without a run of their own", "Read inside of both environments, in a common convention; no run of this report aligned them.",
        table(["API", "parameter", data.left, data.right], rest, untried, "Defaults that differ and whose effect was not measured", MOST));
    }
    say.push(sets.length + " to set");
  }

  // Parts of the list of an upgrade: what matters stands open, what got better or was wrong before is folded.
  function parts(data, rows, tables) {
    index.groups.forEach(function (group, at) {
      var mine = rows.filter(function (row) { return row[16] === at; });
      if (!mine.length) { return; }
      var made = table(["operation", "old against new", ">ULP apart", data.left, data.right, "against the truth"], mine, difference(data), data.left + " and " + data.right + ": " + group[0], PORTION, "differences");
      tables.push(made);
      var title = group[0] + ": " + mine.length.toLocaleString("en") + (mine.length === 1 ? " line" : " lines"), text = element("p", { "class": "measure dim" }, group[1]);
      if (group[2]) {
        place.appendChild(element("details", { "class": "part" }, [element("summary", {}, element("b", {}, title)), text, made]));
      } else {
        place.appendChild(element("h3", {}, title));
        place.appendChild(text);
        place.appendChild(made);
      }
    });
  }

  function moves(row) {
    return element("tr", {}, [
      element("th", { scope: "row" }, [link(row[0], row[1]), element("br"), element("span", { "class": "dim small" }, row[2])]),
      element("td", {}, row[3]), element("td", {}, row[4]), element("td", {}, row[5]), element("td", { "class": "small reason" }, row[6])
    ]);
  }

  // What runs on one side only, and which packages differ.
  function working(data, tables) {
    var words = form.elements.text.value.trim().toLowerCase();
    function named(rows) { return rows.filter(function (row) { return !words || JSON.stringify(row).toLowerCase().indexOf(words) >= 0; }); }
    var stops = named(data.stops), starts = named(data.starts), head_ = ["case", "mode", data.left, data.right, "why"], changed = data.packages;
    if (changed.sentence) {
      place.appendChild(element("details", { "class": "part" }, [
        element("summary", {}, changed.sentence),
        table(["package", data.left, data.right], changed.rows, function (row) {
          return element("tr", {}, [element("th", { scope: "row" }, row[0]), element("td", {}, row[1] || "–"), element("td", {}, row[2] || "–")]);
        }, "Packages that differ", changed.rows.length || 1)
      ]));
    }
    place.appendChild(element("h3", {}, "Stops working"));
    if (stops.length) {
      var made = table(head_, stops, moves, "What stops working", MOST, "working");
      tables.push(made);
      place.appendChild(made);
    } else { place.appendChild(element("p", {}, "Nothing that " + data.left + " computed fails in " + data.right + ".")); }
    if (starts.length) {
      var begun = table(head_, starts, moves, "What starts working", MOST, "working");
      tables.push(begun);
      place.appendChild(element("details", { "class": "part" }, [element("summary", {}, element("b", {}, "Starts working: " + starts.length.toLocaleString("en"))), begun]));
    }
  }

  function show(data) {
    var tables = [], say = [], arrow = port ? "↔" : "→";
    place.textContent = "";
    place.appendChild(element("h2", {}, [data.left + " ", element("span", { "class": "arrow", "aria-hidden": "true" }, arrow), element("span", { "class": "hidden" }, port ? "against" : "to"), " " + data.right]));
    if (data.answer) { place.appendChild(element("p", { "class": "measure answer-line" }, data.answer)); }
    place.appendChild(element("p", { "class": "measure" }, data.summary.join(" ")));
    if (port) { advice(data, tables, say); } else { working(data, tables); }
    var rows = data.rows.filter(function (row) { return fits(row, data.texts); });
    if (port) { place.appendChild(element("h3", {}, "Results that differ")); }
    var count = element("p", { "class": "small dim", id: "between-count", role: "status" }, rows.length ? rows.length.toLocaleString("en") + " of " + data.rows.length.toLocaleString("en") + " lines" : "Nothing fits these filters.");
    place.appendChild(count);
    if (rows.length && !port) { parts(data, rows, tables); }
    if (rows.length && port) {
      var made = table(["operation", "verdict of the pair", ">ULP apart", data.left, data.right, "in which sense"], rows, difference(data), data.left + " and " + data.right + ": what differs", PORTION, "differences");
      tables.push(made);
      place.appendChild(made);
    }
    current = tables;
    place.dataset.ready = form.elements.from.value + " " + form.elements.to.value;
  }

  function update() {
    var chosen = pair();
    if (!chosen) { return; }
    toAddress();
    load(chosen[2], function (data) { if (pair() === chosen) { show(data); } });
  }

  form.elements.from.addEventListener("change", function () { choices(form.elements.from.value, form.elements.to.value); });
  form.addEventListener("input", function (event) {
    if (event.target.name === "from") { choices(form.elements.from.value, form.elements.to.value); }
    update();
  });
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  window.addEventListener("hashchange", function () { fromAddress(); if (location.hash.indexOf("=") >= 0) { update(); place.scrollIntoView(); } });
  window.addEventListener("beforeprint", function () { (current || []).forEach(function (one) { one.whole(); }); });
  fromAddress();
  if (location.hash && location.hash.indexOf("=") < 0) {
    var chosen = pair(); // a link to a heading keeps its address
    load(chosen[2], show);
  } else { update(); }
}());
