#!/usr/bin/env python3
"""Run the evaluation of the router and print every bar, what was measured, met or not.

usage: placement.py BUILD [--data DIR] [--seeds N] [--quick] [--json] [--maker PATH]

BUILD is a build folder with weft-scenario, weft-place, weft-links, weft-runtimes and
bench-decide.  DIR holds measured round trips and traces (planetlab490_rtt_us.csv and so
on); without it the matrix is synthetic, and what needs measured data is left out, which
is said.  PATH is another maker of scenarios with the options of weft-scenario that
concern the network, the load and the class of jobs; deadlines are weft-scenario's.

Each figure is the median over the seeds, each ratio one of two such medians, shares are
of all seeds together.  Exit status: 0 when every bar that was measured is met, 1 when one
is not or a program failed, 2 usage.
"""
import argparse
import concurrent.futures
import json
import os
import statistics
import subprocess
import sys
import tempfile

RTT = "planetlab490_rtt_us.csv"
SLICES = "planetlab490_slices_us.csv.gz"
TRACES = ("azure_llm2023_conv.csv", "azure_llm2023_code.csv", "azure_functions2021_200.csv")
ABSENT = 77
PYTHON = "/usr/bin/python3"  # the one that Debian's numpy is for
DEADLINES = "30"             # % of jobs that have one, where deadlines are measured
FIGURES = ("mean_s", "p99_s", "mb_per_job", "usd_per_1000")


class Spec(tuple):
    """A scenario but for its seed: load, brokers, class of the jobs, % with deadlines, and
    whether each seed has a world of its own.  Those of other numbers of brokers do: their
    nodes are others anyway, and one of them alone may have a holder that is overrun."""
    def __new__(cls, load, brokers=5, goal="balanced", deadlines="", worlds=False):
        return super().__new__(cls, (load, brokers, goal, deadlines, worlds))


class Lab:
    """The programs and a folder for scenarios."""

    def __init__(self, opt, tmp):
        self.opt, self.tmp = opt, tmp
        self.rtt = os.path.join(opt.data, RTT) if opt.data else None
        self.seeds = range(1, opt.seeds + 1)
        self.found = {}  # (spec, policy, cache): a JSON object a seed

    def program(self, path):
        return os.path.join(self.opt.build, path)

    def folder(self, spec, seed):
        return os.path.join(self.tmp, "-".join(map(str, spec)) + f"-{seed}")

    def make(self, spec, seed):
        load, brokers, goal, deadlines, worlds = spec
        argv = [self.program("tests/sim/weft-scenario")]
        if self.opt.maker and not deadlines:
            argv = [PYTHON, self.opt.maker]
        argv += ["--out", self.folder(spec, seed), "--load", str(load), "--seed", str(seed),
                 "--brokers", str(brokers), "--class", goal]
        argv += ["--world", str(seed)] if worlds else []
        argv += ["--seconds", "20"] if self.opt.quick else []
        argv += ["--rtt", self.rtt] if self.rtt else []
        argv += ["--deadlines", deadlines] if deadlines else []
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)

    def place(self, spec, policy, cache, seed):
        argv = [self.program("tests/sim/weft-place"), "--scenario", self.folder(spec, seed),
                "--policy", policy, "--seed", str(seed)]
        argv += ["--cache"] if cache else []
        return json.loads(subprocess.run(argv, check=True, capture_output=True).stdout)

    def run(self, wanted):
        """Fill `found`: two at a time, as most machines have that many cores."""
        specs = sorted({spec for spec, _, _ in wanted}, key=str)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda job: self.make(*job),
                          [(spec, seed) for spec in specs for seed in self.seeds]))
            jobs = [(*key, seed) for key in wanted for seed in self.seeds]
            for job, row in zip(jobs, pool.map(lambda job: self.place(*job), jobs)):
                self.found.setdefault(job[:3], []).append(row)

    def median(self, figure, spec, policy="weft", cache=False):
        return statistics.median(row[figure] for row in self.found[spec, policy, cache])

    def ratio(self, figure, a, b):
        """Of two of (spec, policy, cache), or as much of that as median() needs."""
        below = self.median(figure, *b)
        return self.median(figure, *a) / below if below else None

    def share(self, part, whole, spec):
        rows = self.found[spec, "weft", False]
        of = sum(row[whole] for row in rows)
        return sum(row[part] for row in rows) / of if of else None

    def ask(self, path, *args):
        """The JSON object that a program prints; None: its data is not there."""
        r = subprocess.run([self.program(path), *args], capture_output=True, text=True)
        if r.returncode == ABSENT:
            return None
        if r.returncode not in (0, 1):  # 1: one of its own bars is not met
            raise subprocess.CalledProcessError(r.returncode, path, stderr=r.stderr)
        return json.loads(r.stdout)


