#!/usr/bin/env python3
"""Make one row a system and window out of the rows of many rounds.

usage: table.py [--json] ROWS

ROWS holds a JSON object a line, all of one benchmark.  Each figure is the median over the
rounds, and each ratio the median of the ratios of the rounds, because what disturbs a
round mostly disturbs both.  A system that was run in more than one way (nats-lib,
nats-bare) counts with the faster one.  The rows of `data' have figures of their own.
"""
import json
import statistics
import sys

VARIANTS = {
    "nats-lib": "nats",
    "nats-bare": "nats",
    "nats-tls-lib": "nats-tls",
    "nats-tls-bare": "nats-tls",
    "postgres-each": "postgres",
    "postgres-batch": "postgres",
}
ORDER = ["weft", "weft-worker", "weft-fast", "raw", "raw-rewrite", "relay", "relay-curve",
         "gearmand", "nats", "nats-tls", "beanstalkd", "postgres", "jetstream"]
FIGURES = ["per_s", "p50_us", "p99_us"]
DATA_ORDER = ["raw-curve", "weft-direct", "weft-direct-plain", "weft-relay",
              "weft-relay-plain", "tcp", "ping-idle", "ping-bulk", "ping-bulk-relay",
              "small-files", "real-files"]
UNITS = {"echo": "jobs/s", "durable": "submits/s"}
NOTES = {("durable", "jetstream"): "acks before fsync"}

# Each row is divided by this one in the table of the benchmark.
BASE = {"durable": "raw"}

# What is divided by what, at which windows.
RATIOS = {
    "echo": [
        ("per_s", "weft", "nats-tls", (1, 64, 1024)),
        ("p50_us", "weft", "relay-curve", (1,)),
        ("per_s", "weft-worker", "weft", (1024,)),
    ],
    "durable": [
        ("per_s", "weft", "raw", (256,)),
        ("per_s", "weft", "beanstalkd", (1, 64, 256, 1024)),
        ("per_s", "weft", "postgres", (1, 64, 256, 1024)),
    ],
}
DATA_RATIOS = [
    ("mb_per_s", "weft-direct", "raw-curve"),
    ("cpu_s_per_gb", "weft-direct", "raw-curve"),
    ("mb_per_s", "weft-direct-plain", "raw-curve"),
    ("cpu_s_per_gb", "weft-direct-plain", "raw-curve"),
    ("mb_per_s", "weft-direct", "tcp"),
    ("mb_per_s", "weft-relay", "weft-direct"),
    ("p99_us", "ping-bulk", "ping-idle"),
    ("p99_us", "ping-bulk-relay", "ping-idle"),
]


def load(path):
    """The rows of each (system as run, window)."""
    groups = {}
    with open(path, encoding="utf-8") as rows:
        for line in rows:
            row = json.loads(line)
            groups.setdefault((row["system"], row.get("window")), []).append(row)
    return groups


def medians_of(groups):
    medians = []
    for (system, window), rows in groups.items():
        row = {"bench": rows[0]["bench"], "system": system, "window": window}
        for figure in FIGURES:
            row[figure] = round(statistics.median(r[figure] for r in rows), 1)
        row["per_s"] = round(row["per_s"])
        row["rounds"] = rows
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


def ratio(a, b, figure):
    """The median over the rounds of a / b; None when one of them has no figure."""
    pairs = [(x[figure], y[figure]) for x, y in zip(a["rounds"], b["rounds"])]
    return statistics.median(x / y for x, y in pairs) if all(y for _, y in pairs) else None


def print_table(bench, rows):
    base = BASE.get(bench)
    at = {row["window"]: row for row in rows if row["system"] == base}
    print(f"{'window':>6}  {'system':<12} {UNITS.get(bench, 'per s'):>10} {'p50 us':>10}"
          f" {'p99 us':>10}" + (f"  {'x ' + base:>6}" if base else ""))
    last = None
    for row in rows:
        if last is not None and row["window"] != last:
            print()
        last = row["window"]
        line = (f"{row['window']:>6}  {row['system']:<12} {row['per_s']:>10,}"
                f" {row['p50_us']:>10,.1f} {row['p99_us']:>10,.1f}")
        below = at.get(row["window"])
        share = ratio(row, below, "per_s") if below else None
        if share is not None:
            line += f"  {share:>6.2f}"
        note = NOTES.get((bench, row["system"]))
        print(line + (f"  ({note})" if note else ""))


def print_ratios(bench, rows):
    at = {(row["system"], row["window"]): row for row in rows}
    lines = []
    for figure, above, below, windows in RATIOS.get(bench, []):
        label = UNITS[bench] if figure == "per_s" else "p50"
        for window in windows:
            a, b = at.get((above, window)), at.get((below, window))
            share = ratio(a, b, figure) if a and b else None
            if share is not None:
                lines.append(f"{label} {above} / {below} at {window}: {share:.2f}")
    if lines:
        print("\n" + "\n".join(lines))


def data_medians(groups):
    """Of each system, in the order of the table; each has the figures that it has."""
    medians = []
    for (system, _), rows in groups.items():
        row = {"bench": "data", "system": system}
        for figure in rows[0]:
            if figure not in row:
                row[figure] = round(statistics.median(r[figure] for r in rows), 3)
        row["rounds"] = rows
        medians.append(row)

    def place(row):
        system = row["system"]
        return DATA_ORDER.index(system) if system in DATA_ORDER else len(DATA_ORDER)

    return sorted(medians, key=place)


def print_data(rows):
    print(f"{'system':<18} {'MB/s':>9} {'CPU s/GB':>9} {'p50 us':>9} {'p99 us':>9}  more")
    for row in rows:
        line = f"{row['system']:<18}"
        for figure in ("mb_per_s", "cpu_s_per_gb", "p50_us", "p99_us"):
            digits = 2 if figure == "cpu_s_per_gb" else 1
            line += f" {row[figure]:>9,.{digits}f}" if figure in row else f" {'':>9}"
        more = [f"{name} {value:,}" for name, value in row.items()
                if name not in ("bench", "system", "rounds", "mb_per_s", "cpu_s_per_gb",
                                "p50_us", "p99_us")]
        print((line + "  " + ", ".join(more)).rstrip())
    at = {row["system"]: row for row in rows}
    print()
    for figure, above, below in DATA_RATIOS:
        if above in at and below in at:
            share = ratio(at[above], at[below], figure)
            if share is not None:
                print(f"{figure} {above} / {below}: {share:.2f}")


def main(argv):
    as_json = "--json" in argv
    paths = [arg for arg in argv if arg != "--json"]
    if len(paths) != 1:
        sys.exit(__doc__)
    groups = load(paths[0])
    is_data = any(rows[0]["bench"] == "data" for rows in groups.values())
    rows = data_medians(groups) if is_data else pick(medians_of(groups))
    if as_json:
        for row in rows:
            del row["rounds"]
            print(json.dumps(row, separators=(",", ":")))
    elif is_data:
        print_data(rows)
    elif rows:
        print_table(rows[0]["bench"], rows)
        print_ratios(rows[0]["bench"], rows)


if __name__ == "__main__":
    main(sys.argv[1:])
