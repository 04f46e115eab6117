/* What the pages "Explore" and "Two boxes to drag" share. Boxes are [x1, y1, x2, y2] in parts of the
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

  return { svg, area, overlap, iou };
})();
