/* The page "Explore": reads explore-data.js (written by `python -m clnlib.explore`), asks no server.
   plotly.min.js comes from the Python package of that name (clnlib.site). */
"use strict";
(function () {
  const data = window.clnExplore;
  const root = document.getElementById("explore");
  if (!data || !root) return;
  const form = root.querySelector("form");
  const field = (name) => form.elements[name];

  const told = (v, low, high) =>
    v == null ? "–" : v.toFixed(2) + (low == null ? "" : ` (${low.toFixed(2)}–${high.toFixed(2)})`);
  const unique = (values) => [...new Set(values)];

  function svg(name, attributes, ...inside) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...inside);
    return node;
  }

  function html(name, attributes, ...inside) {
    const node = document.createElement(name);
    Object.assign(node, attributes);
    node.append(...inside);
    return node;
  }

  /* Fill a select, keeping the choice where it is still there. */
  function fill(select, values, labels) {
    const before = select.value;
    select.replaceChildren(...values.map((v, k) => new Option(labels ? labels[k] : v, v)));
    if (values.map(String).includes(before)) select.value = before;
  }

  function chosenRun() {
    const study = data[field("study").value];
    let runs = study.runs;
    fill(field("backbone"), unique(runs.map((r) => r.backbone)));
    runs = runs.filter((r) => r.backbone === field("backbone").value);
    fill(field("lam"), unique(runs.map((r) => r.lam)));
    runs = runs.filter((r) => String(r.lam) === field("lam").value);
    fill(field("run"), runs.map((r) => study.runs.indexOf(r)), runs.map((r) => r.label));
    field("run").parentElement.hidden = runs.length < 2;
    fill(field("finding"), study.findings);
    return [study, study.runs[Number(field("run").value)]];
  }

  const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  /* A curve with its interval as a band: three lines, of which the outer two are not drawn. */
  function series(name, tint, dash, thresholds, rows) {
    const line = (k, more) => ({ x: thresholds, y: rows.map((r) => r[k]), mode: "lines",
      line: { width: 0 }, hoverinfo: "skip", ...more });
    return [line(1), line(2, { fill: "tonexty", fillcolor: tint + "33" }),
      line(0, { mode: "lines+markers", line: { color: tint, dash }, name,
        hoverinfo: "text", hovertext: rows.map((r) => `${name}: ${told(...r)}`) })];
  }

  function chart(figure, thresholds, rows, at, name) {
    figure.setAttribute("aria-label", `IoU accuracy against T, ${name}: the network and the box that `
      + "never sees the image, with intervals; the numbers are in the table beside it");
    const axis = { gridcolor: colour("--pst-color-border"), zeroline: false, fixedrange: true };
    window.Plotly.react(figure, [
      ...series("blind box", colour("--cln-blind"), "dash", thresholds, rows.map((r) => r.slice(3))),
      ...series("network", colour("--cln-network"), "solid", thresholds, rows.map((r) => r.slice(0, 3))),
    ], {
      height: 290, margin: { l: 50, r: 10, t: 10, b: 45 }, showlegend: false, hovermode: "x",
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(root).fontFamily, color: colour("--pst-color-text-base") },
      xaxis: { ...axis, title: { text: "T, threshold of the IoU" }, tickvals: thresholds, showgrid: false },
      yaxis: { ...axis, title: { text: "IoU accuracy" }, range: [0, 1] },
      shapes: [{ x0: thresholds[at], x1: thresholds[at], y0: 0, y1: 1,
        line: { dash: "dot", width: 1, color: colour("--pst-color-text-muted") } }],
    }, { displayModeBar: false, responsive: true });
  }

  function numbers(run, finding, at, t) {
    const cell = (text) => html("td", {}, text);
    const row = (head, ...texts) =>
      html("tr", {}, html("th", { scope: "row" }, head), ...texts.map(cell));
    const found = run.accuracy[finding][at];
    const heads = ["", "network", "blind box"].map((h) =>
      h ? html("th", { scope: "col" }, h) : html("td", {}));
    return html("table", { className: "table" },
      html("caption", {}, run.label),
      html("thead", {}, html("tr", {}, ...heads)),
      html("tbody", {},
        row("AUC", told(...run.auc[finding]), "–"),
        row(`IoU accuracy at T = ${t}`, told(...found.slice(0, 3)), told(...found.slice(3)))));
  }

  const area = ([x1, y1, x2, y2]) => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);

  function iou(a, b) {
    if (a.includes(null) || b.includes(null)) return 0;
    const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]),
                       Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
    const union = area(a) + area(b) - both;
    return union > 0 ? both / union : 0;
  }

  function example(rows, box, t) {
    const drawn = [["blind", rows.blind], ["true", rows.true], ["network", box]]
      .filter(([, b]) => !b.includes(null) && area(b) > 0)
      .map(([kind, b]) => svg("rect", { class: kind, x: 100 * b[0], y: 100 * b[1],
        width: 100 * (b[2] - b[0]), height: 100 * (b[3] - b[1]) }));
    const image = rows.pixels ? [svg("image", { href: rows.pixels, width: 100, height: 100 })] : [];
    const said = (name, b) => `${name} ${iou(rows.true, b).toFixed(2)} `
      + (iou(rows.true, b) > t ? "found" : "missed");
    const words = `${said("network", box)}, ${said("blind box", rows.blind)}`;
    return html("figure", {},
      svg("svg", { viewBox: "0 0 100 100", role: "img",
        "aria-label": `${rows.finding}, IoU with the true box: ${words}` },
        svg("rect", { class: "frame", width: 100, height: 100 }), ...image, ...drawn),
      html("figcaption", {}, html("strong", {}, rows.finding), html("br"),
        said("network", box), html("br"), said("blind box", rows.blind)));
  }

  function draw() {
    const [study, run] = chosenRun();
    const slider = field("threshold");
    slider.max = study.thresholds.length - 1;
    const at = Number(slider.value), t = study.thresholds[at];
    const name = field("finding").value, finding = study.findings.indexOf(name);
    field("t").value = t;
    slider.setAttribute("aria-valuetext", `T = ${t}`);
    chart(root.querySelector(".explore-chart"), study.thresholds, run.accuracy[finding], at, name);
    root.querySelector(".explore-numbers").replaceChildren(numbers(run, finding, at, t));
    const all = study.examples[run.split].map((rows, k) => [rows, run.boxes[k]]);
    const mean = finding === study.findings.length - 1;
    const shown = mean ? all.filter(([rows], k) => k === all.findIndex(([r]) => r.finding === rows.finding))
      : all.filter(([rows]) => rows.finding === name);
    root.querySelector(".explore-examples")
      .replaceChildren(...shown.map(([rows, box]) => example(rows, box, t)));
  }

  fill(field("study"), Object.keys(data));
  if (data.phantom) field("study").value = "phantom";
  chosenRun();
  field("finding").selectedIndex = field("finding").options.length - 1;
  field("threshold").value = 2;
  form.addEventListener("input", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  draw();
})();