MID, HIGH = Spec(.7), Spec(.85)
ALONE, MANY = Spec(.85, 1, worlds=True), Spec(.85, 20, worlds=True)
DUE = Spec(.85, deadlines=DEADLINES)
BY_GOAL = {(load, goal): Spec(load, goal=goal)
           for load in (.7, .85) for goal in ("latency", "cost")}
POLICIES = ("weft", "ect", "p2c", "oracle")


def wanted():
    runs = [(spec, policy, False) for spec in (MID, HIGH) for policy in POLICIES]
    runs += [(spec, policy, True) for spec in (MID, HIGH) for policy in ("weft", "ect")]
    runs += [(spec, "weft", False) for spec in (ALONE, MANY, DUE, *BY_GOAL.values())]
    return runs


def bars_of_places(lab):
    """(bar, relation, limit, measured)"""
    for spec, name, limits in (
            (MID, "0.7", (("mean_s", "ect", .95), ("mean_s", "p2c", .85),
                          ("mean_s", "oracle", 1.05), ("p99_s", "ect", 1),
                          ("mb_per_job", "ect", .55), ("usd_per_1000", "ect", .55))),
            (HIGH, "0.85", (("mean_s", "ect", .97), ("mean_s", "p2c", .9),
                            ("mean_s", "oracle", 1.05),
                            ("mb_per_job", "ect", .6), ("usd_per_1000", "ect", .6)))):
        for figure, other, limit in limits:
            yield (f"load {name}: {figure} of weft / {other}", "<=", limit,
                   lab.ratio(figure, (spec, "weft"), (spec, other)))
    for spec, name in ((MID, "0.7"), (HIGH, "0.85")):
        yield (f"load {name}, caching: mb_per_job of weft / ect", "<=", .5,
               lab.ratio("mb_per_job", (spec, "weft", True), (spec, "ect", True)))
    yield ("load 0.85: mean_s of 20 brokers / 1 broker, in other worlds", "<=", 1.2,
           lab.ratio("mean_s", (MANY,), (ALONE,)))
    for load in (.7, .85):
        cost, latency = BY_GOAL[load, "cost"], BY_GOAL[load, "latency"]
        for figure, limit in (("usd_per_1000", .7), ("mean_s", 2)):
            yield (f"load {load}: {figure} of class cost / latency", "<=", limit,
                   lab.ratio(figure, (cost,), (latency,)))
    missed = lab.share("deadline_missed", "deadline_jobs", DUE)
    yield ("load 0.85: admitted jobs that meet their deadline", ">=", .99,
           None if missed is None else 1 - missed)
    yield ("load 0.85: refused jobs that could not have met it", ">=", .9,
           lab.share("refused_rightly", "refused", DUE))


def bars_of_links(lab):
    where = lab.opt.data or ""
    links = lab.opt.data and lab.ask(
        "tests/sim/links/weft-links", "--rtt", os.path.join(where, RTT), "--slices",
        os.path.join(where, SLICES), "--brokers", "16", "--pings", "5")
    size = links["size"] if links else {"median": None, "p90": None}
    yield "planetlab490, 16 brokers: size, median error", "<=", .07, size["median"]
    yield "planetlab490, 16 brokers: size, p90 of the error", "<=", .3, size["p90"]
    yield ("planetlab490: nearest of 50, best 3: extra ms, mean", "<=", 3.5,
           links["nearest_of_50_best_3"]["extra_mean_ms"] if links else None)


def bars_of_runtimes(lab):
    traces = lab.opt.data and lab.ask("tests/sim/weft-runtimes", "--traces", lab.opt.data)
    if not traces:
        yield "run times: median error below one mean's by", ">=", .3, None
        return
    for row in traces["traces"]:
        yield (f"run times of {row['trace']}: median error below one mean's by", ">=",
               row["bar"], row["gain"])


