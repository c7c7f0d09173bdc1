#!/usr/bin/env python3
"""Draws curves of a run's metrics.jsonl as an SVG picture, with nothing but Python's standard library.

Usage: scripts/draw_curves.py RUN/metrics.jsonl NAME[,NAME...] [--title TEXT] > curves.svg
  scripts/draw_curves.py runs/sft/metrics.jsonl loss,eval_loss --title 'SFT' > sft.svg

Names are keys of metrics.jsonl (docs/formats.md). All curves share one axis; those of evaluations have marks.
"""
import argparse
import json
import math
import xml.sax.saxutils

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 150, 34, 40
COLOURS = ["#1f5fa8", "#c2410c", "#15803d", "#7e22ce", "#525252"]


def read_curves(path, names):
    curves = {name: [] for name in names}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            for name in names:
                if record.get(name) is not None:
                    curves[name].append((record["step"], record[name]))
    for name, points in curves.items():
        if not points:
            raise SystemExit(f"{path}: no line has {name}")
    return curves


def ticks(low, high, count=5):
    """Round numbers from about low to about high."""
    step = 10 ** math.floor(math.log10((high - low) / count))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= count)
    first = math.ceil(low / step - 1e-9)
    return [round(first * step + i * step, 10) for i in range(int((high - first * step) / step + 1e-9) + 1)]


class Axes:
    def __init__(self, curves):
        steps = [step for points in curves.values() for step, _ in points]
        values = [value for points in curves.values() for _, value in points]
        self.x = (min(steps), max(max(steps), min(steps) + 1))
        margin = 0.05 * (max(values) - min(values)) or 0.5
        self.y = (min(values) - margin, max(values) + margin)

    def place(self, step, value):
        x = LEFT + (step - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)
        y = HEIGHT - BOTTOM - (value - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)
        return x, y

    def svg(self):
        parts = []
        for value in ticks(*self.y):
            y = self.place(self.x[0], value)[1]
            parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e5e5"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        for step in ticks(*self.x):
            x = self.place(step, self.y[0])[0]
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{step:g}</text>')
        middle = (LEFT + WIDTH - RIGHT) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">step</text>')
        return parts


def curve_svg(axes, name, points, colour, row):
    places = [axes.place(*point) for point in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    is_evaluation = name.startswith("eval_")
    parts = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{2 if is_evaluation else 1.2}"/>']
    if is_evaluation:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
    y = TOP + 8 + 18 * row
    parts.append(f'<line x1="{WIDTH - RIGHT + 12}" x2="{WIDTH - RIGHT + 30}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2"/>')
    parts.append(f'<text x="{WIDTH - RIGHT + 36}" y="{y + 4}">{xml.sax.saxutils.escape(name)}</text>')
    return parts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("metrics")
    parser.add_argument("names")
    parser.add_argument("--title", default="")
    args = parser.parse_args()
    curves = read_curves(args.metrics, args.names.split(","))
    axes = Axes(curves)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12" fill="#262626">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             f'<text x="{LEFT}" y="20" font-size="14">{xml.sax.saxutils.escape(args.title)}</text>']
    parts += axes.svg()
    for row, (name, points) in enumerate(curves.items()):
        parts += curve_svg(axes, name, points, COLOURS[row % len(COLOURS)], row)
    print("\n".join(parts + ["</svg>"]))


if __name__ == "__main__":
    main()
