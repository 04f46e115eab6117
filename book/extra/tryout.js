/* The page "Try a network": drawn chests, a finding to drag, and what a trained CLN says of it. The
   data are written by `python -m clnbook.exported`; asks no server. */
"use strict";
window.clnTryout = (function () {
  const data = window.clnNetwork, size = data.network.size;
  const bytes = window.clnForward.bytes;
  const chests = data.chests.map((chest) => ({ ...chest, film: bytes(chest.film),
    findings: Object.fromEntries(Object.entries(chest.findings).map(([name, drawn]) =>
      [name, { ...drawn, film: bytes(drawn.film) }])) }));
  const between = (low, v, high) => Math.min(Math.max(v, low), high);

  /* A value between pixels of an array of that width, at most at its edges. */
  function sampled(values, width, x, y) {
    const height = values.length / width;
    const [left, top] = [[x, width], [y, height]].map(([v, n]) => between(0, Math.floor(v), n - 1));
    const [right, below] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)];
    const [a, b] = [between(0, x - left, 1), between(0, y - top, 1)];
    const row = (r) => values[r * width + left] * (1 - a) + values[r * width + right] * a;
    return row(top) * (1 - b) + row(below) * b;
  }

  /* What a finding adds to the grey values under its own box. */
  function added(chest, { film, area: [left, top, right] }) {
    const width = right - left;
    return Float32Array.from(film, (v, k) =>
      v - chest.film[(top + Math.floor(k / width)) * size + left + k % width]);
  }

  /* A chest with a finding, stretched from its own box to another one: size × size grey values. */
  function film(chest, finding, box, strength) {
    const drawn = chest.findings[finding], [left, top, right] = drawn.area;
    const extra = added(chest, drawn), pixels = Uint8Array.from(chest.film);
    const scale = [0, 1].map((k) => (drawn.box[k + 2] - drawn.box[k]) / Math.max(box[k + 2] - box[k], 1e-6));
    const place = (at, k) => (((at + 0.5) / size - box[k]) * scale[k] + drawn.box[k]) * size - 0.5;
    const [x1, y1, x2, y2] = box.map((v, k) => k < 2 ? Math.floor(v * size) : Math.ceil(v * size));
    for (let y = Math.max(y1, 0); y < Math.min(y2, size); y++)
      for (let x = Math.max(x1, 0); x < Math.min(x2, size); x++) {
        const more = sampled(extra, right - left, place(x, 0) - left, place(y, 1) - top);
        pixels[y * size + x] = between(0, Math.round(pixels[y * size + x] + strength * more), 255);
      }
    return pixels;
  }

  return { chests, film, see: window.clnForward(data.network) };
})();

