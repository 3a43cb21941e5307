"""Curves as SVG."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
from matplotlib import pyplot  # noqa: E402

# Text stays text, and the same figures give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "menagerie", "font.size": 9,
                            "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
                            "grid.alpha": 0.3})
COLOURS = {"menagerie": "#1b7a6b", "zookeeper": "#b4532a"}
STYLES = {"get": "-", "set": "--", "create": ":", "children": "-", "all_told": "-"}


def draw(curve: dict, figure: str, label: str, path: Path, log_y: bool = True) -> None:
    """One figure of a curve, a line for each system and request."""
    chart, axes = pyplot.subplots(figsize=(6, 3.4))
    for system, colour in COLOURS.items():
        points = curve.get(system, [])
        for request, style in STYLES.items():
            line = [(point["x"], point[request][figure]) for point in points
                    if isinstance(point.get(request), dict) and figure in point[request]]
            if line:
                xs, ys = zip(*line)
                axes.plot(xs, ys, style, color=colour, marker="o", markersize=3,
                          label=f"{request.replace('_', ' ')}, {system}")
    if min(point["x"] for point in curve["menagerie"]) > 0 and len(curve["menagerie"]) > 3:
        axes.set_xscale("log")
    elif len(curve["menagerie"]) > 3:
        axes.set_xscale("symlog", linthresh=64)
    if log_y:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(curve["x"])
    axes.set_ylabel(label)
    axes.legend(frameon=False, fontsize=8)
    chart.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without the date, which would change the file though nothing else has.
    chart.savefig(path, metadata={"Date": None})
    pyplot.close(chart)
    # matplotlib leaves blanks at the ends of lines.
    path.write_text("".join(line.rstrip() + "\n" for line in path.read_text().splitlines()))
