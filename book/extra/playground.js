/* The page "Two boxes to drag": box losses and their gradients as in clnlib/model/losses.py. Boxes are
   [x1, y1, x2, y2] in parts of the image's side. Asks no server. */
"use strict";
window.clnLosses = (function () {
  const TINY = 1e-7, NARROW = 1e-3, STEP = 1e-4;
  const { max, min, atan, PI } = Math;
  const { overlap } = window.clnBoxes;
  const hull = (a, b, k) => max(a[k], a[k + 2], b[k], b[k + 2]) - min(a[k], a[k + 2], b[k], b[k + 2]);

  function iou(a, b) {
    const [intersection, union] = overlap(a, b);
    return intersection / max(union, TINY);
  }

  function giou(a, b) {
    const all = hull(a, b, 0) * hull(a, b, 1);
    return 1 - iou(a, b) + (all - overlap(a, b)[1]) / max(all, TINY);
  }

  /* `at`: the box at which α is taken, for it has no gradient. */
  function ciou(a, b, at) {
    const angle = (c) => atan(max(c[2] - c[0], NARROW) / max(c[3] - c[1], NARROW));
    const shape = (c) => (4 / PI ** 2) * (angle(a) - angle(c)) ** 2;
    const centre = [0, 1].reduce((sum, k) => sum + (a[k] + a[k + 2] - b[k] - b[k + 2]) ** 2, 0) / 4;
    const diagonal = hull(a, b, 0) ** 2 + hull(a, b, 1) ** 2;
    const alpha = shape(at) / max(1 - iou(a, at) + shape(at), TINY);
    return 1 - iou(a, b) + centre / max(diagonal, TINY) + alpha * shape(b);
  }

  const losses = { "1 − IoU": (a, b) => 1 - iou(a, b), GIoU: giou, CIoU: ciou };

  /* The derivative by each edge of the predicted box, by central differences. */
  function gradient(loss, a, b) {
    return b.map((value, k) => {
      const moved = (by) => b.map((v, j) => (j === k ? value + by : v));
      return (losses[loss](a, moved(STEP), b) - losses[loss](a, moved(-STEP), b)) / (2 * STEP);
    });
  }

  return { iou, losses, gradient, value: (loss, a, b) => losses[loss](a, b, b) };
})();

(function () {
  const root = document.getElementById("playground");
  if (!root) return;
  const { svg, area, movable, shorten } = window.clnBoxes;
  const { iou, losses, gradient, value } = window.clnLosses;
  const EDGES = ["left", "top", "right", "bottom"], THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];
  const boxes = { true: [0.3, 0.3, 0.7, 0.6], predicted: [0.2, 0.4, 0.55, 0.8] };
  const board = root.querySelector("svg"), select = root.querySelector("select");
  function table(node, heads, rows) {
    const cell = (name, content, more) => {
      const made = document.createElement(name);
      Object.assign(made, more);
      made.append(content);
      return made;
    };
    const line = (cells) => { const tr = document.createElement("tr"); tr.append(...cells); return tr; };
    node.replaceChildren(
      line(heads.map((head) => (head ? cell("th", head, { scope: "col" }) : cell("td", "")))),
      ...rows.map(([head, ...texts]) =>
        line([cell("th", head, { scope: "row" }), ...texts.map((text) => cell("td", text))])));
  }

  function fields(name) {
    return EDGES.map((edge, k) => {
      const field = document.createElement("input");
      Object.assign(field, { type: "number", min: 0, max: 1, step: 0.01, name: `${name}-${k}` });
      field.setAttribute("aria-label", `${name} box, ${edge}`);
      field.addEventListener("input", () => {
        if (field.value !== "") boxes[name][k] = Number(field.value);
        draw();
      });
      return field;
    });
  }

  /* One arrow per edge, against the gradient; the longest that fits is 15 of 100. */
  function arrows() {
    const slope = gradient(select.value, boxes.true, boxes.predicted);
    const [x1, y1, x2, y2] = boxes.predicted.map((v) => 100 * v);
    const from = [[x1, (y1 + y2) / 2], [(x1 + x2) / 2, y1], [x2, (y1 + y2) / 2], [(x1 + x2) / 2, y2]];
    return slope.flatMap((g, k) => {
      const length = -Math.sign(g) * Math.min(15, 4 * Math.abs(g));
      if (Math.abs(length) < 0.1) return [];
      const [x, y] = from[k], tip = k % 2 ? [x, y + length] : [x + length, y];
      return [svg("line", { class: "arrow", x1: x, y1: y, x2: tip[0], y2: tip[1] }),
        svg("circle", { class: "tip", cx: tip[0], cy: tip[1], r: 1 })];
    });
  }

  function draw() {
    const { true: a, predicted: b } = boxes, overlap = iou(a, b);
    board.replaceChildren(svg("rect", { class: "frame", width: 100, height: 100 }),
      ...movable(board, boxes.true, "true", draw), ...movable(board, boxes.predicted, "network", draw), ...arrows());
    board.setAttribute("aria-label", `two boxes with IoU ${shorten(overlap)}`);
    for (const [name, box] of Object.entries(boxes)) {
      box.forEach((v, k) => {
        const field = root.querySelector(`input[name=${name}-${k}]`);
        if (field !== document.activeElement) field.value = v;
      });
    }
    const passed = THRESHOLDS.filter((t) => overlap > t);
    root.querySelector("p[aria-live]").textContent = (area(b) > 0 ? "" : "The predicted box is empty. ")
      + `IoU ${shorten(overlap)}: ` + (passed.length ? `found at T = ${passed.join(", ")}` : "missed at every T");
    table(root.querySelector(".playground-losses"), ["loss", "value", ...EDGES.map((e) => `∂ ${e}`)],
      Object.keys(losses).map((name) =>
        [name, shorten(value(name, a, b)), ...gradient(name, a, b).map(shorten)]));
  }

  select.replaceChildren(...Object.keys(losses).map((name) => new Option(name, name)));
  select.addEventListener("input", draw);
  table(root.querySelector(".playground-edges"), ["", ...EDGES],
    Object.keys(boxes).map((name) => [`${name} box`, ...fields(name)]));
  draw();
})();
