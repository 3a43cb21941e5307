"""Writes what has been measured into docs/performance.md, between two marks; what stands outside of them stays."""

from collections import defaultdict
from pathlib import Path

from measure import DOCUMENT, figure, kept, median, plots
from plots import draw
from rows import CASES, Goal

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEAD = "# How fast, beside Apache ZooKeeper\n\n"


def write(document: Path) -> None:
    """Renders all rows kept so far, also those of earlier runs."""
    rows = kept(document)
    if not rows:
        raise SystemExit("nothing has been measured: make bench-vs-zookeeper")
    text = document.read_text() if document.exists() else HEAD + f"{BEGIN}\n{END}\n"
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    document.write_text(f"{before}{BEGIN}\n{render(rows, plots(document))}\n{END}{after}")


def render(rows: dict[str, dict], to: Path) -> str:
    parts = [intro(rows), cases(rows)]
    parts += [part(row) for kind, part in PARTS.items() for row in rows.values() if row["kind"] == kind]
    if "bare" in rows:
        parts.append(bare(rows["bare"], rows))
    parts.append(curves(rows, to))
    return "\n".join(filter(None, parts)).strip()


def intro(rows: dict[str, dict]) -> str:
    quick = sorted(name for name, row in rows.items() if row["quick"])
    dates = sorted(row["measured_at"] for row in rows.values())
    commits = sorted({row["commit"] for row in rows.values()})
    text = (
        f"Measured with `make bench-vs-zookeeper` ({dates[0]} to {dates[-1]}, commit {', '.join(commits)}) on "
        f"{machines(rows)} Generator and servers share the machine.\n\n"
        "Both systems run side by side with their defaults and `-Xmx1g` for each JVM (unless said otherwise), sync to disk on, "
        "1 KiB of data, 1,000 znodes; they are measured in turns (A B A B ...) by `menagerie bench`, which verifies every reply. "
        "Ratios are those of the medians, Menagerie's to ZooKeeper's; after them stand the ratios pair by pair.\n"
    )
    if quick:
        text += f"\n**QUICK=1**: too short and too small to mean anything: {', '.join(quick)}.\n"
    return text


def machines(rows: dict[str, dict]) -> str:
    """What they were measured on; with several machines also which rows were measured where."""
    by_machine = defaultdict(list)
    for name, row in rows.items():
        by_machine[row["machine"]].append(name)
    if len(by_machine) == 1:
        return next(iter(by_machine))
    return " ".join(f"[{', '.join(names)}] {machine}" for machine, names in by_machine.items())


def verdict(goal: Goal, ratio: float | None) -> str:
    bound = f"{'at least' if goal.at_least else 'at most'} {goal.bound:.3g}"
    return f"{bound} | {shown(ratio)} | {'yes' if goal.met(ratio) else '**no**'}"


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def cases(rows: dict[str, dict]) -> str:
    lines = ["| workload | figure | Menagerie | ZooKeeper | must be | ratio | met | pair by pair |",
             "|---|---|---|---|---|---|---|---|"]
    for case in CASES:
        if case.row not in rows:
            continue
        for goal in case.goals:
            of = figure(rows[case.row], goal.figure)
            pairs = " ".join(map(shown, of["pairs"]))
            lines.append(f"| {case.title} | {goal.figure} | {number(of['median_a'])} | {number(of['median_b'])} | "
                         f"{verdict(goal, of['ratio'])} | {pairs} |")
    return "## Throughput and latency\n\n" + "\n".join(lines) + "\n" if len(lines) > 2 else ""


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(head: list[str], lines: list[list]) -> str:
    rows = [head, ["---"] * len(head), *lines]
    return "".join("| " + " | ".join(map(str, row)) + " |\n" for row in rows)


def ratio_row(name: str, ours: float, theirs: float, bound: float) -> list:
    ratio = ours / theirs if theirs else None
    return [name, number(ours), number(theirs), *verdict(Goal("", bound), ratio).split(" | ")]


RATIO_HEAD = ["", "Menagerie", "ZooKeeper", "must be", "ratio", "met"]


