#!/usr/bin/env python3
"""Make one row a system and window out of the rows of many rounds.

usage: table.py [--json] ROWS

ROWS holds a JSON object a line.  Each figure is the median over the rounds.  A system that
was run with more than one client (nats-lib, nats-bare) counts with the faster one.
"""
import json
import statistics
import sys

VARIANTS = {
    "nats-lib": "nats",
    "nats-bare": "nats",
    "nats-tls-lib": "nats-tls",
    "nats-tls-bare": "nats-tls",
}
ORDER = ["weft", "weft-worker", "relay", "relay-curve", "gearmand", "nats", "nats-tls"]
FIGURES = ["per_s", "p50_us", "p99_us"]

# What is divided by what, at which windows.
RATIOS = [
    ("per_s", "weft", "nats-tls", (1, 64, 1024), "jobs/s"),
    ("p50_us", "weft", "relay-curve", (1,), "p50"),
    ("per_s", "weft-worker", "weft", (1024,), "jobs/s"),
]


def load(path):
    """The median row of each (system as run, window)."""
    groups = {}
    with open(path, encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            groups.setdefault((row["system"], row["window"]), []).append(row)
    medians = []
    for (system, window), rows in groups.items():
        row = {"bench": rows[0]["bench"], "system": system, "window": window}
        for figure in FIGURES:
            row[figure] = round(statistics.median(r[figure] for r in rows), 1)
        row["per_s"] = round(row["per_s"])
        medians.append(row)
    return medians


def pick(medians):
    """The better variant of each system, in the order of the table."""
    best = {}
    for row in medians:
        system = VARIANTS.get(row["system"], row["system"])
        key = (row["window"], system)
        if key not in best or row["per_s"] > best[key]["per_s"]:
            best[key] = dict(row, system=system)

    def place(key):
        window, system = key
        return window, ORDER.index(system) if system in ORDER else len(ORDER), system

    return [best[key] for key in sorted(best, key=place)]


def print_table(rows):
    print(f"{'window':>6}  {'system':<12} {'jobs/s':>10} {'p50 us':>10} {'p99 us':>10}")
    last = None
    for row in rows:
        if last is not None and row["window"] != last:
            print()
        last = row["window"]
        print(f"{row['window']:>6}  {row['system']:<12} {row['per_s']:>10,}"
              f" {row['p50_us']:>10,.1f} {row['p99_us']:>10,.1f}")


def print_ratios(rows):
    at = {(row["system"], row["window"]): row for row in rows}
    lines = []
    for figure, above, below, windows, label in RATIOS:
        for window in windows:
            a, b = at.get((above, window)), at.get((below, window))
            if a and b and b[figure]:
                lines.append(f"{label} {above} / {below} at {window}: "
                             f"{a[figure] / b[figure]:.2f}")
    if lines:
        print("\n" + "\n".join(lines))


def main(argv):
    as_json = "--json" in argv
    paths = [arg for arg in argv if arg != "--json"]
    if len(paths) != 1:
        sys.exit(__doc__)
    rows = pick(load(paths[0]))
    if as_json:
        for row in rows:
            print(json.dumps(row, separators=(",", ":")))
    else:
        print_table(rows)
        print_ratios(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
