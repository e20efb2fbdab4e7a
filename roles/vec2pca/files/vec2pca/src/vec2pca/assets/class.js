// The heat map under the pointer and the keys, tables that sort, the search of words, the downloads.
(() => {
  const data = JSON.parse($("data").textContent);
  const { found, scales, palette, onDark, limits } = data;
  const { hosts, order, pairs } = found;
  const R = hosts.length, CLEAR = palette.length;
  const names = hosts.map((host) => host.name);
  // pairs has, for each server, its agreement with those after it
  const agreement = (key, i, j) => (i === j ? 1 : i < j ? pairs[key][i][j - i - 1] : pairs[key][j][i - j - 1]);
  const number = (value, digits = 2) => value === null ? "n/a"
    : (digits ? value.toFixed(digits) : Math.round(value).toLocaleString("en")).replace("-", "\u2212");
  const columns = Object.keys(found.words);
  const words = (found.words.word ?? []).map((_, i) => Object.fromEntries(columns.map((key) => [key, found.words[key][i]])));
  const named = (name, address = "") => {
    const text = make("bdi", { textContent: name });
    return /^https?:\/\//.test(address) ? make("a", { href: address }, text) : text;
  };

  // --- the heat map ----------------------------------------------------------------------------------------------

  function heatMap() {
    const plane = $("heat"), image = $("heat-image"), measure = $("measure"), panel = $("pair"), status = $("status");
    const written = [...plane.querySelectorAll(".cells span")];
    const axes = ["rows", "columns"].map((side) => [...document.querySelectorAll(`.axes .${side} li`)]);
    const [across, down, mark] = ["band", "band", "mark"].map((className) => make("div", { className }));
    plane.append(across, down, mark);
    const tip = make("div", { className: "tip", ariaHidden: "true" }); // where no names stand beside the map
    if (R > limits.named) plane.append(tip);
    let row = 0, column = 1;

    const value = (r, c, key = measure.value) => agreement(key, order[r], order[c]);
    function step(r, c) {
      const [low, high] = scales[measure.value], at = r === c ? null : value(r, c);
      return at === null ? CLEAR : Math.round((CLEAR - 1) * Math.min(1, Math.max(0, (at - low) / (high - low))));
    }
    function paint() {
      const canvas = make("canvas", { width: R, height: R }), pen = canvas.getContext("2d");
      const pixels = pen.createImageData(R, R);
      for (let r = 0; r < R; r++)
        for (let c = 0; c < R; c++) {
          const colour = step(r, c);
          if (colour !== CLEAR) pixels.data.set([...palette[colour], 255], 4 * (r * R + c));
        }
      pen.putImageData(pixels, 0, 0);
      const title = data.measures[measure.value], [low, high] = scales[measure.value].map((end) => number(end, 3));
      image.src = canvas.toDataURL();
      image.alt = `${title} of ${R} servers, from ${low} (pale) to ${high} (dark); the table below has the numbers`;
      plane.setAttribute("aria-label", `Heat map: ${title} of ${R} servers`);
      $("scale-low").textContent = low;
      $("scale-high").textContent = high;
      $("scale-title").textContent = title;
      written.forEach((cell, at) => {
        const r = Math.floor(at / R), c = at % R;
        cell.textContent = r === c ? "" : number(value(r, c), R <= limits.few ? 3 : 2);
        cell.className = onDark[step(r, c)] ? "on-dark" : "";
      });
      numbers(title);
    }
    function numbers(title) {
      const table = $("pairs");
      table.caption.textContent = title;
      [...table.tBodies[0].rows].forEach((line, r) => {
        if (R <= limits.pairs) {
          for (let c = 0; c < R; c++) if (r !== c) line.cells[c + 1].textContent = number(value(r, c), 3);
          return;
        }
        const others = order.map((_, c) => [value(r, c), c]).filter(([at, c]) => c !== r && at !== null).sort((a, b) => a[0] - b[0]);
        if (!others.length) return;
        const half = others.length / 2;
        line.cells[1].textContent = number((others[Math.ceil(half) - 1][0] + others[Math.floor(half)][0]) / 2, 3);
        [others.at(-1), others[0]].forEach(([at, c], end) => line.cells[2 + end].replaceChildren(
          `${number(at, 3)} `, make("span", {}, "with ", named(names[order[c]]))));
      });
    }
    function told(r, c) {
      const [a, b] = [names[order[r]], names[order[c]]];
      return r === c ? `${a}: itself` : `${a} and ${b}: ${data.measures[measure.value].toLowerCase()} ${number(value(r, c), 3)}`;
    }
    function choose(r, c, tell = true) {
      [row, column] = [r, c];
      const part = 100 / R;
      Object.assign(across.style, { left: 0, width: "100%", top: `${r * part}%`, height: `${part}%` });
      Object.assign(down.style, { top: 0, height: "100%", left: `${c * part}%`, width: `${part}%` });
      Object.assign(mark.style, { left: `${c * part}%`, top: `${r * part}%`, width: `${part}%`, height: `${part}%` });
      [r, c].forEach((at, side) => axes[side].forEach((item, i) => item.classList.toggle("on", i === at)));
      const [right, low] = [c >= R / 2, r >= R / 2];
      Object.assign(tip.style, {
        left: right ? "auto" : `${(c + 1) * part}%`, right: right ? `${100 - c * part}%` : "auto",
        top: low ? "auto" : `${(r + 1) * part}%`, bottom: low ? `${100 - r * part}%` : "auto",
      });
      tip.textContent = told(r, c);
      const [a, b] = [hosts[order[r]], hosts[order[c]]];
      if (r === c)
        panel.replaceChildren(make("h3", {}, named(a.name, a.address)), make("p", { textContent: "A server with itself: the same map." }));
      else {
        const lines = Object.entries(data.measures).map(([key, title]) => make("tr", {},
          make("th", { scope: "row", textContent: title }), make("td", { textContent: number(value(r, c, key), 3) }),
          make("td", { textContent: number(found.measures[key].mean, 3) })));
        panel.replaceChildren(
          make("h3", {}, named(a.name, a.address), make("br"), "and ", named(b.name, b.address)),
          make("p", { className: "figure", textContent: number(value(r, c), 3) }),
          make("p", { className: "hint", textContent: data.measures[measure.value].toLowerCase() }),
          make("table", { className: "plain" }, make("thead", {}, make("tr", {}, make("td"),
            ...["Pair", "Mean"].map((textContent) => make("th", { scope: "col", textContent })))), make("tbody", {}, ...lines)));
      }
      if (tell) status.textContent = told(r, c);
    }
    function extreme(sign) {
      let best = [0, 1];
      for (let r = 0; r < R; r++)
        for (let c = r + 1; c < R; c++)
          if (value(r, c) !== null && sign * value(r, c) > sign * (value(...best) ?? -sign * Infinity)) best = [r, c];
      return best;
    }
    function under(event) {
      const box = plane.getBoundingClientRect();
      const at = (part) => Math.min(R - 1, Math.max(0, Math.floor(part * R)));
      return [at((event.clientY - box.top) / box.height), at((event.clientX - box.left) / box.width)];
    }

    plane.tabIndex = 0;
    plane.setAttribute("role", "application");
    plane.setAttribute("aria-describedby", "heat-help");
    plane.addEventListener("pointermove", (event) => {
      const [r, c] = under(event);
      if (r !== row || c !== column) choose(r, c, false); // a pointer is fast: the keys tell each pair, this does not
    });
    plane.addEventListener("click", (event) => choose(...under(event)));
    plane.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -R], End: [0, R], PageUp: [-R, 0], PageDown: [R, 0] };
      const by = steps[event.key];
      if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      const inside = (at) => Math.min(R - 1, Math.max(0, at));
      choose(inside(row + by[0]), inside(column + by[1]));
      mark.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
    plane.addEventListener("focus", () => { status.textContent = told(row, column); });
    measure.addEventListener("change", () => { paint(); choose(row, column); });
    $("most").onclick = () => choose(...extreme(1));
    $("least").onclick = () => choose(...extreme(-1));
    paint();
    choose(...extreme(-1), false);
  }

  // --- tables that sort ------------------------------------------------------------------------------------------

  // Makes buttons of the headings; sort(column, down) puts the rows in order. Numbers begin with the largest.
  function sortable(table, textual, sort) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, at) => {
      const button = make("button", { type: "button", textContent: head.textContent });
      head.replaceChildren(button);
      button.onclick = () => {
        const now = head.getAttribute("aria-sort");
        const down = now ? now === "ascending" : !textual.includes(at);
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(at, down);
      };
    });
  }
  // What is not known comes last, whichever way
  function by(pick, down) {
    return (a, b) => {
      const [x, y] = [pick(a), pick(b)];
      if (x === null || y === null) return (x === null) - (y === null);
      const order = typeof x === "string" ? x.localeCompare(y, "en", { numeric: true }) : x - y;
      return down ? -order : order;
    };
  }

  function hostTable() {
    const table = $("host-table"), rows = [...table.tBodies[0].rows];
    sortable(table, [0, 1, 7, 8], (column, down) => {
      const pick = (row) => {
        const cell = row.cells[column], value = cell.dataset.value;
        if (value === undefined) return cell.textContent || null;
        return value === "" ? null : Number.isNaN(+value) ? value : +value;
      };
      table.tBodies[0].append(...rows.sort(by(pick, down)));
    });
  }

  function wordTable() {
    const table = $("word-table"), search = $("search"), told = $("found-words"), more = $("more");
    const keys = ["word", "spread", "neighbours", "deviation", "count", "hosts"]; // of the columns
    const widest = Math.max(...words.map((word) => word.spread ?? 0)) || 1;
    let shown = limits.words, ordered = words;
    function row(word) {
      const bar = make("i", { ariaHidden: "true" });
      bar.style.width = `${(100 * (word.spread ?? 0)) / widest}%`;
      const cell = (textContent) => make("td", { textContent });
      return make("tr", {}, make("th", { scope: "row", textContent: word.word }),
        make("td", { className: "spread" }, bar, make("span", { textContent: number(word.spread, 3) })),
        cell(word.neighbours === null ? "n/a" : `${Math.round(100 * word.neighbours)}\u202f%`),
        cell(number(word.deviation, 3)), cell(number(word.count, 0)), cell(`${word.hosts} of ${R}`));
    }
    function show() {
      const query = search.value.trim().toLowerCase();
      const matching = query ? ordered.filter(({ word }) => word.toLowerCase().includes(query)) : ordered;
      // an exact match goes first
      const first = query ? [...matching.filter(({ word }) => word === query), ...matching.filter(({ word }) => word !== query)] : matching;
      for (const body of [...table.tBodies]) body.remove();
      table.append(make("tbody", {}, ...first.slice(0, shown).map(row)));
      more.hidden = first.length <= shown;
      const count = `${Math.min(shown, first.length).toLocaleString("en")} of ${first.length.toLocaleString("en")} words`;
      told.textContent = query ? `${count} with \u201c${query}\u201d in them` : count;
    }
    sortable(table, [0], (column, down) => {
      ordered = [...words].sort(by((word) => word[keys[column]], down));
      show();
    });
    search.addEventListener("input", () => { shown = limits.words; show(); });
    $("find").addEventListener("submit", (event) => event.preventDefault());
    more.onclick = () => { shown += 100; show(); };
    told.textContent = `${words.length.toLocaleString("en")} words; the headings sort them all`;
  }

  // --- downloads -------------------------------------------------------------------------------------------------

  $("get-csv").onclick = () => download("class.csv", "text/csv", data.csv);
  $("get-json").onclick = () => {
    const whole = (key) => hosts.map((_, i) => hosts.map((_, j) => agreement(key, i, j)));
    const tables = Object.fromEntries(Object.keys(pairs).map((key) => [key, whole(key)]));
    download("class.json", "application/json", JSON.stringify({ ...found, pairs: tables, words }));
  };

  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;
  if (R > 1) heatMap();
  hostTable();
  wordTable();
})();
