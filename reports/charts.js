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
  const WORDS = {
    ...Object.fromEntries(Object.entries(STATES).map(([state, [colour]]) => [state, colour])),
    "from the cache": "var(--green)", revalidated: "var(--sky)", coalesced: "var(--purple)", "from a provider": "var(--orange)", unstamped: "var(--grey)", "no answer": "var(--vermillion)",
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

  // What holds in every bin, also in those of which a table has no row, as points of a line of steps.
  function binsOf(rows, width_s, end_s, wanted, column) {
    const found = new Map(rows.filter(wanted).map((row) => [Math.round(row.from_s / width_s), row[column]]));
    const bins = Math.max(1, Math.ceil(end_s / width_s - 1e-9));
    return d3.range(bins + 1).map((bin) => ({ at_s: Math.min(bin * width_s, end_s), value: found.get(Math.min(bin, bins - 1)) ?? 0 }));
  }

  // Faults: a lane above the frame for each use of a fault, whose windows share one label, and a band behind the data for each window.
  const ROW = 15, APART = 1.5;
  const within = (value, [low, high]) => Math.min(Math.max(value, low), high);
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const long = (text) => ruler.measureText(text).width;
  const shortened = (text, most) => {
    if (long(text) <= most) return text;
    const letters = [...text];
    while (letters.length && long(`${letters.join("")}…`) > most) letters.pop();
    return `${letters.join("")}…`;
  };

  // Places each lane as high as it goes, its label before its windows, after them or above; lanes that do not meet share a row.
  function arrange({ width, left, right }) {
    const most = width - right, at = (value) => left + (value / timeline.end_s) * (most - left), rows = [];
    const free = (row, [from, to]) => (rows[row] ?? []).every(([start, end]) => to + 8 < start || from > end + 8);
    const lanes = timeline.lanes.map((lane, number) => {
      const windows = timeline.faults.filter((fault) => fault.lane === number);
      const low = at(d3.min(windows, (fault) => fault.requested_s ?? fault.start_s)), high = Math.max(at(d3.max(windows, (fault) => fault.end_s)), low + 3);
      const text = shortened(lane.label, most - left), wide = long(text);
      const beside = [low - 6 - wide, high + 6].filter((x) => x >= left && x + wide <= most).map((x) => ({ x, above: 0, needs: [[Math.min(x, low), Math.max(x + wide, high)]] }));
      const over = within(low, [left, Math.max(left, most - wide)]);
      const choices = [...beside, { x: over, above: 1, needs: [[over, over + wide], [low, high]] }].map((choice) => {
        let row = 0;
        while (!choice.needs.every((span, below) => free(row + below, span))) row++;
        return { ...choice, row };
      });
      const { x, above, row, needs } = d3.least(choices, (choice) => choice.row + choice.above);
      needs.forEach((span, below) => (rows[row + below] ??= []).push(span));
      return { ...lane, windows, text, x, row, above };
    });
    return { lanes, rows: rows.length };
  }

  const faultWords = `Faults meanwhile: ${timeline.lanes.map((lane) => lane.label).join("; ")}.`;
  const hand = (fault) => timeline.lanes[fault.lane].manual;
  // A window in the parts in which it is even: the steps of a ramp, or all of it at once.
  const levels = (fault) => (fault.steps.length
    ? fault.steps.map((step, place) => ({ from_s: step.at_s, to_s: fault.steps[place + 1]?.at_s ?? fault.end_s, level: step.level }))
    : [{ from_s: fault.start_s, to_s: fault.end_s, level: 1 }]);
  const since = (fault, t0_s) => ({
    ...fault, start_s: fault.start_s - t0_s, end_s: fault.end_s - t0_s, steps: fault.steps.map((step) => ({ ...step, at_s: step.at_s - t0_s })),
  });
  const edges = (fault) => [[fault.requested_s, fault.start_s], [fault.clear_requested_s, fault.end_s]];

  function lanesMark({ lanes, top }) {
    return (_, { x }) => {
      const group = d3.create("svg:g").attr("class", "lanes");
      for (const lane of lanes) {
        const y = top + (lane.row + lane.above) * ROW, foot = y + ROW - 3, height = ROW - 5;
        for (const fault of lane.windows) {
          const bar = group.append("g").attr("fill", lane.manual ? "url(#by-hand-bar)" : "var(--vermillion)").attr("stroke", "var(--vermillion)");
          for (const { from_s, to_s, level } of levels(fault)) {
            const tall = Math.max(2, height * level);
            bar.append("rect").attr("x", x(from_s)).attr("width", Math.max(1.5, x(to_s) - x(from_s))).attr("y", foot - tall).attr("height", tall);
          }
          for (const [asked, real] of edges(fault)) {
            if (asked !== null && Math.abs(x(real) - x(asked)) >= APART) bar.append("path").attr("d", `M${x(asked)} ${y + 1}V${foot + 1}M${x(asked)} ${foot - height / 2}H${x(real)}`).attr("stroke-dasharray", "2,2");
          }
        }
        group.append("text").attr("x", lane.x).attr("y", top + lane.row * ROW + ROW - 4).attr("fill", "var(--fail)").attr("text-anchor", "start").text(lane.text);
      }
      return group.node();
    };
  }

  const bandsMark = (faults, [low, high]) => (_, { x }, __, { height, marginTop, marginBottom }) => {
    const group = d3.create("svg:g").attr("class", "bands");
    for (const fault of faults) {
      for (const { from_s, to_s, level } of levels(fault)) {
        const from = x(within(from_s, [low, high])), to = x(within(to_s, [low, high]));
        group.append("rect").attr("x", from).attr("width", to - from).attr("y", marginTop).attr("height", Math.max(0, height - marginTop - marginBottom))
          .attr("fill", hand(fault) ? "url(#by-hand)" : "var(--band)").attr("fill-opacity", 0.3 + 0.7 * level);
      }
    }
    return group.node();
  };

  // Where faults really began and ended (solid) and, where that is another place on the paper, where it was asked for (dashed).
  function edgeMarks({ width, left, right }) {
    const perSecond = (width - left - right) / timeline.end_s, found = timeline.faults.flatMap(edges);
    const real = found.map(([, at]) => at).filter((at) => at < timeline.end_s);
    const asked = found.filter(([at, is]) => at !== null && Math.abs(is - at) * perSecond >= APART).map(([at]) => at);
    const strokeOpacity = real.length > 12 ? 0.35 : 0.7;
    return [
      Plot.ruleX(real, { stroke: "var(--vermillion)", strokeOpacity }),
      Plot.ruleX(asked, { stroke: "var(--vermillion)", strokeDasharray: "3,3", strokeOpacity }),
    ];
  }

  // Phases and faults behind a chart over time; names of phases that do not fit are left out.
  function backdrop(size, labelled = true) {
    const perSecond = (size.width - size.left - size.right) / timeline.end_s;
    const phases = timeline.phases.filter((phase) => phase.end_s > phase.start_s);
    const marks = [
      bandsMark(timeline.faults, [0, timeline.end_s]),
      Plot.ruleX(phases.slice(1), { x: "start_s", stroke: "var(--soft)", strokeOpacity: 0.55 }),
      ...edgeMarks(size),
    ];
    if (!labelled) return marks;
    const { lanes, rows } = arrange(size);
    size.lanes = rows * ROW;
    size.top = 24 + size.lanes;
    return [
      ...marks,
      Plot.text(phases.filter((phase) => long(phase.name) * 1.1 < (phase.end_s - phase.start_s) * perSecond), {
        x: (phase) => (phase.start_s + phase.end_s) / 2, text: "name", frameAnchor: "top", dy: 4 - size.top, fill: "var(--ink)", fontWeight: 600,
      }),
      lanesMark({ lanes, top: 20 }),
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
          ...lines.reverse().map(([name, stroke]) => [name, stroke, "line"]), ...stateLegend(bad), ...bandLegend(size),
        ],
      };
    },

    // Bars on top of each other: rates, or shares of one; `line` is the second table, drawn over them.
    stack(chart, size) {
      const { by, words, y, line, width_s, value = "per_s" } = chart.facts, rows = table(chart), share = value === "share";
      const colour = (word) => WORDS[word] ?? colourOf(words)(word);
      const order = words.filter((word) => rows.some((row) => row[by] === word));
      const over = line ? binsOf(table(chart, 1), width_s, timeline.end_s, () => true, value) : [];
      const tops = d3.rollup(rows, (own) => d3.sum(own, (row) => row[value]), (row) => row.from_s).values();
      const said = (number) => (share ? d3.format(".1%")(number) : `${number} per second`);
      return {
        x: time(size.width), y: { label: null, grid: true, ticks: 4, tickFormat: share ? "%" : grouped, domain: [0, share ? 1 : highest([...tops, ...over.map((row) => row.value)])] },
        color: { domain: order, range: order.map(colour) },
        marks: [
          ...backdrop(size),
          Plot.rectY(rows, Plot.stackY({ x1: "from_s", x2: "to_s", y: value, fill: by, order, fillOpacity: 0.85, shapeRendering: "crispEdges" })), ...edgeMarks(size),
          Plot.ruleY([0], { stroke: "var(--soft)" }),
          ...(over.length ? [Plot.lineY(over, { x: "at_s", y: "value", stroke: "var(--ink)", strokeWidth: 1.5, curve: "step-after" })] : []),
          Plot.tip(rows, Plot.pointerX(Plot.stackY({ x1: "from_s", x2: "to_s", y: value, order, z: by, title: (row) => `${clock(row.from_s)} – ${clock(row.to_s)}\n${row[by]}: ${said(row[value])}` }))),
        ],
        legend: [...order.map((word) => [word, colour(word), "area"]), ...(over.length ? [[line, "var(--ink)", "line"]] : []), ...bandLegend(size)], unit: y,
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
      const { facts } = chart, edge = facts.edges[choices["around its"]] ?? Object.values(facts.edges)[0];
      const rows = table(chart, edge.requests), attempts = edge.attempts === null ? [] : table(chart, edge.attempts), colour = colourOf(facts.providers);
      const x = { domain: [-edge.reach_s, edge.reach_s], label: null, ticks: size.width < 500 ? 5 : 9, tickFormat: (value) => `${value > 0 ? "+" : ""}${+value.toFixed(3)} s` };
      const good = rows.filter((row) => row.state === "good"), bad = rows.filter((row) => row.state !== "good");
      const marks = edge.marks.filter((mark) => mark.what !== "proven" || mark.since_s <= edge.reach_s);
      const known = marks.find((mark) => mark.what === "proven"), change = marks.find((mark) => mark.since_s === 0 && mark.what !== "requested");
      const near = timeline.faults.filter((fault) => fault.end_s > edge.t0_s - edge.reach_s && fault.start_s < edge.t0_s + edge.reach_s).map((fault) => since(fault, edge.t0_s));
      return {
        x, y: milliseconds([...rows.map((row) => row.response_ms), facts.objective_ms], choices.scale, null, false),
        marks: [
          bandsMark(near, x.domain),
          Plot.ruleX([0], { stroke: "var(--vermillion)", strokeWidth: 1.5 }),
          Plot.ruleX(marks.filter((mark) => mark !== change && Math.abs(mark.since_s) <= edge.reach_s), { x: "since_s", stroke: "var(--vermillion)", strokeDasharray: "3,3" }),
          Plot.text([0], { x: 0, text: () => (change ? `acknowledged ${change.what}` : "acknowledged"), frameAnchor: "top", textAnchor: "end", dx: -4, dy: -11, fill: "var(--fail)" }),
          Plot.text(known ? [known] : [], { x: "since_s", text: () => `proven +${compact(known.since_s * 1000)}`, frameAnchor: "top", textAnchor: "start", dx: 4, dy: -11, fill: "var(--fail)" }),
          ...objective(facts.objective_ms),
          Plot.dot(good, { x: "since_s", y: "response_ms", r: 2.4, fill: (row) => colour(row.provider), fillOpacity: 0.75 }),
          ...stateDots(bad, "since_s", (row) => (row.state === "late" ? colour(row.provider) : STATES[row.state][0])),
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

    changes(chart, size) { return changes(chart, size); },
    rounds(chart, size, choices) { return rounds(chart, size, choices); },
    strips(chart, size) { return strips(chart, size); },
    lines(chart, size) { return free(chart, size, "lineY"); },
    dots(chart, size) { return free(chart, size, "dot"); },
  };
  Object.assign(kinds, globalThis.gatebenchMechanisms?.({ table, time, clock, grouped, highest, backdrop, edgeMarks, bandLegend, binsOf }));

  // Charts of a comparison. A side keeps its colour and its mark in all of them.
  const MARKS = ["circle", "diamond2", "square2", "triangle2", "plus", "times", "asterisk"];
  const sideMark = (sides, side) => MARKS[sides.indexOf(side) % MARKS.length];
  const sideColour = (sides, side) => CYCLE[sides.indexOf(side) % CYCLE.length];
  const signed = (value) => `${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${Math.abs(value).toFixed(1)} %`;
  const percentTick = (value) => `${value > 0 ? "+" : value < 0 ? "\u2212" : ""}${+Math.abs(value).toPrecision(3)} %`;

  // Intervals under each other, each below its own words, so that they have the whole width on a phone.
  function changes(chart, size) {
    const { sides, base } = chart.facts, rows = table(chart), several = sides.length > 2;
    size.left = 8;
    const y = (row) => `${row.number}\n${row.side}`, ends = rows.flatMap((row) => [row.low_pct, row.high_pct, 0]);
    const reach = [d3.min(ends), d3.max(ends)], wide = (reach[1] - reach[0]) * 0.06 || 1;
    const colour = (row) => sideColour(sides, row.side);
    return {
      height: 56 + 38 * rows.length, marginTop: 8, marginBottom: 30,
      x: { domain: [reach[0] - wide, reach[1] + wide], label: null, grid: true, ticks: size.width < 500 ? 4 : 8, tickFormat: percentTick },
      y: { type: "band", domain: rows.map(y), axis: null },
      marks: [
        Plot.ruleX([0], { stroke: "var(--ink)" }),
        Plot.ruleY(rows, { y, x1: "low_pct", x2: "high_pct", stroke: colour, strokeWidth: 2, dy: 7 }),
        Plot.tickX(rows, { y, x: "low_pct", stroke: colour, insetTop: 20, insetBottom: 7 }),
        Plot.tickX(rows, { y, x: "high_pct", stroke: colour, insetTop: 20, insetBottom: 7 }),
        Plot.dot(rows, { y, x: "change_pct", r: 4.5, dy: 7, stroke: colour, strokeWidth: 1.8, fill: (row) => (row.shown === "yes" ? colour(row) : "var(--paper)") }),
        ...[["yes", 600], ["no", 400]].map(([word, fontWeight]) => Plot.text(rows.filter((row) => row.shown === word), { y, frameAnchor: "left", dx: 2, dy: -9, text: (row) => `${several ? `${row.side}: ` : ""}${row.number}   ${signed(row.change_pct)}`, fill: "var(--ink)", fontWeight, stroke: "var(--paper)", strokeWidth: 4 })),
        Plot.tip(rows, Plot.pointerY({ y, x: "change_pct", dy: 7, title: (row) => `${row.side} against ${base}\n${row.number}\n${signed(row.change_pct)} (${signed(row.low_pct)} to ${signed(row.high_pct)})`, stroke: "var(--rule)" })),
      ],
      legend: [
        ...(several ? sides.slice(1).map((side) => [side, sideColour(sides, side), "line"]) : []),
        ["shown to differ", several ? "var(--ink)" : sideColour(sides, sides[1]), "dot"], ["not shown", several ? "var(--ink)" : sideColour(sides, sides[1]), "circle"],
      ],
    };
  }

  function rounds(chart, size, choices) {
    const { sides, unit, floors } = chart.facts, all = table(chart);
    const phase = choices.phase ?? all[0].phase, rows = all.filter((row) => row.phase === phase), floor = floors[phase];
    const near = floor !== undefined && floor > d3.min(rows, (row) => row.value) * 0.6 ? [floor] : [];
    const values = [...rows.map((row) => row.value), ...near], low = d3.min(values), high = d3.max(values), wide = (high - low) * 0.15 || Math.abs(high) * 0.1 || 1;
    const last = d3.max(rows, (row) => row.place);
    const shown = unit === "ms" ? compact : (value) => `${+value.toPrecision(4)}${unit === "%" || unit === "s" ? ` ${unit}` : ""}`;
    return {
      x: { domain: [0.5, last + 0.5], label: null, ticks: d3.range(1, last + 1).filter((place) => last <= 12 || place % Math.ceil(last / 10) === 0), tickFormat: (place) => `${place}` },
      y: { domain: [low - wide, high + wide], label: null, grid: true, ticks: 4, tickFormat: shown },
      marks: [
        ...(near.length ? [Plot.ruleY(near, { stroke: "var(--grey)", strokeDasharray: "2,3" }), Plot.text(near, { y: (value) => value, text: () => "null target", frameAnchor: "right", textAnchor: "end", dy: -7, fill: "var(--soft)" })] : []),
        ...sides.map((side) => Plot.lineY(rows.filter((row) => row.side === side).sort((a, b) => a.place - b.place), { x: "place", y: "value", stroke: sideColour(sides, side), strokeOpacity: 0.35 })),
        ...sides.map((side) => Plot.dot(rows.filter((row) => row.side === side), { x: "place", y: "value", symbol: sideMark(sides, side), stroke: sideColour(sides, side), fill: "var(--paper)", strokeWidth: 1.8, r: 4 })),
        tip(rows, "place", "value", (row) => `${row.side}, round ${row.place}\n${shown(row.value)}\npair ${row.pair}, seed ${row.seed}`),
      ],
      legend: [...sides.filter((side) => rows.some((row) => row.side === side)).map((side) => [side, sideColour(sides, side), sideMark(sides, side)])], unit: unit === "per second" ? unit : undefined,
    };
  }

  // Charts of a section's own data.
  function free(chart, size, mark) {
    const { x, y, by, y_label, time: timed, labelled } = chart.facts, rows = table(chart);
    const words = by ? [...new Set(rows.map((row) => row[by]))] : [];
    const stroke = (word) => (by ? CYCLE[words.indexOf(word) % CYCLE.length] : "var(--blue)");
    const groups = by ? d3.groups(rows, (row) => row[by]) : [[null, rows]];
    return {
      x: timed ? time(size.width) : { label: x }, y: { label: null, grid: true, ticks: 4, zero: true },
      marks: [
        ...(timed ? backdrop(size, labelled ?? false) : []),
        ...groups.map(([word, own]) => Plot[mark](own, { x, y, stroke: stroke(word), r: 2 })),
        tip(rows, x, y, (row) => `${by ? `${row[by]}\n` : ""}${x} ${row[x]}\n${y} ${row[y]}`),
      ],
      legend: words.map((word) => [word, stroke(word), mark === "dot" ? "dot" : "line"]), unit: y_label,
    };
  }

  // A row a series, each on a scale of its own: what matters is when it changes.
  function strips(chart, size) {
    const { names } = chart.facts, rows = table(chart), ROOM = 0.55, short = (value) => (Math.abs(value) < 1 ? `${+value.toPrecision(3)}` : d3.format(".4~s")(value)).replace("-", "\u2212");
    const own = names.map((name, row) => {
      const mine = rows.filter((found) => found.series === name), [low, high] = d3.extent(mine, (found) => found.value);
      const line = mine.map((found) => ({ ...found, y: row + 0.97 - ((found.value - low) / (high - low || 1)) * ROOM }));
      const said = `${short(low)} to ${short(high)}${mine[0]?.shown === "per second" ? " per second" : ""}`;
      return { row, line, name: shortened(name, size.width - size.right - 12 - long(said) - 24), said };
    });
    size.left = 8;
    size.plus = names.length * 44 - 260 + 20;
    const label = (words, more) => Plot.text(own, { y: (found) => found.row + 0.97 - ROOM - 0.08, text: words, lineAnchor: "bottom", stroke: "var(--paper)", strokeWidth: 3, ...more });
    return {
      x: time(size.width), y: { axis: null, domain: [names.length, 0] },
      marks: [
        ...backdrop(size),
        Plot.ruleY(d3.range(1, names.length + 1), { stroke: "var(--rule)" }),
        ...own.map(({ line }) => Plot.line(line, { x: "at_s", y: "y", stroke: "var(--blue)", strokeWidth: 1.5 })),
        label("name", { x: 0, textAnchor: "start", dx: 2, fill: "var(--ink)" }),
        label("said", { frameAnchor: "right", textAnchor: "end", dx: -2, fill: "var(--soft)" }),
        tip(own.flatMap((found) => found.line), "at_s", "y", (row) => `${shortened(row.series, 320)}\n${clock(row.at_s)}: ${row.value}${row.shown === "per second" ? " per second" : ""}`),
      ],
      legend: bandLegend(size),
    };
  }

  const binWords = (bin) => [
    `${clock(bin.from_s)} – ${clock(bin.to_s)}, n = ${bin.requests}`,
    ...["p50", "p95", "p99", "max"].filter((name) => bin[`${name}_ms`] !== null).map((name) => `${name} ${compact(bin[`${name}_ms`])}`),
  ].join("\n");

  const stateDots = (rows, x, colour) => d3.groups(rows, (row) => row.state).map(([state, own]) =>
    Plot.dot(own, { x, y: "response_ms", symbol: STATES[state][1], stroke: colour, strokeWidth: own.length > 150 ? 1 : 1.6, r: own.length > 150 ? 2.2 : 3.4 }));
  const stateLegend = (rows) => Object.keys(STATES).filter((state) => rows.some((row) => row.state === state)).map((state) => [state, STATES[state][0], STATES[state][1]]);
  function bandLegend({ width, left, right }) {
    const apart = timeline.faults.flatMap(edges).some(([asked, real]) => asked !== null && (Math.abs(real - asked) / timeline.end_s) * (width - left - right) >= APART);
    return [
      ...(timeline.faults.some((fault) => !hand(fault)) ? [["fault on", "var(--band)", "area"]] : []),
      ...(timeline.faults.some(hand) ? [["fault put on by hand", "url(#by-hand)", "area"]] : []),
      ...(apart ? [["asked for", "var(--vermillion)", "dashes"]] : []),
    ];
  }

  // Hatching says "by hand" to those who do not see its colour; one drawing holds the patterns for all.
  function hatch() {
    const defs = d3.select(document.body).append("svg").attr("width", 0).attr("height", 0).attr("aria-hidden", "true").attr("class", "patterns").append("defs");
    for (const [id, every, stroke, ground] of [["by-hand", 8, 0.8, "var(--band)"], ["by-hand-bar", 5, 3, "var(--paper)"]]) {
      const pattern = defs.append("pattern").attr("id", id).attr("patternUnits", "userSpaceOnUse").attr("width", every).attr("height", every).attr("patternTransform", "rotate(45)");
      pattern.append("rect").attr("width", every).attr("height", every).attr("fill", ground);
      pattern.append("path").attr("d", `M0 0V${every}`).attr("stroke", "var(--vermillion)").attr("stroke-width", stroke);
    }
  }
  if (timeline.faults.some(hand)) hatch();

  // Drawing.
  function legend(entries) {
    const list = document.createElement("ul");
    list.className = "legend";
    for (const [words, colour, shape] of entries) {
      const item = list.appendChild(document.createElement("li"));
      const svg = d3.select(item).append("svg").attr("width", 16).attr("height", 12).attr("aria-hidden", "true");
      if (shape === "line") svg.append("path").attr("d", "M0 6H16").attr("stroke", colour).attr("stroke-width", 2);
      else if (shape === "tick") svg.append("path").attr("d", "M8 0V12").attr("stroke", colour).attr("stroke-width", 2);
      else if (shape === "dashes") svg.append("path").attr("d", "M8 0V12").attr("stroke", colour).attr("stroke-width", 1.5).attr("stroke-dasharray", "3,2");
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
    const size = { width, left: width < 500 ? 46 : 54, right: 14 };
    const choices = Object.fromEntries([...figure.querySelectorAll("input:checked")].map((input) => [input.dataset.switch, input.value]));
    const { legend: entries, below, unit, ...options } = kinds[chart.kind](chart, size, choices);
    const frame = { width, marginLeft: size.left, marginRight: size.right, marginBottom: 26, style: { background: "transparent", fontFamily: "inherit", fontSize: "12px", "--plot-background": "var(--paper)" } };
    const svg = Plot.plot({ ...frame, height: heights[plot.dataset.size] + (size.plus ?? 0) + (size.lanes ?? 0), marginTop: size.top ?? 22, ...options, ariaLabel: size.lanes ? `${chart.label} ${faultWords}` : chart.label });
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
