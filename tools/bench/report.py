#!/usr/bin/env python3
"""Writes the tables of results.jsonl into docs/benchmarks.md, between its markers, and plots gap against time for each family.

    report.py results.jsonl docs
"""
import json
import math
import os
import pathlib
import platform
import sys

rows = [json.loads(line) for line in open(sys.argv[1])]
docs = pathlib.Path(sys.argv[2])
families = [f for f in ("S", "M", "L", "XL", "XXL", "million") if any(r["family"] == f for r in rows)]


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else None


def show(gap):
    if gap is None:
        return "–"
    if gap == 0:
        return "proven"
    return f"{gap * 100:.3f} %" if gap < 0.01 else f"{gap * 100:.2f} %"


def cell(family, peer):
    found = [r for r in rows if r["family"] == family and r["peer"] == peer]
    if not found:
        return "–"
    proven = sum(r["gap"] == 0 for r in found)
    text = show(mean(r["gap"] for r in found))
    return text if proven in (0, len(found)) else f"{text} ({proven} of {len(found)} proven)"


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def plot(family):
    """Gap against time on logarithmic axes, ours as steps, peers as points at the time they ended."""
    width, height, left, bottom = 560, 320, 64, 44
    low, high, first, last = 1e-5, 1.0, 0.01, 100.0

    def x(seconds):
        return left + (width - left - 16) * (math.log10(max(first, min(last, seconds))) - math.log10(first)) / 4

    def y(gap):
        gap = max(low, min(high, gap))
        return 16 + (height - 16 - bottom) * (math.log10(high) - math.log10(gap)) / 5

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<rect width="{width}" height="{height}" fill="white"/>']
    for power in range(-2, 3):
        at = x(10.0 ** power)
        parts.append(f'<path d="M{at:.1f} 16V{height - bottom}" stroke="#ddd"/><text x="{at:.1f}" y="{height - bottom + 16}" text-anchor="middle">{10.0 ** power:g}</text>')
    for power in range(-5, 1):
        at = y(10.0 ** power)
        parts.append(f'<path d="M{left} {at:.1f}H{width - 16}" stroke="#ddd"/><text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0 ** power * 100:g} %</text>')
    parts.append(f'<text x="{(left + width) / 2}" y="{height - 8}" text-anchor="middle">seconds, family {family}</text>')
    for row in (r for r in rows if r["family"] == family and "curve" in r):
        points, gap = [], None
        for point in row["curve"] + [{"seconds": row["seconds"], "gap": row["gap"]}]:
            if gap is not None:
                points.append(f'{x(point["seconds"]):.1f},{y(gap):.1f}')
            gap = point["gap"]
            points.append(f'{x(point["seconds"]):.1f},{y(gap):.1f}')
        # A step smaller than half a pixel shows nothing.
        drawn = points[:1]
        for point in points[1:-1]:
            here, before = ([float(part) for part in at.split(",")] for at in (point, drawn[-1]))
            if math.dist(here, before) >= 0.5:
                drawn.append(point)
        drawn += points[-1:]
        parts.append(f'<polyline points="{" ".join(drawn)}" fill="none" stroke="#06c" stroke-width="1.5"/>')
    colours = {"highs": "#c30", "scip": "#090", "cpsat": "#a0a"}
    for row in (r for r in rows if r["family"] == family and r["peer"] in colours):
        gap = row["gap"] if math.isfinite(row["gap"]) else 1.0
        parts.append(f'<circle cx="{x(row["seconds"]):.1f}" cy="{y(gap):.1f}" r="4" fill="{colours[row["peer"]]}"/>'
                     f'<text x="{x(row["seconds"]) - 6:.1f}" y="{y(gap) - 6:.1f}" text-anchor="end">{row["peer"]}</text>')
    parts.append("</svg>")
    name = f"benchmark-{family}.svg"
    (docs / name).write_text("\n".join(parts) + "\n")
    return name


lines = [f"Measured on {os.cpu_count()} processors ({processor()}).", "",
         "| family | ours 1 s | ours 10 s | ours 60 s | HiGHS | SCIP | CP-SAT |", "| --- | --- | --- | --- | --- | --- | --- |"]