def bars_of_decide(lab):
    args = ["--quick"] if lab.opt.quick else []
    row = lab.ask("tests/bench/bench-decide", *args)
    yield f"decision, {row['nodes']} agents: p50 us", "<=", 2, row["p50_ns"] / 1000
    yield "decision: allocations", "<=", 0, row["allocations"]
    yield "decision: records that give the same winner again", ">=", 1, row["rescored"]


def verdict(relation, limit, measured):
    if measured is None:
        return "not measured"
    met = measured <= limit if relation == "<=" else measured >= limit
    return "met" if met else "NOT met"


def network(opt):
    made = f", scenarios of {os.path.basename(opt.maker)}" if opt.maker else ""
    return (RTT if opt.data else "SYNTHETIC round trips (no --data)") + made


def print_table(opt, lab, bars):
    print(f"placement: 200 agents, 5 brokers, reports 1 s old, {network(opt)},"
          f" median of {opt.seeds} seeds{' (quick)' if opt.quick else ''}\n")
    print(f"{'load':>4}  {'policy':<14}" + "".join(f"{f:>14}" for f in FIGURES)
          + f"{'unfinished':>12}{'decision us':>13}")
    for (spec, policy, cache), rows in lab.found.items():
        if spec in (MID, HIGH):
            row = [f"{lab.median(f, spec, policy, cache):>14.4f}" for f in FIGURES]
            print(f"{spec[0]:>4}  {policy + (' caching' if cache else ''):<14}" + "".join(row)
                  + f"{sum(r['unfinished'] for r in rows):>12}"
                  + f"{statistics.median(r['decision_us'] for r in rows):>13.2f}")
    print(f"\n{'bar':<70}{'limit':>9}{'measured':>11}")
    for name, relation, limit, measured in bars:
        value = "-" if measured is None else f"{measured:.4f}"
        print(f"{name:<70}{relation + ' ' + format(limit, 'g'):>9}{value:>11}"
              f"  {verdict(relation, limit, measured)}")


def print_rows(opt, lab, bars):
    for (spec, policy, cache), rows in lab.found.items():
        for seed, row in zip(lab.seeds, rows):
            print(json.dumps({"bench": "placement", "load": spec[0], "brokers": spec[1],
                              "class": spec[2], "deadlines": int(spec[3] or 0),
                              "world": seed if spec[4] else 1,
                              "cache": cache, "seed": seed, **row}))
    for name, relation, limit, measured in bars:
        print(json.dumps({"bench": "placement", "bar": name, "relation": relation,
                          "limit": limit, "measured": measured,
                          "verdict": verdict(relation, limit, measured),
                          "network": network(opt)}))


def parse(argv):
    p = argparse.ArgumentParser(prog="scripts/bench placement", usage=__doc__)
    p.add_argument("build")
    p.add_argument("--data")
    p.add_argument("--seeds", type=int)
    p.add_argument("--quick", action="store_true")
    p.add_argument("--json", action="store_true")
    p.add_argument("--maker")
    opt = p.parse_args(argv)
    opt.seeds = opt.seeds or (1 if opt.quick else 5)
    if opt.data and not os.path.isfile(os.path.join(opt.data, RTT)):
        p.error(f"--data {opt.data} has no {RTT}")
    if opt.maker and not opt.data:
        p.error("--maker needs the matrix of --data")
    return opt


def main(argv):
    opt = parse(argv)
    with tempfile.TemporaryDirectory(prefix="weft-placement-") as tmp:
        lab = Lab(opt, tmp)
        try:
            lab.run(wanted())
            bars = [bar for measure in (bars_of_places, bars_of_links, bars_of_runtimes,
                                        bars_of_decide) for bar in measure(lab)]
        except subprocess.CalledProcessError as e:
            said = e.stderr.decode() if isinstance(e.stderr, bytes) else e.stderr
            sys.exit(f"bench: {e.cmd} failed with {e.returncode}: {said or ''}")
    (print_rows if opt.json else print_table)(opt, lab, bars)
    return any(verdict(*bar[1:]) == "NOT met" for bar in bars)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
