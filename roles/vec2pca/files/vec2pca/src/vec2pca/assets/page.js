// The map of words, the panel about one word, and the downloads. Everything else on the page works without this.
(() => {
  const data = JSON.parse($("data").textContent);
  const { words, counts, variance, spread } = data; // spread: of each word over the samples, or null; null of one that a single sample has
  const scores = data.scores.map((row) => row.map((score) => score / 1e4));
  const place = new Map(words.map((word, i) => [word, i]));
  const canvas = $("map"), pen = canvas.getContext("2d");
  const x = $("x-axis"), y = $("y-axis"), search = $("search"), panel = $("word"), status = $("status");
  const MAX_ZOOM = 60, LABEL = 13, NEAR = 14; // px
  let view = { zoom: 1, x: 0, y: 0 }; // the middle of the view, in half-widths of the whole
  let chosen = -1, hovered = -1, query = "";
  let points = []; // per word: place in the whole, -1 to 1
  let ends = {};
  let frame = 0;

  // --- the map -------------------------------------------------------------------------------------------------

  function axisChanged() {
    const [cx, cy] = [+x.value, +y.value];
    const reach = (c) => Math.max(...scores.map((row) => Math.abs(row[c]))) * 1.08 || 1;
    const [rx, ry] = [reach(cx), reach(cy)];
    points = scores.map((row) => [row[cx] / rx, -row[cy] / ry]);
    const outer = (c) => {
      const order = scores.map((_, i) => i).sort((a, b) => scores[a][c] - scores[b][c]);
      return [order.slice(0, 2), order.slice(-2).reverse()].map((side) => side.map((i) => words[i]).join(", "));
    };
    ends = { x: outer(cx), y: outer(cy) };
    canvas.setAttribute("aria-label", `Map of ${words.length} words: PC${cx} to the right, PC${cy} upwards`);
    draw();
  }

  const size = () => ({ w: canvas.clientWidth, h: canvas.clientHeight });
  function toScreen([px, py]) {
    const { w, h } = size();
    return [w / 2 + ((px - view.x) * view.zoom * w) / 2, h / 2 + ((py - view.y) * view.zoom * h) / 2];
  }
  function moveTo(zoom, vx, vy) {
    zoom = Math.min(MAX_ZOOM, Math.max(1, zoom));
    const edge = 1 - 1 / zoom; // never past the border of the whole
    const within = (v) => Math.min(edge, Math.max(-edge, v));
    view = { zoom, x: within(vx), y: within(vy) };
    canvas.style.touchAction = zoom > 1 ? "none" : "pan-y";
    draw();
  }
  function zoomBy(factor, at) {
    const { w, h } = size();
    const [fx, fy] = at ? [(2 * at[0]) / w - 1, (2 * at[1]) / h - 1] : [0, 0];
    const zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
    const shift = 1 / view.zoom - 1 / zoom; // what is under the pointer stays there
    moveTo(zoom, view.x + fx * shift, view.y + fy * shift);
  }
  function inView() { // where the chosen word is seen, if it is: it stays there while the map grows
    if (chosen < 0) return undefined;
    const { w, h } = size(), [px, py] = toScreen(points[chosen]);
    return px >= 0 && py >= 0 && px <= w && py <= h ? [px, py] : undefined;
  }
  const draw = () => { frame ||= requestAnimationFrame(paint); };

  function paint() {
    frame = 0;
    const { w, h } = size(), density = Math.max(devicePixelRatio || 1, 2);
    if (canvas.width !== w * density || canvas.height !== h * density) {
      canvas.width = w * density;
      canvas.height = h * density;
    }
    pen.setTransform(density, 0, 0, density, 0, 0);
    pen.clearRect(0, 0, w, h);
    const style = getComputedStyle(document.documentElement);
    const colour = Object.fromEntries(
      ["ink", "soft", "line", "low", "high", "panel"].map((name) => [name, style.getPropertyValue("--" + name).trim()]),
    );
    const screen = points.map(toScreen);
    const [ox, oy] = toScreen([0, 0]);
    pen.strokeStyle = colour.line;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(ox, 0); pen.lineTo(ox, h); pen.moveTo(0, oy); pen.lineTo(w, oy);
    pen.stroke();

    const near = chosen < 0 ? [] : data.neighbours[chosen].map(([i]) => i);
    const found = query ? words.flatMap((word, i) => (word.startsWith(query) ? [i] : [])) : [];
    pen.strokeStyle = colour.soft;
    for (const i of near) {
      pen.beginPath(); pen.moveTo(...screen[chosen]); pen.lineTo(...screen[i]); pen.stroke();
    }
    const most = Math.log(counts[0] + 1);
    screen.forEach(([px, py], i) => {
      if (px < -5 || py < -5 || px > w + 5 || py > h + 5) return;
      pen.globalAlpha = 0.35 + 0.5 * Math.min(1, Math.hypot(...points[i]));
      pen.fillStyle = points[i][0] < 0 ? colour.low : colour.high;
      pen.beginPath();
      pen.arc(px, py, 1.2 + (2.4 * Math.log(counts[i] + 1)) / most, 0, 7);
      pen.fill();
    });
    pen.globalAlpha = 1;

    const taken = []; // boxes of the labels so far
    const free = (l, t, r, b) => !taken.some((box) => l < box[2] && r > box[0] && t < box[3] && b > box[1]);
    const note = (text, px, py, align) => {
      pen.font = "600 12px system-ui, sans-serif";
      pen.textAlign = align;
      const width = pen.measureText(text).width;
      const left = align === "left" ? px : align === "right" ? px - width : px - width / 2;
      taken.push([left - 4, py - 10, left + width + 4, py + 10]);
      pen.fillStyle = colour.panel;
      pen.fillRect(left - 4, py - 9, width + 8, 18);
      pen.fillStyle = colour.soft;
      pen.fillText(text, px, py);
    };
    pen.textBaseline = "middle";
    note("\u2190 " + ends.x[0], 8, h / 2, "left");
    note(ends.x[1] + " \u2192", w - 8, h / 2, "right");
    note("\u2191 " + ends.y[1], w / 2, 12, "center");
    note("\u2193 " + ends.y[0], w / 2, h - 12, "center");

    pen.textAlign = "left";
    const labelled = new Set();
    const label = (i, weight, must) => {
      const [px, py] = screen[i];
      if (labelled.has(i) || px < 0 || py < 0 || px > w || py > h) return;
      pen.font = `${weight} ${LABEL}px system-ui, sans-serif`;
      const width = pen.measureText(words[i]).width;
      const left = px + 6 + width > w ? px - 6 - width : px + 6;
      if (!must && !free(left, py - 8, left + width, py + 8)) return;
      taken.push([left - 2, py - 8, left + width + 2, py + 8]);
      labelled.add(i);
      if (must) {
        pen.fillStyle = colour.panel;
        pen.globalAlpha = 0.85;
        pen.fillRect(left - 2, py - 8, width + 4, 16);
        pen.globalAlpha = 1;
      }
      pen.fillStyle = points[i][0] < 0 ? colour.low : colour.high;
      if (i === chosen) pen.fillStyle = colour.ink;
      pen.fillText(words[i], left, py);
    };
    if (chosen >= 0) label(chosen, 700, true);
    if (hovered >= 0 && hovered !== chosen) label(hovered, 700, true);
    near.forEach((i) => label(i, 600, false));
    for (const i of found) {
      pen.strokeStyle = colour.ink;
      pen.lineWidth = 1;
      pen.beginPath(); pen.arc(...screen[i], 5, 0, 7); pen.stroke();
      label(i, 700, false);
    }
    outerFirst().forEach((i) => label(i, 400, false));
    if (chosen >= 0) {
      pen.strokeStyle = colour.ink;
      pen.lineWidth = 2;
      pen.beginPath(); pen.arc(...screen[chosen], 6, 0, 7); pen.stroke();
    }
  }

  let outer = { of: null, order: [] }; // words by distance from the middle: the outer ones are labelled first
  function outerFirst() {
    if (outer.of !== points) {
      const far = points.map((point) => Math.hypot(...point));
      outer = { of: points, order: far.map((_, i) => i).sort((a, b) => far[b] - far[a]) };
    }
    return outer.order;
  }
  function wordAt(event) {
    const box = canvas.getBoundingClientRect();
    const at = [event.clientX - box.left, event.clientY - box.top];
    let best = -1, least = NEAR;
    points.forEach((point, i) => {
      const [px, py] = toScreen(point);
      const far = Math.hypot(px - at[0], py - at[1]);
      if (far < least) [best, least] = [i, far];
    });
    return best;
  }

  // --- one word ------------------------------------------------------------------------------------------------

  function choose(i, move = true) {
    chosen = i;
    const widest = Math.max(...scores.flat().map(Math.abs)) || 1;
    const bars = scores[i].map((score, c) => {
      const bar = make("i", { className: score < 0 ? "below" : "above" });
      bar.style.width = `${(50 * Math.abs(score)) / widest}%`;
      return make("li", {}, make("span", { textContent: `PC${c}` }), make("span", { className: "scale", ariaHidden: "true" }, bar),
        make("span", { className: "score", textContent: signed(score) }));
    });
    const others = data.neighbours[i].map(([other, cosine]) =>
      make("li", {}, make("button", { type: "button", textContent: words[other], onclick: () => choose(other) }),
        make("span", { className: "score", textContent: (cosine / 100).toFixed(2) })));
    const rank = i + 1;
    panel.replaceChildren(
      make("h3", { textContent: words[i] }),
      make("p", { textContent: `${counts[i].toLocaleString("en")} times in the text, number ${rank.toLocaleString("en")} of ${words.length.toLocaleString("en")}.` }),
      ...(spread && spread[i] !== null ? [make("p", { textContent: `Spread ${spread[i].toFixed(3)}: how far it moves between the samples, 0 for not at all.` })] : []),
      make("h4", { textContent: "Scores" }), make("ol", { className: "scores" }, ...bars),
      make("h4", { textContent: "Nearest words, by cosine" }), make("ol", { className: "nearest" }, ...others));
    status.textContent = `${words[i]}: nearest are ${data.neighbours[i].slice(0, 5).map(([n]) => words[n]).join(", ")}.`;
    for (const cell of document.querySelectorAll("td.picked")) cell.classList.remove("picked");
    for (const cell of document.querySelectorAll("td")) if (cell.textContent === words[i]) cell.classList.add("picked");
    if (move && view.zoom > 1) moveTo(view.zoom, ...points[i]);
    draw();
  }

  // --- hands ---------------------------------------------------------------------------------------------------

  for (const [select, first] of [[x, 0], [y, 1]]) {
    select.append(...variance.map((share, c) => new Option(`PC${c} (${(100 * share).toFixed(1)} %)`, c)));
    select.value = Math.min(first, variance.length - 1);
    select.addEventListener("change", axisChanged);
  }
  $("words").append(...words.map((word) => new Option(word)));
  search.addEventListener("input", () => {
    query = search.value.trim().toLowerCase();
    const i = place.get(query);
    if (i !== undefined) choose(i);
    else {
      const count = query ? words.filter((word) => word.startsWith(query)).length : 0;
      status.textContent = query ? `${count} words begin with \u201c${query}\u201d.` : "";
    }
    draw();
  });
  $("find").addEventListener("submit", (event) => {
    event.preventDefault();
    const i = words.findIndex((word) => word.startsWith(query));
    if (query && i >= 0) {
      search.value = query = words[i];
      choose(i);
    }
  });
  $("zoom-in").onclick = () => zoomBy(1.6, inView());
  $("zoom-out").onclick = () => zoomBy(1 / 1.6, inView());
  $("zoom-reset").onclick = () => moveTo(1, 0, 0);
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return; // the page scrolls until the map is chosen
    event.preventDefault();
    const box = canvas.getBoundingClientRect();
    zoomBy(Math.exp(-event.deltaY / 300), [event.clientX - box.left, event.clientY - box.top]);
  }, { passive: false });
  let drag = null;
  canvas.addEventListener("pointerdown", (event) => {
    drag = { x: event.clientX, y: event.clientY, view, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
      drag.moved ||= Math.hypot(dx, dy) > 4;
      const { w, h } = size(), from = drag.view;
      if (drag.moved) moveTo(from.zoom, from.x - (2 * dx) / w / from.zoom, from.y - (2 * dy) / h / from.zoom);
      return;
    }
    const i = wordAt(event);
    canvas.style.cursor = i >= 0 ? "pointer" : view.zoom > 1 ? "grab" : "default";
    if (i !== hovered) { hovered = i; draw(); }
  });
  canvas.addEventListener("pointerup", (event) => {
    if (drag && !drag.moved) {
      const i = wordAt(event);
      if (i >= 0) choose(i, false);
    }
    drag = null;
  });
  canvas.addEventListener("pointercancel", () => { drag = null; });
  canvas.addEventListener("pointerleave", () => { hovered = -1; draw(); });
  canvas.addEventListener("keydown", (event) => {
    const by = 0.2 / view.zoom;
    const actions = {
      ArrowLeft: () => moveTo(view.zoom, view.x - by, view.y), ArrowRight: () => moveTo(view.zoom, view.x + by, view.y),
      ArrowUp: () => moveTo(view.zoom, view.x, view.y - by), ArrowDown: () => moveTo(view.zoom, view.x, view.y + by),
      "+": () => zoomBy(1.3, inView()), "=": () => zoomBy(1.3, inView()), "-": () => zoomBy(1 / 1.3, inView()), 0: () => moveTo(1, 0, 0),
    };
    if (!actions[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    actions[event.key]();
  });
  for (const area of document.querySelectorAll(".ends, table"))
    area.addEventListener("click", (event) => {
      const i = place.get(event.target.textContent);
      if (i !== undefined && event.target.matches("td, li > :first-child")) choose(i);
    });

  // --- downloads -----------------------------------------------------------------------------------------------

  const names = variance.map((_, c) => `PC${c}`);
  $("get-csv").onclick = () => download("vec2pca.csv", "text/csv",
    [["word", "count", ...names, ...(spread ? ["spread"] : [])],
      ...words.map((word, i) => [word, counts[i], ...scores[i], ...(spread ? [spread[i]] : [])])].map((row) => row.join(",") + "\n").join(""));
  $("get-json").onclick = () => download("vec2pca.json", "application/json", JSON.stringify({
    title: document.title, about: data.about, parameters: data.parameters, corpus: data.corpus,
    components: names.map((name, c) => ({ name, variance: variance[c] })), words, counts, scores,
    ...(spread ? { spread } : {}),
    neighbours: data.neighbours.map((row) => row.map(([i, cosine]) => [words[i], cosine / 100])),
  }));

  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  addEventListener("beforeprint", paint);
  new ResizeObserver(draw).observe(canvas);
  axisChanged();
  choose(scores.reduce((best, row, i) => (row[0] > scores[best][0] ? i : best), 0), false);
  status.textContent = "";
})();