(function () {
  const root = document.getElementById("tryout");
  if (!root) return;
  const data = window.clnNetwork, size = data.network.size, { chests, film, see } = window.clnTryout;
  const { svg, area, iou, rectangle, movable, shorten } = window.clnBoxes;
  const form = root.querySelector("form"), field = (name) => form.elements[name];
  const [board, chart] = root.querySelectorAll("svg");
  const STEPS = 13;
  let box = [0, 0, 1, 1];

  const chest = () => chests[Number(field("chest").value)];

  function picture(pixels) {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = size;
    const context = canvas.getContext("2d"), image = context.createImageData(size, size);
    pixels.forEach((v, k) => image.data.set([v, v, v, 255], 4 * k));
    context.putImageData(image, 0, 0);
    return svg("image", { href: canvas.toDataURL(), width: 100, height: 100 });
  }

  /* The bars of all findings, the drawn one by name. */
  function probabilities(values) {
    const most = Math.max(...values);
    root.querySelector("tbody").replaceChildren(...values.map((p, k) => {
      const line = document.createElement("tr"), name = data.findings[k];
      const cells = ["th", "td", "td"].map((kind) => document.createElement(kind));
      cells[0].scope = "row";
      cells[0].textContent = name + (name === field("finding").value ? " (drawn)" : "");
      cells[1].textContent = p.toFixed(2);
      const bar = document.createElement("span");
      bar.className = p === most ? "bar likeliest" : "bar";
      bar.style.width = `${100 * p}%`;
      cells[2].append(bar);
      line.append(...cells);
      return line;
    }));
  }

  function draw() {
    const pixels = film(chest(), field("finding").value, box, Number(field("strength").value));
    const start = performance.now(), out = see(pixels), took = performance.now() - start;
    const shown = out.box.map((v) => Math.min(Math.max(v, 0), 1)), overlap = iou(box, shown);
    board.replaceChildren(picture(pixels), rectangle(shown, "network"), ...movable(board, box, "true", draw));
    board.setAttribute("aria-label", `drawn chest with ${field("finding").value}; IoU ${shorten(overlap)}`);
    probabilities(out.finding);
    const likeliest = data.findings[out.finding.indexOf(Math.max(...out.finding))];
    const drawn = Number(field("strength").value) > 0;
    root.querySelector("p[aria-live]").textContent = `Likeliest: ${likeliest}. `
      + (drawn ? `IoU of the boxes ${overlap.toFixed(2)}` : "Nothing is drawn, so no box is right")
      + `${area(shown) > 0 ? "" : "; the predicted box is empty"}. Computed in ${Math.round(took)} ms.`;
    for (const [k, name] of ["across", "down"].entries()) field(name).value = (box[k] + box[k + 2]) / 2;
    for (const [k, name] of ["width", "height"].entries()) field(name).value = box[k + 2] - box[k];
  }

  /* A box from the four sliders, kept inside the image. */
  function slid() {
    const [x, y, w, h] = ["across", "down", "width", "height"].map((name) => Number(field(name).value));
    const left = Math.min(Math.max(x - w / 2, 0), 1 - w), top = Math.min(Math.max(y - h / 2, 0), 1 - h);
    box = [left, top, left + w, top + h];
    draw();
  }

  /* The finding's own place on this chest. */
  function placed() {
    box = chest().findings[field("finding").value].box.slice();
    chart.replaceChildren();
    chart.removeAttribute("aria-label");
    draw();
  }

  /* Moved from edge to edge, across and then down: where is the predicted box's centre? */
  async function swept() {
    const name = field("finding").value, strength = Number(field("strength").value), from = box.slice();
    const points = [[], []];
    for (const k of [0, 1]) for (let step = 0; step < STEPS; step++) {
      const wide = from[k + 2] - from[k], start = (1 - wide) * step / (STEPS - 1), moved = from.slice();
      [moved[k], moved[k + 2]] = [start, start + wide];
      const out = see(film(chest(), name, moved, strength));
      points[k].push([start + wide / 2, (out.box[k] + out.box[k + 2]) / 2]);
      plot(points);
      await new Promise((done) => setTimeout(done));
    }
    chart.setAttribute("aria-label", `centre of the predicted box against that of the true one, ${name}: `
      + ["across", "down"].map((way, k) => `${way} from ${shorten(points[k][0][1])} to `
        + shorten(points[k].at(-1)[1])).join(", "));
  }

  function plot(points) {
    const at = ([x, y]) => `${12 + 84 * x},${88 - 84 * Math.min(Math.max(y, 0), 1)}`;
    const word = (x, y, text, more) => svg("text", { x, y, ...more }, text);
    chart.replaceChildren(
      svg("rect", { x: 12, y: 4, width: 84, height: 84 }),
      svg("line", { x1: 12, y1: 88, x2: 96, y2: 4 }),
      svg("polyline", { class: "across", points: points[0].map(at).join(" ") }),
      svg("polyline", { class: "down", points: points[1].map(at).join(" ") }),
      word(54, 98, "true centre", { "text-anchor": "middle" }),
      word(0, 0, "predicted centre", { "text-anchor": "middle", transform: "translate(7 46) rotate(-90)" }));
  }

  field("chest").replaceChildren(...chests.map((each, k) => new Option(`no. ${k + 1}`, k)));
  field("finding").replaceChildren(...data.findings.map((name) => new Option(name, name)));
  for (const name of ["chest", "finding"]) field(name).addEventListener("input", placed);
  field("strength").addEventListener("input", draw);
  for (const name of ["across", "down", "width", "height"]) field(name).addEventListener("input", slid);
  root.querySelector("button").addEventListener("click", swept);
  root.querySelector(".tryout-run").textContent = `${data.run}: on test drawings mean AUC ${data.auc}, mean IoU ${data.iou}`;
  field("finding").value = "Mass";
  placed();
})();
