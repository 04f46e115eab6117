/* The page "Explore": reads explore-data.js (written by `python -m clnbook.explore`), asks no server.
   plotly.min.js comes from the Python package of that name (clnbook.site). */
"use strict";
(function () {
  const data = window.clnExplore;
  const { svg, area, iou } = window.clnBoxes;
  const root = document.getElementById("explorer");
  if (!data || !root) return;
  const form = root.querySelector("form");
  const field = (name) => form.elements[name];

  const told = (v, low, high) =>
    v == null ? "–" : v.toFixed(2) + (low == null ? "" : ` (${low.toFixed(2)}–${high.toFixed(2)})`);
  const unique = (values) => [...new Set(values)];

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
    const run = study.runs[Number(field("run").value)];
    const others = study.runs.filter((other) => other !== run);
    fill(field("beside"), ["", ...others.map((r) => study.runs.indexOf(r))],
      ["no second run", ...others.map((r) => r.label)]);
    field("beside").parentElement.hidden = !others.length;
    return [study, run, field("beside").value === "" ? null : study.runs[Number(field("beside").value)]];
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

  /* A curve without an interval. */
  function plain(name, tint, dash, thresholds, values) {
    return { x: thresholds, y: values, mode: "lines+markers", line: { color: tint, dash, width: 1.5 },
      marker: { size: 4 }, name, hoverinfo: "text", hovertext: values.map((v) => `${name}: ${told(v)}`) };
  }

  function chart(figure, study, run, beside, finding, at) {
    const thresholds = study.thresholds, rows = run.accuracy[finding];
    figure.setAttribute("aria-label", `IoU accuracy against T, ${study.findings[finding]}: the network `
      + "and the box that never sees the image, with intervals, and what else is chosen; the numbers are "
      + "in the table beside it");
    const axis = { gridcolor: colour("--pst-color-border"), zeroline: false, fixedrange: true };
    const more = [["radiologists", "--cln-true", "dot", study.experts && study.experts[finding]],
      ["paper", "--cln-paper", "dashdot", study.paper[run.backbone][finding]],
      ["second run", "--cln-beside", "solid", beside && beside.accuracy[finding].map((r) => r[0])]]
      .filter(([, , , values]) => values && values.some((v) => v != null));
    window.Plotly.react(figure, [
      ...series("blind box", colour("--cln-blind"), "dash", thresholds, rows.map((r) => r.slice(3))),
      ...series("network", colour("--cln-network"), "solid", thresholds, rows.map((r) => r.slice(0, 3))),
      ...more.map(([name, tint, dash, values]) => plain(name, colour(tint), dash, thresholds, values)),
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

  function numbers(study, run, beside, finding, at) {
    const cell = (text) => html("td", {}, text);
    const row = (head, ...texts) =>
      html("tr", {}, html("th", { scope: "row" }, head), ...texts.map(cell));
    const found = run.accuracy[finding][at];
    // Beside a run on drawn radiographs, what others reach on real ones is no peer.
    const elsewhere = study.examples[run.split][0].pixels ? ", real radiographs" : "";
    const columns = [["network", told(...run.auc[finding]), told(...found.slice(0, 3))],
      ["blind box", "–", told(...found.slice(3))]];
    if (beside) columns.push(
      ["second run", told(...beside.auc[finding]), told(...beside.accuracy[finding][at].slice(0, 3))]);
    columns.push([`paper${elsewhere}`, told(study.paperAuc[run.backbone][finding]),
      told(study.paper[run.backbone][finding][at])]);
    if (study.experts) columns.push([`radiologists${elsewhere}`, "–", told(study.experts[finding][at])]);
    return html("table", { className: "table" },
      html("caption", {}, run.label + (elsewhere && ", drawn radiographs") + (beside ? `; second run: ${beside.label}` : "")),
      html("thead", {}, html("tr", {}, ...["", "AUC", `IoU accuracy at T = ${study.thresholds[at]}`]
        .map((h) => (h ? html("th", { scope: "col" }, h) : html("td", {}))))),
      html("tbody", {}, ...columns.map((texts) => row(...texts))));
  }

  /* Why a run finds little: coordinates that are 0 on every test image. */
  function dead(run) {
    const part = root.querySelector(".explore-dead");
    part.hidden = !run.dead;
    part.textContent = run.dead ? `${run.empty === 1 ? "This box head is dead" : "A part of this box head is dead"}: `
      + `${run.dead} of its 4 coordinates are 0 on every test image, and ${Math.round(100 * run.empty)} % of its `
      + "boxes are empty. A ReLU output that is 0 on every image has no gradient to come back by; the page "
      + "“losses” shows how that happens." : "";
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

  /* How the boxes of validation moved: after each epoch, where the record has it. */
  function learning(study, run, t) {
    const told = run.learning, slider = field("epoch");
    const part = root.querySelector(".explore-learning");
    part.hidden = !told;
    if (!told) return;
    slider.max = told.boxes.length;
    if (slider.dataset.run !== run.label) slider.value = told.kept; // another run begins at its kept epoch
    slider.dataset.run = run.label;
    const at = Number(slider.value);
    field("e").value = at;
    slider.setAttribute("aria-valuetext", `epoch ${at} of ${told.boxes.length}`);
    part.querySelector("p").textContent = `Boxes of validation after epoch ${at} of ${told.boxes.length}; `
      + `the weights of epoch ${told.kept} were kept. Move the slider to see them learn.`;
    part.querySelector(".explore-examples").replaceChildren(
      ...study.watched[run.split].map((rows, k) => example(rows, told.boxes[at - 1][k], t)));
  }

  const FIELDS = ["study", "backbone", "lam", "run", "beside", "finding", "threshold", "epoch"];

  /* The address holds the choice: runs by their names, for their order may change. */
  function keep(study) {
    const value = (name) => (["run", "beside"].includes(name)
      ? (study.runs[Number(field(name).value || -1)] || { label: "" }).label : field(name).value);
    const words = FIELDS.map((name) => [name, value(name)]).filter(([, text]) => text);
    history.replaceState(null, "", "#" + new URLSearchParams(words));
  }

  /* Choose what the address says; what it does not say, or what is not there, stays. */
  function recall() {
    const words = new URLSearchParams(location.hash.slice(1));
    for (const name of FIELDS) {
      const [study, run] = chosenRun();
      const text = words.get(name);
      const index = study.runs.findIndex((r) => r.label === text);
      const value = ["run", "beside"].includes(name) ? String(index) : text;
      const options = [...(field(name).options || [{ value }])].map((option) => option.value);
      if (text && options.includes(value)) field(name).value = value;
      if (text && name === "epoch") field(name).dataset.run = run.label;
    }
  }

  /* The phantom, if it is there. */
  function begin() {
    fill(field("study"), Object.keys(data));
    if (data.phantom) field("study").value = "phantom";
    best();
    const [study] = chosenRun();
    field("finding").selectedIndex = field("finding").options.length - 1;
    field("threshold").max = study.thresholds.length - 1;
    field("threshold").value = 2;
  }

  /* Of the chosen study the living run that finds most. */
  function best() {
    const [study] = chosenRun();
    const found = (run) => (run.dead ? -1 : run.accuracy.at(-1)[2][0]);
    const most = study.runs.reduce((a, b) => (found(b) > found(a) ? b : a));
    field("backbone").value = most.backbone;
    chosenRun();
    field("lam").value = most.lam;
    chosenRun();
    field("run").value = study.runs.indexOf(most);
  }

  function draw() {
    const [study, run, beside] = chosenRun();
    const slider = field("threshold");
    slider.max = study.thresholds.length - 1;
    const at = Number(slider.value), t = study.thresholds[at];
    const name = field("finding").value, finding = study.findings.indexOf(name);
    field("t").value = t;
    slider.setAttribute("aria-valuetext", `T = ${t}`);
    dead(run);
    chart(root.querySelector(".explore-chart"), study, run, beside, finding, at);
    root.querySelector(".explore-numbers").replaceChildren(numbers(study, run, beside, finding, at));
    const all = study.examples[run.split].map((rows, k) => [rows, run.boxes[k]]);
    const mean = finding === study.findings.length - 1;
    const shown = mean ? all.filter(([rows], k) => k === all.findIndex(([r]) => r.finding === rows.finding))
      : all.filter(([rows]) => rows.finding === name);
    root.querySelector(".explore-examples.shown")
      .replaceChildren(...shown.map(([rows, box]) => example(rows, box, t)));
    learning(study, run, t);
    keep(study);
  }

  begin();
  recall();
  field("study").addEventListener("input", best); // before the picture is drawn anew
  root.addEventListener("input", draw); // the slider of epochs stands beside its boxes, outside the form
  window.addEventListener("hashchange", () => { recall(); draw(); });
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  draw();
})();