for family in families:
    cells = [cell(family, p) for p in ("ours 1 s", "ours 10 s", "ours 60 s", "highs", "scip", "cpsat")]
    lines.append(f"| {family} | " + " | ".join(cells) + " |")
lines += ["", "## All VCG payments, effort `quick`", "",
          "| family | seconds | exact | mean width | width of all money bid | mean width at first | HiGHS | ratio |",
          "| --- | --- | --- | --- | --- | --- | --- | --- |"]
for family in families:
    ours = [r for r in rows if r["family"] == family and r["peer"] == "ours, VCG"]
    if not ours:
        continue
    theirs = {r["seed"]: r["seconds"] + r["vcg_seconds"] for r in rows if r["family"] == family and "vcg_seconds" in r}
    starts = [r["start_width"] for r in ours if r.get("start_width") is not None]
    ratios = [theirs[r["seed"]] / r["seconds"] for r in ours if r["seed"] in theirs and r["seconds"] > 0]
    lines.append(
        f"| {family} | {mean(r['seconds'] for r in ours):.2f} | {sum(r['exact'] for r in ours)} of {sum(r['companies'] for r in ours)} | "
        f"{mean(r['mean_width'] for r in ours):.2f} | {mean(r['total_width'] for r in ours):.2f} | "
        f"{format(mean(starts), '.2f') if starts else '–'} | {f'{mean(theirs.values()):.1f} s' if theirs else '–'} | "
        f"{f'{mean(ratios):.0f} ×' if ratios else '–'} |")
lines += ["", "## Whole runs", "",
          "| family | effort | seconds | CPU seconds | peak memory MB | gap |", "| --- | --- | --- | --- | --- | --- |"]
for family in families:
    for effort in ("quick", "standard", "thorough"):
        whole = [r for r in rows if r["family"] == family and r["peer"] == f"ours, {effort}"]
        if whole:
            lines.append(
                f"| {family} | {effort} | {mean(r['seconds'] for r in whole):.1f} | {mean(r['cpu_seconds'] for r in whole):.1f} | "
                f"{max(r['peak_mb'] for r in whole)} | {show(mean(r['gap'] for r in whole))} |")
cats = [r for r in rows if r["family"] == "CATS"]
if cats:
    files = {r["file"] for r in cats}
    total = {p: sum(r["seconds"] for r in cats if r["peer"] == p) for p in ("ours", "highs")}
    proven = {p: sum(r["proven"] for r in cats if r["peer"] == p) for p in ("ours", "highs")}
    lines += ["", "## CATS", "", f"{len(files)} public combinatorial auctions whose optimum is known. Ours (`thorough`) proves {proven['ours']} in {total['ours']:.1f} s, "
              f"HiGHS (120 s each) {proven['highs']} in {total['highs']:.1f} s."]
mmkp = [r for r in rows if r["family"] == "MMKP"]
if mmkp:
    lines += ["", "## MMKP", "", "Public multiple-choice knapsack problems, effort `thorough`. Values as published; distance to our bound.", "",
              "| problem | published | ours | bound | distance | seconds |", "| --- | --- | --- | --- | --- | --- |"]
    for r in mmkp:
        lines.append(f"| {r['file']} | {r['published']:.1f} | {r['welfare'] / 10:.1f} | {r['bound'] / 10:.1f} | "
                     f"{show((r['bound'] - r['welfare']) / r['welfare'])} | {r['seconds']:.1f} |")
lines.append("")
for family in families:
    if any(row["family"] == family and "curve" in row for row in rows):
        lines.append(f"![gap against time, family {family}]({plot(family)})")
page = docs / "benchmarks.md"
before, _, rest = page.read_text().partition("<!-- begin measured -->\n")
_, end, after = rest.partition("<!-- end measured -->\n")
if not end:
    sys.exit(f"{page} lacks the lines <!-- begin measured --> and <!-- end measured -->")
page.write_text(f"{before}<!-- begin measured -->\n" + "\n".join(lines) + f"\n{end}{after}")
print(f"wrote {page}")
