#!/usr/bin/env python3
"""weft-scale with few brokers: all of its jobs end, everybody hears of everything, work
that may go to other sites is over sooner, and what they are told is good enough for it."""
import json
import subprocess
import sys

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
    """Without those that are of the machine."""
    all_ = json.loads(out)
    for mode in ('digests', 'truth', 'alone'):
        if mode in all_:
            del all_[mode]['decision_us'], all_[mode]['memory']
            del all_[mode]['a_broker_s']['cpu_us']
    return all_


def main():
    few = ('--brokers', '12', '--agents', '20', '--seconds', '40', '--warm', '10',
           '--changes', '5')
    rc, out, err = run(*few)
    print(''.join(f'# {line}\n' for line in out.splitlines()), end='')
    ok(rc == 0, f'all jobs end, all brokers know all, no link breaks {err}')
    all_ = json.loads(out)
    mean = {m: all_[m]['jobs']['mean_s'] for m in ('digests', 'truth', 'alone')}
    ok(mean['digests'] < 0.8 * mean['alone'], f'who may send work away is done sooner {mean}')
    ok(mean['digests'] < 1.15 * mean['truth'],
       'to know the others as they are now gains little')
    change = all_['digests']['change']
    ok(change['never_everywhere'] == 0 and change['intervals_since_said']['max'] < 3,
       'a change is with all within three intervals')
    ok(all_['digests']['memory']['mean'] > 1 << 20, 'memory is counted')
    ok(all_['digests']['a_broker_s']['gossip_bytes'] > 100, 'and so are bytes')
    ok(figures(run(*few)[1]) == figures(out), 'the same seed, the same figures')
    ok(figures(run(*few, '--seed', '2')[1]) != figures(out), 'another one, others')
    rc, out, _ = run('--brokers', '20', '--modes', 'digests', '--limit', '1', '--seconds',
                     '3600')
    ok(rc == 1 and json.loads(out)['digests']['stopped'], 'the processor\'s time is bounded')
    rc, out, _ = run('--brokers', '6', '--agents', '10', '--seconds', '5', '--modes', 'digests',
                     '--keys')
    ok(rc == 0 and json.loads(out)['digests']['memory']['facts'] > 60,
       'all agents are known everywhere when that is asked for')
    ok(run('--modes', 'none')[0] == 2 and run('--brokers')[0] == 2,
       'options that cannot be are refused')
    print(f'1..{count}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
