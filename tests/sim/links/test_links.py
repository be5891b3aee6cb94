#!/usr/bin/env python3
"""weft-links on a network made up on the spot: hosts on a plane, each behind an access
link, in sites of two, with slices of time that differ a little.  Its bars hold there too."""
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile

HOSTS = 160
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


def network(rng):
    sites = [(rng.uniform(0, 150e3), rng.uniform(0, 90e3)) for _ in range(HOSTS // 2)]
    hosts = [(*sites[i // 2], rng.uniform(100, 4000)) for i in range(HOSTS)]
    return [[round(((a[0] - b[0])**2 + (a[1] - b[1])**2)**.5 + a[2] + b[2])
             for b in hosts[i + 1:]] for i, a in enumerate(hosts[:-1])]


def text(triangle):
    return ''.join(','.join(map(str, row)) + '\n' for row in triangle)


def main():
    rng = random.Random(1)
    truth = network(rng)
    slices = [[[max(1, round(v * rng.gauss(1, .02))) for v in row] for row in truth]
              for _ in range(3)]
    with tempfile.TemporaryDirectory() as d:
        rtt, many = os.path.join(d, 'rtt.csv'), os.path.join(d, 'slices.csv.gz')
        with open(rtt, 'w', encoding='utf-8') as f:
            f.write(f'# made up\n{HOSTS}\n' + text(truth))
        with gzip.open(many, 'wt', encoding='utf-8') as f:
            f.write('# made up\n' + ''.join(text(s) for s in slices))
        rc, out, err = run('--rtt', rtt, '--slices', many, '--repeat', '1')
        ok(rc == 0, f'every bar holds {err}')
        figures = json.loads(out)
        ok(figures['hosts'] == HOSTS and figures['held'], 'and it says so')
        print(''.join(f'# {line}\n' for line in out.splitlines()), end='')
        ok(run('--rtt', rtt, '--slices', many, '--repeat', '1')[1].split('"distance_ns"')[0]
           == out.split('"distance_ns"')[0], 'the same seed, the same figures')
        with open(rtt, 'a', encoding='utf-8') as f:
            f.write('1,2,3\n')
        rc, _, err = run('--rtt', rtt, '--slices', many)
        ok(rc == 2 and 'line' in err, 'a file with something else in it is refused')
        rc, _, err = run('--rtt', os.path.join(d, 'none'), '--slices', many)
        ok(rc == 77 and 'not here' in err, 'data that is absent is told')
    print(f'1..{count}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
