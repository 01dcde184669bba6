// Draws what a gateway's mechanisms did over time: circuit breakers and rate limiters. `charts.js` lends its tools and asks for the kinds.
"use strict";
globalThis.gatebenchMechanisms = ({ table, time, clock, grouped, highest, backdrop, edgeMarks, bandLegend, binsOf }) => {
  const ENDS = { answered: "var(--green)", failed: "var(--vermillion)" };
  const STATES = { closed: "var(--haze)", open: "var(--ink)", "half-open": "var(--orange)" };
  const MOMENTS = {
    "probe answered": ["circle", "var(--green)"],
    "probe failed": ["times", "var(--vermillion)"],
    leaked: ["triangle", "var(--purple)"],
  };
  const GIVEN = { admitted: "var(--green)", refused: "var(--purple)", "neither proven": "var(--grey)" };
  const end = (axis) => axis.domain[1];

  // The strip below a breaker's arrivals: its state as a bar, what it let through as marks above it.
  function strip(x, states, moments, size) {
    const perSecond = (size.width - size.left - size.right) / end(x);
    return {
      x: { ...x, axis: null }, y: { domain: [0, 1], axis: null }, height: 46, marginTop: 2, marginBottom: 6,
      marks: [
        Plot.rect(states, { x1: "from_s", x2: "to_s", y1: 0, y2: 0.55, fill: (row) => STATES[row.state], stroke: (row) => (row.state === "closed" ? "var(--rule)" : "none"), insetRight: 0.5 }),
        Plot.text(states.filter((row) => (row.to_s - row.from_s) * perSecond > 8 * row.state.length), {
          x: (row) => (row.from_s + row.to_s) / 2, y: 0.27, text: "state", fill: (row) => (row.state === "closed" ? "var(--ink)" : "var(--paper)"), fontSize: 11,
        }),
        ...Object.entries(MOMENTS).map(([what, [symbol, stroke]]) => Plot.dot(moments.filter((row) => row.what === what), { x: "at_s", y: 0.8, symbol, stroke, strokeWidth: 1.8, r: 3.6 })),
      ],
    };
  }

  return {
    breaker(chart, size) {
      const { words, y, width_s } = chart.facts, x = time(size.width);
      const [attempts, requests, states, moments] = [0, 1, 2, 3].map((number) => table(chart, number));
      const sent = binsOf(requests, width_s, end(x), () => true, "per_s");
      const top = highest([...sent.map((row) => row.value), ...d3.rollup(attempts, (own) => d3.sum(own, (row) => row.per_s), (row) => row.from_s).values()]);
      return {
        x, y: { label: null, grid: true, ticks: 4, tickFormat: grouped, domain: [0, top] },
        color: { domain: words, range: words.map((word) => ENDS[word]) },
        marks: [
          ...backdrop(size),
          Plot.rectY(attempts, Plot.stackY({ x1: "from_s", x2: "to_s", y: "per_s", fill: "end", order: words, fillOpacity: 0.85, shapeRendering: "crispEdges" })), ...edgeMarks(size),
          Plot.ruleY([0], { stroke: "var(--soft)" }),
          Plot.lineY(sent, { x: "at_s", y: "value", stroke: "var(--ink)", strokeWidth: 1.25, curve: "step-after" }),
          Plot.tip(attempts, Plot.pointerX(Plot.stackY({ x1: "from_s", x2: "to_s", y: "per_s", order: words, z: "end", title: (row) => `${clock(row.from_s)} – ${clock(row.to_s)}\n${row.attempts} attempt${row.attempts === 1 ? "" : "s"} ${row.end}` }))),
        ],
        below: strip(x, states, moments, size),
        legend: [
          ...words.map((word) => [`attempts ${word}`, ENDS[word], "area"]), ["requests of clients", "var(--ink)", "line"],
          ...["open", "half-open"].filter((state) => states.some((row) => row.state === state)).map((state) => [state, STATES[state], "area"]),
          ...Object.entries(MOMENTS).filter(([what]) => moments.some((row) => row.what === what)).map(([what, [symbol, colour]]) => [what, colour, symbol]),
          ...bandLegend(size),
        ],
        unit: y,
      };
    },

    // A row a tenant, each on a scale of its own: what matters is the line against the bars.
    limiter(chart, size) {
      const { tenants, words, y, width_s } = chart.facts, x = time(size.width), ROOM = 0.62;
      const given = table(chart), model = table(chart, 1);
      const own = tenants.map((tenant, row) => {
        const wanted = binsOf(model, width_s, end(x), (found) => found.tenant === tenant, "per_s");
        const mine = given.filter((found) => found.tenant === tenant);
        const most = highest([...wanted.map((found) => found.value), ...d3.rollup(mine, (bin) => d3.sum(bin, (found) => found.per_s), (found) => found.from_s).values()]);
        const at = (value) => row + 1 - (value / most) * ROOM;
        const bars = d3.groups(mine, (found) => found.from_s).flatMap(([, bin]) => {
          let low = 0;
          return words.flatMap((word) => bin.filter((found) => found.given === word)).map((found) => ({ ...found, y1: at(low), y2: at(low += found.per_s) }));
        });
        return { tenant, row, most: most / 1.08, bars, line: wanted.map((found) => ({ at_s: found.at_s, y: at(found.value) })) };
      });
      size.plus = Math.max(0, tenants.length * 62 - 210);
      const bars = own.flatMap((found) => found.bars);
      return {
        x, y: { axis: null, domain: [tenants.length, 0] },
        marks: [
          ...backdrop(size),
          Plot.rect(bars, { x1: "from_s", x2: "to_s", y1: "y1", y2: "y2", fill: (row) => GIVEN[row.given], fillOpacity: 0.85, shapeRendering: "crispEdges" }), ...edgeMarks(size),
          ...own.map(({ line }) => Plot.line(line, { x: "at_s", y: "y", stroke: "var(--ink)", strokeWidth: 1.5, curve: "step-after" })),
          Plot.ruleY(d3.range(1, tenants.length + 1), { stroke: "var(--soft)" }),
          Plot.text(own, { x: 0, y: (found) => found.row + 1 - ROOM - 0.02, text: (found) => `${found.tenant}, up to ${grouped(Math.round(found.most * 10) / 10)}/s`, textAnchor: "start", lineAnchor: "bottom", dx: 2, fill: "var(--ink)", stroke: "var(--paper)", strokeWidth: 3 }),
          Plot.tip(bars, Plot.pointer({ x: (row) => (row.from_s + row.to_s) / 2, y: "y2", stroke: "var(--rule)", fontSize: 12, textPadding: 6, title: (row) => `${clock(row.from_s)} – ${clock(row.to_s)}\n${row.tenant}: ${row.requests} ${row.given}` })),
        ],
        legend: [...words.filter((word) => given.some((row) => row.given === word)).map((word) => [word, GIVEN[word], "area"]), ["the model admits", "var(--ink)", "line"], ...bandLegend(size)],
        unit: y,
      };
    },
  };
};