def znodes(row: dict) -> str:
    ours, theirs = row["medians"]["menagerie"], row["medians"]["zookeeper"]
    lines = [ratio_row("resident bytes for each znode", ours["bytes_per_znode"], theirs["bytes_per_znode"], 1 / 6),
             ratio_row("start after kill -9 to first read, ms", ours["start_ms"], theirs["start_ms"], 1 / 5)]
    lines += [[name, number(ours[key]), number(theirs[key]), "", shown(ours[key] / theirs[key]), ""]
              for key, name in (("bytes_per_znode_loaded", "the first, right after loading"),
                                ("rss_after_start_mib", "resident after the start, MiB"),
                                ("fill_s", "loading, s"), ("disk_bytes_per_znode", "disk, bytes for each znode"))
              if theirs[key]]
    return (f"## {row['count']:,} znodes of 100 bytes\n\n{table(RATIO_HEAD, lines)}\n"
            f"ZooKeeper with `-Xmx{row['heap']}`, after a forced full collection; both a while after loading.\n")


TOLD, OPENED, IDLE = Goal("all told p50 us", 1 / 4), Goal("open all s", 1 / 3), Goal("idle server cpu s", 1 / 5)


def watchers(row: dict) -> str:
    of = figure(row, TOLD.figure)
    lines = [ratio_row("until all are told (median of rounds), us", of["median_a"], of["median_b"], TOLD.bound)]
    return f"## {row['count']:,} watchers of one znode\n\n{table(RATIO_HEAD, lines)}"


def idle(row: dict) -> str:
    rss = {name: median([run["rss_kib"] for run in runs]) for name, runs in row["memory"].items()}
    grown = {name: median([run["grown_kib"] for run in runs]) for name, runs in row["memory"].items()}
    opened, cpu = figure(row, OPENED.figure), figure(row, IDLE.figure)
    lines = [ratio_row("resident memory with all open, MiB", rss["menagerie"] / 1024, rss["zookeeper"] / 1024, 1 / 5),
             ratio_row("grown by the sessions, KiB each", grown["menagerie"] / row["count"],
                       grown["zookeeper"] / row["count"], 1 / 5),
             ratio_row("processor while idle, s", cpu["median_a"], cpu["median_b"], IDLE.bound),
             ratio_row("until all are open, s", opened["median_a"], opened["median_b"], OPENED.bound)]
    return f"## {row['count']:,} idle sessions\n\n{table(RATIO_HEAD, lines)}\nMemory of servers just started.\n"


def quiet(row: dict) -> str:
    if not row["quiet"] or not row["during"]:
        return f"## During a {row['what']}\n\nNot seen: {len(row['quiet'])} quiet runs, {len(row['during'])} others.\n"
    of = {when: median([run["p999_ms"] for run in row[when]]) for when in ("quiet", "during")}
    line = ["p99.9, ms", number(of["during"]), number(of["quiet"]),
            *verdict(Goal("", 2), of["during"] / of["quiet"]).split(" | ")]
    return f"## During a {row['what']}\n\n" + table(["", "during", "quiet", "must be", "ratio", "met"], [line])


def stalls(row: dict) -> str:
    head = ["disturbance", "get max ms", "ping max ms", "below 100 ms", "ZooKeeper's get max ms", "its ping max ms"]
    lines = []
    for what, seen in row["menagerie"].items():
        theirs = [longest(row["zookeeper"][what], key) for key in ("get_max_ms", "ping_max_ms")]
        met = "failed" not in seen and max(seen["get_max_ms"], seen["ping_max_ms"]) < 100 and not seen["errors"]
        note = "" if seen.get("observed_to_the_end") else " (not observed to its end)"
        ours = [longest(seen, key) for key in ("get_max_ms", "ping_max_ms")]
        lines.append([what + note, *ours, "yes" if met else "**no**", *theirs])
    return f"## Others, while one thing happens\n\n{table(head, lines)}"


def longest(seen: dict, key: str) -> str:
    return "failed" if "failed" in seen else number(seen[key])


