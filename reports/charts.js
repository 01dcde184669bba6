// Draws the charts: one function a kind, all on Observable Plot. Colours are the style sheet's, so a change of theme redraws nothing.
"use strict";
(() => {
  const page = JSON.parse(document.getElementById("report-data").textContent);
  const { timeline } = page;
  const MINUTE = 60;
  const STATES = {
    good: ["var(--green)", "circle"],
    late: ["var(--orange)", "diamond2"],
    rejected: ["var(--purple)", "square"],
    error: ["var(--vermillion)", "times"],
    timeout: ["var(--ink)", "triangle"],
    unsent: ["var(--grey)", "square2"],
    "in flight": ["var(--sky)", "plus"],
  };
  const CYCLE = ["var(--blue)", "var(--orange)", "var(--green)", "var(--purple)", "var(--ink)", "var(--sky)", "var(--vermillion)"];
  const PERCENTILES = [["p99", "var(--ink)"], ["p95", "var(--green)"], ["p50", "var(--blue)"]];
  const ROLES = { warmup: "var(--grey)", baseline: "var(--blue)", fault: "var(--vermillion)", recovery: "var(--green)", steady: "var(--sky)" };

  // Data: columns become rows, coded words become words.
  const cells = (column) => (Array.isArray(column) ? column : column.codes.map((code) => column.words[code]));
  const table = (chart, number = 0) => {
    const data = chart.data[number];
    if (!data) return [];
    const columns = Object.entries(data.columns).map(([name, column]) => [name, cells(column)]);
    return Array.from({ length: columns[0][1].length }, (_, row) => Object.fromEntries(columns.map(([name, column]) => [name, column[row]])));
  };

  // Words and numbers.
  const compact = (value) => (value >= 1000 ? `${+(value / 1000).toPrecision(3)} s` : `${+value.toPrecision(3)} ms`);
  const clock = (value) => (timeline.end_s > 5 * MINUTE ? `${+(value / MINUTE).toFixed(1)} min` : `${+value.toFixed(3)} s`);
  const colourOf = (words) => (word) => (word === "nobody" ? "var(--grey)" : CYCLE[words.indexOf(word) % CYCLE.length]);

  // Axes.
  function milliseconds(values, scale, label, narrow) {
    const found = values.filter((value) => value > 0);
    const high = d3.max(found) ?? 1;
    if (scale === "linear") return { type: "linear", domain: [0, high * 1.05], label, grid: true, ticks: 5, tickFormat: compact };
    const low = d3.min(found) ?? 0.1;
    const domain = [low / 1.25, high * 1.4];
    return { type: "log", domain, label, grid: true, ticks: logTicks(domain, narrow), tickFormat: compact };
  }

  function logTicks([low, high], narrow) {
    const steps = high / low > 500 || narrow ? [1] : high / low > 50 ? [1, 3] : [1, 2, 5];
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      for (const step of steps) if (step * 10 ** power >= low && step * 10 ** power <= high) ticks.push(step * 10 ** power);
    }
    return ticks.length > 1 ? ticks : [low, high];
  }

  const grouped = (value) => d3.format(",")(value).replaceAll(",", "\u202f");
  const highest = (values) => (d3.max(values) ?? 0) * 1.08 || 1;
  const time = (width) => ({ domain: [0, timeline.end_s], label: null, ticks: width < 500 ? 4 : 9, tickFormat: clock });

  // Phases and faults behind a chart over time; labels that do not fit are left out.
  function backdrop({ width, left, right }, labelled = true) {
    const perSecond = (width - left - right) / timeline.end_s;
    const fits = (text, from, to) => text.length * 6.4 < (to - from) * perSecond;
    const phases = timeline.phases.filter((phase) => phase.end_s > phase.start_s);
    const marks = [
      Plot.rectX(timeline.faults, { x1: "start_s", x2: "end_s", fill: "var(--band)" }),
      Plot.ruleX(phases.slice(1), { x: "start_s", stroke: "var(--soft)", strokeOpacity: 0.55 }),
      Plot.ruleX(timeline.faults.flatMap((fault) => [fault.requested_s, fault.clear_requested_s]).filter((at) => at !== null), {
        stroke: "var(--vermillion)", strokeDasharray: "3,3", strokeOpacity: 0.8,
      }),
    ];
    if (!labelled) return marks;
    return [
      ...marks,
      Plot.text(phases.filter((phase) => fits(phase.name, phase.start_s, phase.end_s)), {
        x: (phase) => (phase.start_s + phase.end_s) / 2, text: "name", frameAnchor: "top", dy: -26, fill: "var(--ink)", fontWeight: 600,
      }),
      Plot.text(timeline.faults.filter((fault) => fits(fault.label, fault.start_s, fault.end_s)), {
        x: (fault) => (fault.start_s + fault.end_s) / 2, text: "label", frameAnchor: "top", dy: -11, fill: "var(--fail)",
      }),
    ];
  }

  const objective = (value_ms) => [
    Plot.ruleY([value_ms], { stroke: "var(--accent)", strokeDasharray: "6,3" }),
    Plot.text([value_ms], { y: (value) => value, text: (value) => `objective ${compact(value)}`, frameAnchor: "right", textAnchor: "end", lineAnchor: "bottom", dx: -4, dy: -4, fill: "var(--accent)", stroke: "var(--paper)", strokeWidth: 3 }),
  ];

  const tip = (rows, x, y, words) => Plot.tip(rows, Plot.pointer({ x, y, title: words, stroke: "var(--rule)", fontSize: 12, textPadding: 6 }));

  // Kinds. Each takes (chart, size, choices) and returns options for Plot.plot, with a legend in `legend`.
  const kinds = {
    latency(chart, size, choices) {
      const bins = table(chart), dots = table(chart, 1), { facts } = chart;
      const middle = (bin) => (bin.from_s + bin.to_s) / 2;
      const values = dots.length ? dots.map((row) => row.response_ms) : bins.flatMap((bin) => [bin.min_ms, bin.max_ms]);
      const marks = [...backdrop(size)];
      if (dots.length) {
        marks.push(Plot.dot(dots.filter((row) => row.state === "good"), { x: "due_s", y: "response_ms", r: size.width < 500 ? 1 : 1.5, fill: "var(--grey)", fillOpacity: size.width < 500 ? 0.35 : 0.45 }));
      } else {
        marks.push(Plot.areaY(bins, { x: middle, y1: "min_ms", y2: "max_ms", fill: "var(--haze)", curve: "step" }));
        marks.push(Plot.areaY(bins, { x: middle, y1: "p50_ms", y2: "p95_ms", fill: "var(--mist)", curve: "step" }));
      }
      const lines = PERCENTILES.filter(([name]) => bins.some((bin) => bin[`${name}_ms`] !== null));
      const bad = dots.filter((row) => row.state !== "good");
      marks.push(...stateDots(bad, "due_s", (row) => STATES[row.state][0]));
      for (const [name, stroke] of lines) marks.push(Plot.lineY(bins, { x: middle, y: `${name}_ms`, stroke, strokeWidth: 1.5, curve: dots.length ? "linear" : "step" }));
      marks.push(...objective(facts.objective_ms));
      marks.push(dots.length
        ? tip(dots, "due_s", "response_ms", (row) => `due at ${clock(row.due_s)}\n${compact(row.response_ms)}, ${row.state}\nmade by ${row.provider}`)
        : tip(bins, middle, "p50_ms", binWords));
      return {
        x: time(size.width), y: milliseconds([...values, facts.objective_ms], choices.scale, null, false), marks,
        legend: [
          ...(dots.length ? [["good request", "var(--grey)", "dot"]] : [["smallest to largest", "var(--haze)", "area"], ["p50 to p95", "var(--mist)", "area"]]),
          ...lines.reverse().map(([name, stroke]) => [name, stroke, "line"]), ...stateLegend(bad), ...bandLegend(),
        ],
      };
    },

    stack(chart, size) {
      const { by, words, y } = chart.facts, rows = table(chart);
      const colour = by === "state" ? (word) => STATES[word][0] : colourOf(words);
      const order = words.filter((word) => rows.some((row) => row[by] === word));
      return {
        x: time(size.width), y: { label: null, grid: true, ticks: 4, tickFormat: grouped, domain: [0, highest(d3.rollup(rows, (own) => d3.sum(own, (row) => row.per_s), (row) => row.from_s).values())] },
        color: { domain: order, range: order.map(colour) },
        marks: [
          ...backdrop(size),
          Plot.rectY(rows, Plot.stackY({ x1: "from_s", x2: "to_s", y: "per_s", fill: by, order, fillOpacity: 0.85, shapeRendering: "crispEdges" })),
          Plot.ruleY([0], { stroke: "var(--soft)" }),
          Plot.tip(rows, Plot.pointerX(Plot.stackY({ x1: "from_s", x2: "to_s", y: "per_s", order, z: by, title: (row) => `${clock(row.from_s)} – ${clock(row.to_s)}\n${row[by]}: ${row.per_s} per second` }))),
        ],
        legend: order.map((word) => [word, colour(word), "area"]), unit: y,
      };
    },

    steps(chart, size) {
      const { by, words, y, width_s } = chart.facts, colour = colourOf(words);
      const found = d3.group(table(chart), (row) => row[by], (row) => Math.round(row.from_s / width_s));
      const bins = Math.ceil(timeline.end_s / width_s);
      const rows = words.flatMap((word) => d3.range(bins + 1).map((bin) => ({
        at_s: Math.min(bin * width_s, timeline.end_s), [by]: word, per_s: found.get(word)?.get(Math.min(bin, bins - 1))?.[0].per_s ?? 0,
      })));
      return {
        x: time(size.width), y: { label: null, grid: true, ticks: 4, tickFormat: grouped, domain: [0, highest(rows.map((row) => row.per_s))] },
        marks: [
          ...backdrop(size), Plot.ruleY([0], { stroke: "var(--soft)" }),
          ...words.map((word) => Plot.lineY(rows.filter((row) => row[by] === word), { x: "at_s", y: "per_s", stroke: colour(word), strokeWidth: 1.75, curve: "step-after" })),
          tip(rows, "at_s", "per_s", (row) => `from ${clock(row.at_s)}\n${row[by]}: ${row.per_s} per second`),
        ],
        legend: words.map((word) => [word, colour(word), "line"]), unit: y,
      };
    },

    percentiles(chart, size, choices) {
      const { phases, objective_ms, beyond } = chart.facts, rows = table(chart);
      const role = (name) => timeline.phases.find((phase) => phase.name === name)?.role;
      const used = new Set();
      const colours = new Map(phases.map((name, number) => {
        const wanted = name === "transition" ? "var(--purple)" : ROLES[role(name)] ?? CYCLE[number % CYCLE.length];
        const colour = used.has(wanted) ? CYCLE.find((other) => !used.has(other)) ?? wanted : wanted;
        used.add(colour);
        return [name, colour];
      }));
      const nines = (row) => 1 / (1 - row.share);
      const most = d3.max(rows, nines);
      const ticks = [2, 10, 100, 1000, 10_000, 100_000].filter((value) => value <= most * 1.01);
      const drawn = phases.flatMap((name) => {
        const own = rows.filter((row) => row.phase === name);
        const firm = own.filter((row) => row.requests_beyond >= beyond);
        const thin = own.filter((row) => row.requests_beyond < beyond);
        const common = { x: nines, y: "response_ms", stroke: colours.get(name) };
        return [
          Plot.lineY(firm, { ...common, strokeWidth: 2, curve: "step-after" }),
          Plot.lineY(firm.slice(-1).concat(thin), { ...common, strokeWidth: 1.5, strokeDasharray: "1,4", strokeLinecap: "round", curve: "step-after" }),
        ];
      });
      return {
        x: { type: "log", domain: [1, most * 1.05], ticks, tickFormat: (value) => (value === 2 ? "50 %" : `${+(100 - 100 / value).toFixed(4)} %`), label: null, grid: true },
        y: milliseconds([...rows.map((row) => row.response_ms), objective_ms], choices.scale, null, false),
        marks: [
          ...objective(objective_ms), ...drawn,
          tip(rows, nines, "response_ms", (row) => `${row.phase}\n${+(row.share * 100).toFixed(3)} % within ${compact(row.response_ms)}\n${row.requests_beyond} requests beyond`),
        ],
        legend: [...colours].map(([name, colour]) => [name, colour, "line"]),
      };
    },

    closeup(chart, size, choices) {
      size.left = Math.max(size.left, Math.min(110, 16 + 6.4 * d3.max(chart.facts.providers, (name) => name.length)));
      const { facts } = chart, rows = table(chart), attempts = table(chart, 1), colour = colourOf(facts.providers);
      const x = { domain: [-facts.reach_s, facts.reach_s], label: null, ticks: size.width < 500 ? 5 : 9, tickFormat: (value) => `${value > 0 ? "+" : ""}${+value.toFixed(3)} s` };
      const good = rows.filter((row) => row.state === "good"), bad = rows.filter((row) => row.state !== "good");
      const edges = facts.marks.filter((mark) => mark.what !== "proven" || mark.since_s <= facts.reach_s);
      const known = edges.find((mark) => mark.what === "proven");
      return {
        x, y: milliseconds([...rows.map((row) => row.response_ms), facts.objective_ms], choices.scale, null, false),
        marks: [
          Plot.rectX([0], { x1: 0, x2: facts.reach_s, fill: "var(--band)" }),
          Plot.ruleX([0], { stroke: "var(--vermillion)", strokeWidth: 1.5 }),
          Plot.ruleX(edges.filter((mark) => mark.what !== "acknowledged"), { x: "since_s", stroke: "var(--vermillion)", strokeDasharray: "3,3" }),
          Plot.text([0], { x: 0, text: () => "acknowledged", frameAnchor: "top", textAnchor: "end", dx: -4, dy: -11, fill: "var(--fail)" }),
          Plot.text(known ? [known] : [], { x: "since_s", text: () => `proven +${compact(known.since_s * 1000)}`, frameAnchor: "top", textAnchor: "start", dx: 4, dy: -11, fill: "var(--fail)" }),
          ...objective(facts.objective_ms),
          Plot.dot(good, { x: "since_s", y: "response_ms", r: 2.4, fill: (row) => colour(row.provider), fillOpacity: 0.75 }),
          ...stateDots(bad, "since_s", (row) => colour(row.provider)),
          tip(rows, "since_s", "response_ms", (row) => `due ${row.since_s > 0 ? "+" : ""}${(row.since_s * 1000).toFixed(1)} ms\n${compact(row.response_ms)}, ${row.state}\nmade by ${row.provider}, ${row.attempts} attempt${row.attempts === 1 ? "" : "s"}`),
        ],
        below: attempts.length ? {
          x: { ...x, axis: null }, y: { domain: facts.providers, label: null }, height: 22 + 22 * facts.providers.length, marginBottom: 4, marginTop: 18,
          marks: [
            Plot.tickX(attempts.filter((row) => row.end === "completed"), { x: "since_s", y: "provider", stroke: (row) => colour(row.provider), strokeOpacity: 0.7, insetTop: 2, insetBottom: 2 }),
            Plot.tickX(attempts.filter((row) => row.end !== "completed"), { x: "since_s", y: "provider", stroke: "var(--vermillion)", strokeWidth: 1.5, insetTop: 2, insetBottom: 2 }),
          ],
        } : null,
        legend: [
          ...facts.providers.map((name) => [`made by ${name}`, colour(name), "dot"]), ...stateLegend(bad),
          ...(attempts.some((row) => row.end !== "completed") ? [["attempt that failed", "var(--vermillion)", "tick"]] : []),
        ],
      };
    },

    spread(chart, size) {
      const bins = table(chart), { facts } = chart, middle = (bin) => (bin.from_s + bin.to_s) / 2;
      const lines = [["max", "var(--grey)"], ...PERCENTILES].filter(([name]) => bins.some((bin) => bin[`${name}_ms`] !== null));
      return {
        x: time(size.width), y: milliseconds([...bins.flatMap((bin) => [bin.p50_ms, bin.max_ms]), facts.limit_ms], "log", null, true),
        marks: [
          ...backdrop(size, false),
          Plot.ruleY([facts.limit_ms], { stroke: "var(--accent)", strokeDasharray: "6,3" }),
          Plot.text([facts.limit_ms], { y: (value) => value, text: (value) => `limit of p99 ${compact(value)}`, frameAnchor: "right", textAnchor: "end", dx: -4, dy: 9, fill: "var(--accent)" }),
          ...lines.map(([name, stroke]) => Plot.lineY(bins, { x: middle, y: `${name}_ms`, stroke, strokeWidth: 1.25 })),
          tip(bins, middle, "max_ms", binWords),
        ],
        legend: lines.reverse().map(([name, stroke]) => [name === "max" ? "largest" : name, stroke, "line"]),
      };
    },

    lines(chart, size) { return free(chart, size, "lineY"); },
    dots(chart, size) { return free(chart, size, "dot"); },
  };

  // Charts of a section's own data.
  function free(chart, size, mark) {
    const { x, y, by, y_label, time: timed } = chart.facts, rows = table(chart);
    const words = by ? [...new Set(rows.map((row) => row[by]))] : [];
    const stroke = (word) => (by ? CYCLE[words.indexOf(word) % CYCLE.length] : "var(--blue)");
    const groups = by ? d3.groups(rows, (row) => row[by]) : [[null, rows]];
    return {
      x: timed ? time(size.width) : { label: x }, y: { label: null, grid: true, ticks: 4, zero: true },
      marks: [
        ...(timed ? backdrop(size, false) : []),
        ...groups.map(([word, own]) => Plot[mark](own, { x, y, stroke: stroke(word), r: 2 })),
        tip(rows, x, y, (row) => `${by ? `${row[by]}\n` : ""}${x} ${row[x]}\n${y} ${row[y]}`),
      ],
      legend: words.map((word) => [word, stroke(word), mark === "dot" ? "dot" : "line"]), unit: y_label,
    };
  }

  const binWords = (bin) => [
    `${clock(bin.from_s)} – ${clock(bin.to_s)}, n = ${bin.requests}`,
    ...["p50", "p95", "p99", "max"].filter((name) => bin[`${name}_ms`] !== null).map((name) => `${name} ${compact(bin[`${name}_ms`])}`),
  ].join("\n");

  const stateDots = (rows, x, colour) => d3.groups(rows, (row) => row.state).map(([state, own]) =>
    Plot.dot(own, { x, y: "response_ms", symbol: STATES[state][1], stroke: colour, strokeWidth: own.length > 150 ? 1 : 1.6, r: own.length > 150 ? 2.2 : 3.4 }));
  const stateLegend = (rows) => Object.keys(STATES).filter((state) => rows.some((row) => row.state === state)).map((state) => [state, STATES[state][0], STATES[state][1]]);
  const bandLegend = () => (timeline.faults.length ? [["fault on (dashed: asked for)", "var(--band)", "area"]] : []);

  // Drawing.
  function legend(entries) {
    const list = document.createElement("ul");
    list.className = "legend";
    for (const [words, colour, shape] of entries) {
      const item = list.appendChild(document.createElement("li"));
      const svg = d3.select(item).append("svg").attr("width", 16).attr("height", 12).attr("aria-hidden", "true");
      if (shape === "line") svg.append("path").attr("d", "M0 6H16").attr("stroke", colour).attr("stroke-width", 2);
      else if (shape === "tick") svg.append("path").attr("d", "M8 0V12").attr("stroke", colour).attr("stroke-width", 2);
      else if (shape === "area") svg.append("rect").attr("y", 1).attr("width", 16).attr("height", 10).attr("fill", colour).attr("stroke", "var(--rule)");
      else if (shape === "dot") svg.append("circle").attr("cx", 8).attr("cy", 6).attr("r", 3.5).attr("fill", colour);
      else svg.append("path").attr("d", d3.symbol(d3[`symbol${shape[0].toUpperCase()}${shape.slice(1)}`], 40)()).attr("transform", "translate(8,6)").attr("stroke", colour).attr("stroke-width", 1.6).attr("fill", "none");
      item.append(words);
    }
    return list;
  }

  function draw(figure) {
    const chart = page.charts[figure.dataset.chart], plot = figure.querySelector(".plot");
    const width = Math.max(280, Math.floor(plot.clientWidth));
    const heights = { tall: width < 500 ? 300 : 360, low: 210, small: 190, "": 260 };
    const size = { width, left: width < 500 ? 46 : 54, right: 10 };
    const choices = Object.fromEntries([...figure.querySelectorAll("input:checked")].map((input) => [input.dataset.switch, input.value]));
    const { legend: entries, below, unit, ...options } = kinds[chart.kind](chart, size, choices);
    const frame = { width, marginLeft: size.left, marginRight: size.right, marginBottom: 26, style: { background: "transparent", fontFamily: "inherit", fontSize: "12px", "--plot-background": "var(--paper)" } };
    const labelled = ["latency", "stack", "steps"].includes(chart.kind);
    const svg = Plot.plot({ ...frame, height: heights[plot.dataset.size], marginTop: labelled ? 40 : 22, ...options, ariaLabel: chart.label });
    svg.setAttribute("role", "img");
    for (const group of svg.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label"); // an image has one name
    const parts = [legend(entries), svg];
    if (unit) parts[0].prepend(Object.assign(document.createElement("li"), { textContent: unit }));
    if (below) {
      const strip = Plot.plot({ ...frame, ...below });
      strip.setAttribute("aria-hidden", "true");
      parts.push(strip);
    }
    plot.replaceChildren(...parts);
    plot.dataset.width = width;
  }

  // Data as tables and as CSV.
  const guarded = (value) => (typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value); // a spreadsheet runs what begins so
  const quoted = (value) => { const text = String(guarded(value ?? "")); return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
  const csv = (rows) => [Object.keys(rows[0] ?? {}), ...rows.map(Object.values)].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";

  function offer(details, chart) {
    details.hidden = false;
    details.addEventListener("toggle", () => {
      if (!details.open || details.children.length > 1) return;
      chart.data.forEach((data, number) => {
        const rows = table(chart, number);
        const link = details.appendChild(document.createElement("button"));
        link.type = "button";
        link.textContent = `${data.name}.csv (${rows.length} rows)`;
        link.addEventListener("click", () => save(`${page.run}-${data.name}.csv`, csv(rows)));
        details.append(preview(data.name, rows));
      });
    });
  }

  function preview(name, rows, most = 200) {
    const scroll = document.createElement("div");
    Object.assign(scroll, { className: "scroll", tabIndex: 0 });
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", name);
    const found = scroll.appendChild(document.createElement("table"));
    found.createCaption().textContent = rows.length > most ? `${name}: the first ${most} of ${rows.length} rows; the CSV holds all` : name;
    const head = found.createTHead().insertRow();
    for (const column of Object.keys(rows[0] ?? {})) {
      const cell = head.appendChild(document.createElement("th"));
      Object.assign(cell, { scope: "col", textContent: column });
    }
    const body = found.createTBody();
    for (const row of rows.slice(0, most)) {
      const line = body.insertRow();
      for (const value of Object.values(row)) line.insertCell().textContent = value ?? "";
    }
    return scroll;
  }

  function save(name, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }

  const watch = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (Math.abs(target.clientWidth - target.dataset.width) > 2) draw(target.closest("figure"));
    }
  });
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const chart = page.charts[figure.dataset.chart];
    if (!chart) continue;
    draw(figure);
    const tools = figure.querySelector(".tools");
    tools.hidden = !tools.querySelector("input");
    tools.addEventListener("change", () => draw(figure));
    offer(figure.querySelector("details.data"), chart);
    watch.observe(figure.querySelector(".plot"));
  }
})();
