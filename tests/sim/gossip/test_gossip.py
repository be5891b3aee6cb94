#!/usr/bin/env python3
"""weft-gossip with few brokers: its bars hold, with signatures and without, over a cut and
on a matrix of round trips; the tree of an origin spares what flooding sends twice."""
import json
import os
import random
import subprocess
import sys
import tempfile

count = 0
failed = 0


def ok(good, what):
    global count, failed
    count += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {count} - {what}")


def run(*args):
    r = subprocess.run([sys.argv[1], *args], text=True, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, timeout=100)
    return r.returncode, r.stdout, r.stderr


def figures(out):
    return json.loads(''.join(line for line in out.splitlines() if 'cpu_us' not in line))


def main():
    rc, out, err = run('--brokers', '10', '--seconds', '10', '--partition', '10')
    ok(rc == 0, f'ten brokers: every bar holds {err}')
    ok(json.loads(out)['held'], 'and it says so')
    print(''.join(f'# {line}\n' for line in out.splitlines()), end='')
    many = ('--brokers', '60', '--seconds', '10', '--no-verify')
    rc, out, _ = run(*many)
    ok(rc == 0 and 'replaced' in figures(out)['signatures'],
       'sixty without signatures, which is told')
    ok(figures(run(*many)[1]) == figures(out), 'the same seed, the same figures')
    ok(figures(run(*many, '--seed', '2')[1]) != figures(out), 'another one, others')
    rc, flood, _ = run(*many, '--flood')
    ok(figures(flood)['bytes_s']['mean'] > 1.5 * figures(out)['bytes_s']['mean'],
       'without trees it costs more')
    with tempfile.TemporaryDirectory() as d:
        rtt = os.path.join(d, 'rtt.csv')
        rng = random.Random(1)
        with open(rtt, 'w', encoding='utf-8') as f:
            f.write('# made up\n40\n')
            for i in range(39):
                f.write(','.join(str(rng.randrange(1000, 90000)) for _ in range(39 - i)) +
                        '\n')
        rc, out, err = run('--brokers', '20', '--seconds', '5', '--rtt', rtt)
        ok(rc == 0 and figures(out)['network'] == 'measured', f'over a matrix {err}')
        ok(run('--rtt', os.path.join(d, 'none'))[0] == 77, 'data that is absent is told')
    ok(run('--brokers')[0] == 2, 'so is an option without its value')
    print(f'1..{count}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