# What is by itself, with few sockets or many; and of which row's first figure, or which other, it is a part.
BARE = [
    ("set, standalone, 1 x 1: a page written and synced for a client", "few", "write_us", "standalone-set-1x1", None),
    ("set, 3 members, 1 x 1: the same on two of three", "few", "replicated_us", "ensemble-set-1x1", None),
    ("1,000 watchers: one `send` and its reception", "few", "told_each_us", "watch-1k", TOLD),
    ("10,000 watchers: the same, of many sockets", "many", "told_each_us", "watch-10k", TOLD),
    ("opening many sessions: a connection, and a message each way", "many", "connect_each_us", "idle-20k", OPENED),
    ("pings: one answered, processor time", "many", "ping_server_us", "idle-20k", IDLE),
]


def bare(row: dict, rows: dict[str, dict]) -> str:
    """Beside what the rows ask for: where that is less, nobody can do it with a system call for each."""
    first_goals = {case.row: case.goals[0] for case in CASES}
    lines = []
    for what, size, key, of, goal in BARE:
        if of in rows:
            goal = goal or first_goals[of]
            per = microseconds(rows[of], goal)
            ours, theirs = (figure(rows[of], goal.figure)[of_whom] * per for of_whom in ("median_a", "median_b"))
            by_itself = median([run[key] for run in row[size]])
            lines.append([what, *map(shown, (by_itself, theirs * goal.bound, ours, theirs))])
    few, many = row["counts"]
    return (f"## What the machine takes by itself\n\n{table(['us', 'by itself', 'asked for', 'Menagerie', 'ZooKeeper'], lines)}\n"
            f"`menagerie bench bare`: the same system calls and nothing else, one thread at each end, {few:,} and {many:,} sockets. "
            "Asked for is the row's part of ZooKeeper's figure.\n")


def microseconds(row: dict, goal: Goal) -> float:
    """What a figure is multiplied with to be microseconds for each watcher, session or ping."""
    if goal is IDLE:
        return 1e6 / row["a_runs"][0]["pings"]
    return (1e6 if goal is OPENED else 1) / row.get("count", 1)


PARTS = {"znodes": znodes, "watchers": watchers, "idle": idle, "quiet": quiet, "stalls": stalls}
# Of each curve: the figure, and how its axis is labelled.
CURVES = {
    "curve-sessions": [("ops_s", "ops/s"), ("server_us_per_op", "server us/op")],
    "curve-payload": [("ops_s", "ops/s"), ("server_us_per_op", "server us/op")],
    "curve-znodes": [("ops_s", "ops/s"), ("p99_us", "p99 us")],
    "curve-children": [("p50_us", "p50 us")],
    "curve-watchers": [("p50_us", "until all are told, us")],
    "curve-replicas": [("ops_s", "ops/s")],
}


def curves(rows: dict[str, dict], to: Path) -> str:
    text = ""
    for name, figures in CURVES.items():
        if name not in rows:
            continue
        text += f"\n### Over {rows[name]['x']}\n\n"
        for key, label in figures:
            file = to / f"{name.removeprefix('curve-')}-{key.replace('_', '-')}.svg"
            draw(rows[name], key, label, file, log_y=name != "curve-replicas")
            text += f"![{label} over {rows[name]['x']}]({file.relative_to(to.parent)})\n"
        text += "\n" + points(rows[name])
    return f"## How cost grows\n\nOne run a point.\n{text}" if text else ""


def points(curve: dict) -> str:
    """The numbers behind a plot, Menagerie / ZooKeeper."""
    ours, theirs = curve["menagerie"], curve.get("zookeeper", [])
    keys = [(request, key) for request, value in ours[0].items() if isinstance(value, dict) for key in value]
    head = [curve["x"], *(f"{request.replace('_', ' ')} {key.replace('_', ' ')}" for request, key in keys)]
    lines = []
    for n, point in enumerate(ours):
        cells = [number(point[request][key]) for request, key in keys]
        if theirs:
            cells = [f"{cell} / {number(theirs[n][request][key])}" for cell, (request, key) in zip(cells, keys)]
        lines.append([f"{point['x']:,}", *cells])
    return table(head, lines)


if __name__ == "__main__":
    write(DOCUMENT)
