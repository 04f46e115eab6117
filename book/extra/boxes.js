/* What the pages "Explore", "Two boxes to drag" and "Try a network" share. Boxes are [x1, y1, x2, y2] in parts of the
   image's side; a coordinate may be null, then there is no box. */
"use strict";
window.clnBoxes = (function () {
  function svg(name, attributes, ...inside) {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...inside);
    return node;
  }

  const area = ([x1, y1, x2, y2]) => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);

  /* Areas of intersection and union. */
  function overlap(a, b) {
    const both = area([Math.max(a[0], b[0]), Math.max(a[1], b[1]),
                       Math.min(a[2], b[2]), Math.min(a[3], b[3])]);
    return [both, area(a) + area(b) - both];
  }

  function iou(a, b) {
    if (a.includes(null) || b.includes(null)) return 0;
    const [intersection, union] = overlap(a, b);
    return union > 0 ? intersection / union : 0;
  }

  /* What a pointer moves: the whole box, or the two edges of a corner. */
  function draggable(node, board, box, edges, changed) {
    node.addEventListener("pointerdown", (start) => {
      const before = box.slice(), scale = board.getBoundingClientRect().width;
      const move = (now) => {
        const by = [now.clientX - start.clientX, now.clientY - start.clientY].map((d) => d / scale);
        edges.forEach((k) => {
          box[k] = Math.round(100 * Math.min(1, Math.max(0, before[k] + by[k % 2]))) / 100;
        });
        changed();
      };
      const end = () => {
        window.removeEventListener("pointermove", move);
        window.removeEventListener("pointerup", end);
      };
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", end);
      start.preventDefault();
    });
    return node;
  }

  function rectangle(box, kind) {
    const [x1, y1, x2, y2] = box.map((v) => 100 * v);
    return svg("rect", { class: kind, x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) });
  }

  /* A box and its corners on a board of 100 × 100, to be dragged; `changed` is called after each move. */
  function movable(board, box, kind, changed) {
    const corners = [[0, 1], [2, 1], [0, 3], [2, 3]].map(([h, v]) => draggable(svg("circle",
      { class: kind, cx: 100 * box[h], cy: 100 * box[v], r: 2.2 }), board, box, [h, v], changed));
    return [draggable(rectangle(box, kind), board, box, [0, 1, 2, 3], changed), ...corners];
  }

  const shorten = (v) => String(Math.round(v * 1000) / 1000).replace("-", "−");

  return { svg, area, overlap, iou, rectangle, movable, shorten };
})();
