/* The page "Explore": reads explore-data.js (written by `python -m clnlib.explore`), asks no server. */
"use strict";
(function () {
  const data = window.clnExplore;
  const root = document.getElementById("explore");
  if (!data || !root) return;
  const form = root.querySelector("form");
  const field = (name) => form.elements[name];
  const W = 420, H = 280, LEFT = 44, RIGHT = 12, TOP = 10, BOTTOM = 40;

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

  const x = (t) => LEFT + ((t - 0.05) / 0.7) * (W - LEFT - RIGHT);
  const y = (v) => TOP + (1 - v) * (H - TOP - BOTTOM);

  function series(kind, thresholds, rows) {
    const known = rows.map((r, k) => [x(thresholds[k]), ...r]).filter((r) => r[1] != null);
    const line = known.map(([px, v]) => `${px},${y(v)}`);
    const withEnds = known.filter((r) => r[2] != null);
    const band = [...withEnds.map((r) => `${r[0]},${y(r[2])}`),
                  ...withEnds.reverse().map((r) => `${r[0]},${y(r[3])}`)];
    return svg("g", { class: kind },
      svg("polygon", { points: band.join(" ") }),
      svg("polyline", { points: line.join(" ") }),
      ...known.map(([px, v]) => svg("circle", { cx: px, cy: y(v), r: 3 })));
  }

  function chart(thresholds, rows, at, name) {
    const picture = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img",
      "aria-label": `IoU accuracy against T, ${name}: the network and the box that never sees the `
        + "image, with intervals; the numbers are in the table beside it" });
    for (const v of [0, 0.25, 0.5, 0.75, 1]) {
      picture.append(
        svg("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y(v), y2: y(v) }),
        svg("text", { x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, String(v)));
    }
    for (const t of thresholds)
      picture.append(svg("text", { x: x(t), y: H - 22, "text-anchor": "middle" }, String(t)));
    picture.append(
      svg("text", { x: (LEFT + W) / 2, y: H - 5, "text-anchor": "middle" }, "T, threshold of the IoU"),
      svg("line", { class: "at", x1: x(thresholds[at]), x2: x(thresholds[at]), y1: TOP, y2: y(0) }),
      series("blind", thresholds, rows.map((r) => r.slice(3))),
      series("network", thresholds, rows.map((r) => r.slice(0, 3))));
    return picture;
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
    root.querySelector(".explore-chart")
      .replaceChildren(chart(study.thresholds, run.accuracy[finding], at, name));
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
  draw();
})();
