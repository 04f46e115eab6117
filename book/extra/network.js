/* A trained CLN in the browser: clnForward(network) → a function from grey pixels to outputs.
   The steps and weights are those that clnbook/exported.py writes. Arrays are of height × width ×
   channels, the channels side by side. */
"use strict";
window.clnForward = function (network) {
  const bytes = window.clnForward.bytes;
  const levels = new Int8Array(bytes(network.int8).buffer);
  const floats = new Float32Array(bytes(network.float32).buffer);

  let nextLevel = 0, nextFloat = 0;
  const steps = network.steps.map((step) => {
    if (!step.shape) return step;
    const [high, wide, into, out] = step.shape;
    const number = high * wide * (step.op === "depthwise" ? 1 : into) * out;
    const unit = floats.subarray(nextFloat, nextFloat + out);
    const bias = floats.subarray(nextFloat + out, nextFloat + 2 * out);
    const kernel = Float32Array.from(levels.subarray(nextLevel, nextLevel + number),
      (level, k) => level * unit[k % out]);
    nextLevel += number;
    nextFloat += 2 * out;
    return { ...step, kernel, bias };
  });

  const activations = {
    relu: (v) => Math.max(v, 0),
    hard_sigmoid: (v) => Math.min(Math.max(v + 3, 0), 6) / 6,
    hard_silu: (v) => v * Math.min(Math.max(v + 3, 0), 6) / 6,
  };

  function softmax(values) {
    const most = Math.max(...values), powers = values.map((v) => Math.exp(v - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((v) => v / sum);
  }

  const array = (h, w, c) => ({ h, w, c, data: new Float32Array(h * w * c) });

  /* A convolution; of a depthwise one, every channel has a kernel of its own. */
  function convolved(step, x) {
    const [high, wide, , out] = step.shape, [above, left, below, right] = step.pad;
    const each = step.op === "depthwise", { kernel, bias, stride } = step;
    const y = array(Math.floor((x.h + above + below - high) / stride) + 1,
                    Math.floor((x.w + left + right - wide) / stride) + 1, out);
    for (let row = 0, at = 0; row < y.h; row++) for (let column = 0; column < y.w; column++, at += out) {
      const sums = y.data.subarray(at, at + out);
      sums.set(bias);
      for (let i = 0; i < high; i++) for (let j = 0; j < wide; j++) {
        const r = row * stride + i - above, c = column * stride + j - left;
        if (r < 0 || c < 0 || r >= x.h || c >= x.w) continue;
        const from = (r * x.w + c) * x.c, tap = (i * wide + j) * (each ? 1 : x.c) * out;
        if (each) for (let k = 0; k < out; k++) sums[k] += x.data[from + k] * kernel[tap + k];
        else for (let k = 0; k < x.c; k++) {
          const value = x.data[from + k], first = tap + k * out;
          if (value) for (let o = 0; o < out; o++) sums[o] += value * kernel[first + o];
        }
      }
    }
    return y;
  }

  /* Global average pooling: a single pixel. */
  function pooled(x) {
    const y = array(1, 1, x.c);
    for (let k = 0; k < x.data.length; k++) y.data[k % x.c] += x.data[k] / (x.h * x.w);
    return y;
  }

  /* Sum or product of two arrays, of which the second may be a single pixel. */
  function joined(op, a, b) {
    const y = array(a.h, a.w, a.c), n = b.data.length;
    for (let k = 0; k < y.data.length; k++)
      y.data[k] = op === "add" ? a.data[k] + b.data[k % n] : a.data[k] * b.data[k % n];
    return y;
  }

  function taken(step, [first, second]) {
    const y = step.shape ? convolved(step, first)
      : step.op === "pool" ? pooled(first) : joined(step.op, first, second);
    const change = activations[step.act];
    if (change) for (let k = 0; k < y.data.length; k++) y.data[k] = change(y.data[k]);
    if (step.act === "softmax") y.data = Float32Array.from(softmax([...y.data]));
    return y;
  }

  /* Grey pixels (size × size, 0 to 255) → { finding: probabilities, box: [x1, y1, x2, y2] }. */
  return function (pixels) {
    const size = network.size, [factor, summand] = network.scaling;
    const image = { h: size, w: size, c: 1, data: Float32Array.from(pixels, (v) => v * factor + summand) };
    const made = [];
    for (const step of steps) made.push(taken(step, step.of.map((k) => k < 0 ? image : made[k])));
    return { finding: [...made[network.finding].data], box: [...made[network.box].data] };
  };
};
window.clnForward.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
