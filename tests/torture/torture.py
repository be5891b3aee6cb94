"""Break real processes in every way that is known, then ask whether the promises held.

    torture.py BUILD [--minutes N] [--seed S] [--failpoint NAME] [--quick] [--keep]
                     [--class durable|fast] [--no-namespaces] [--tap]

A mesh of a broker, agents and clients runs for N minutes under faults that are drawn from
the seed (faults.py).  Then all is healed, and when every accepted job had the time to get
its outcome each is read once more by its id, before and after a restart of the broker.
The last line is the verdict on what clients and handlers wrote down (weft-check).
"""
import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import failpoints
from disk import Disk, unshare
from faults import Faults
from first import First
from lane import Lanes, run_one
from mesh import Mesh, Unexpected
from net import Loopback, Namespaces


def say(text):
    print(f'# {text}', flush=True)


def arguments():
    p = argparse.ArgumentParser(prog='scripts/torture', description=__doc__.split('\n')[0])
    p.add_argument('build', help='build folder')
    p.add_argument('--minutes', type=float, default=10, help='of faults (10)')
    p.add_argument('--seed', type=int, help='of all that is drawn (by the clock)')
    p.add_argument('--failpoint', help='that one again and again, and nothing else')
    p.add_argument('--quick', action='store_true', help='one minute, small disks')
    p.add_argument('--patience', type=int, default=90,
                   help='seconds for all that is open to end, once everything is healed (90)')
    p.add_argument('--keep', action='store_true', help='keep the folder of the run')
    p.add_argument('--class', dest='job_class', default='durable',
                   choices=['durable', 'fast'],
                   help='of the jobs; with `fast` the broker lives')
    p.add_argument('--postgres', action='store_true',
                   help='two brokers on a database (run it under scripts/with-postgres)')
    p.add_argument('--no-namespaces', action='store_true', help='all on loopback')
    p.add_argument('--list', action='store_true', help='print the failpoints')
    p.add_argument('--tap', action='store_true', help='report as TAP')
    a = p.parse_args()
    if a.seed is None:
        a.seed = time.time_ns() % 1000000
    if a.quick and '--minutes' not in sys.argv:
        a.minutes = 0.8
    return a


class Torture:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(f'{args.seed}/mesh')
        self.build = os.path.abspath(args.build)
        self.tmp = tempfile.mkdtemp(prefix='weft-torture.')
        os.chmod(self.tmp, 0o755)
        self.skipped = []
        self.bad = []
        self.mesh = None
        self.disks = []

    # -- the mesh -----------------------------------------------------------------------

    def make_net(self):
        why = 'not wanted' if self.args.no_namespaces else Namespaces.why_not()
        if why:
            self.skipped.append(f'network namespaces and partitions one way ({why}): relays '
                                'on loopback that are stopped instead')
            return Loopback()
        return Namespaces()

    def make_disks(self):
        why = Disk.why_not(self.tmp)
        if why:
            self.skipped.append(f'power cuts and full disks ({why})')
            return
        if isinstance(self.mesh.net, Loopback):
            names = ['broker']
            self.skipped.append('power cuts of agents (their handlers cannot be found '
                                'without namespaces)')
        else:
            names = ['broker', 'a1']
        for name in names:
            if name == 'broker' and self.args.postgres:
                continue
            disk = Disk(self.tmp, name, 8 if self.args.quick else 512)
            self.disks.append(disk)
            self.mesh.disks[name] = disk

    def build_mesh(self):
        quick = self.args.quick
        self.net = self.make_net()
        self.net.open()
        self.mesh = Mesh(self.build, self.tmp, self.net, self.args.job_class,
                         os.environ['WEFT_PG_URI'] if self.args.postgres else None)
        self.make_disks()
        self.mesh.make_brokers()
        for i in range(3):
            self.mesh.make_agent(f'a{i + 1}', worker=i == 1)
        for i in range(2):
            self.mesh.make_client(f'c{i + 1}', self.rng.choice([4, 16, 64]),
                                  40 if quick else self.rng.choice([20, 60]))
        storm = 100 if quick else 500
        self.mesh.make_storm(storm)
        say(f'{self.net.name}; {len(self.mesh.brokers)} broker(s), 3 agents, {storm} idle ones, 2 clients in {self.tmp}')

    # -- the run ------------------------------------------------------------------------

    def break_things(self):
        args, mesh = self.args, self.mesh
        end = time.monotonic() + 60 * args.minutes
        faults = self.faults = Faults(mesh, args.seed, end, args.failpoint,
                                      args.job_class == 'durable', args.quick)
        lanes = Lanes()
        for broker in mesh.brokers:
            lanes.add(faults.broker_lane(broker))
        if mesh.database:
            lanes.add(faults.database_lane())
        for agent in mesh.agents.values():
            lanes.add(faults.other_lane(agent, 'agent'))
        for client in mesh.clients.values():
            lanes.add(faults.other_lane(client, 'client'))
        lanes.add(faults.people_lane())
        if not args.failpoint:
            lanes.add(First(mesh, faults, args.quick).lane())
        lanes.run()

    def end_clients(self):
        """They submit no more and wait for what is open."""
        clients = self.mesh.clients.values()
        for c in clients:
            c.send(signal.SIGTERM)
        if not self.mesh.wait(lambda: not any(c.alive() for c in clients), self.args.patience):
            self.bad.append(f'clients still wait after {self.args.patience} s')
            for c in clients:
                if c.alive():
                    c.kill(signal.SIGTERM)
                    for line in [x for x in c.lines().splitlines() if x[:5] == 'open '][:5]:
                        say(f'{c.name}: {line}')

    def fetch(self, when):
        """Read every outcome once more, by its submitter."""
        mesh = self.mesh
        children = []
        for name in mesh.clients:
            story = mesh.story(name)
            ids = subprocess.run([mesh.program('weft-check'), '--accepted', story], check=True,
                                 stdout=subprocess.PIPE, text=True).stdout
            path = os.path.join(self.tmp, f'{name}.ids')
            with open(path, 'w', encoding='utf-8') as f:
                f.write('\n'.join(sorted(set(ids.split()))) + '\n')
            with open(path, encoding='utf-8') as f, \
                    open(os.path.join(self.tmp, f'{name}.fetch.log'), 'ab') as log:
                children.append((name, subprocess.Popen(
                    [*mesh.net.prefix(name), mesh.program('torture-load'), 'fetch', story,
                     str(self.args.patience)], stdin=f, stdout=log, stderr=log,
                    env={**os.environ, **mesh.env, 'WEFT_CONTEXT': name})))
        for name, child in children:
            if child.wait() != 0:
                self.bad.append(f'{name} misses outcomes {when}')

    def undrained(self, name):
        try:
            self.mesh.weft('node', 'undrain', name, seconds=10)
        except (Unexpected, subprocess.TimeoutExpired):
            return False
        return True

    def heal(self):
        mesh = self.mesh
        began = time.monotonic()
        self.faults.log(mesh.brokers[0], 'all healed')
        for b in mesh.brokers:
            if not b.alive() and self.faults.was_fenced(b):
                run_one(self.faults.broker_start(b))
        # The last one takes over what the others have.
        for b in mesh.brokers[:-1]:
            b.kill()
        last = mesh.brokers[-1]
        for name in mesh.agents:
            if not mesh.wait(lambda n=name: self.undrained(n), 30):
                self.bad.append(f'{name} stays drained')
        self.end_clients()
        say(f'healed: nothing open after {time.monotonic() - began:.1f} s')
        if not mesh.wait(mesh.storm_is_back, 60):
            self.bad.append('idle agents do not come back within 60 s')
        self.fetch('after the heal')
        mesh.note_status(mesh.weft('status', '--all', '--json'))
        last.kill(signal.SIGTERM)
        last.check_end((0,))
        if self.args.job_class == 'durable':
            run_one(self.faults.broker_start(last))
            self.fetch('after a restart')

    def stop_all(self):
        mesh = self.mesh
        mesh.storm.kill()
        for a in [*mesh.agents.values(), *mesh.brokers]:
            if a.alive():
                a.kill(signal.SIGTERM)
                a.check_end((0,))

    # -- the verdict --------------------------------------------------------------------

    def report(self):
        f, mesh = self.faults, self.mesh
        known = failpoints.names()
        passed = set()
        if os.path.exists(mesh.passed_log):
            with open(mesh.passed_log, encoding='utf-8') as p:
                passed = set(p.read().split())
        say('faults: ' + ', '.join(f'{n} {what}' for what, n in sorted(f.counts.items())))
        say(f'starts: broker {sum(b.starts for b in mesh.brokers)}, '
            f'agents {sum(a.starts for a in mesh.agents.values())}, '
            f'clients {sum(c.starts for c in mesh.clients.values())}; '
            f'slowest start of the broker {mesh.slowest_start:.2f} s')
        storms = mesh.storms()
        say(f'storms: {len(storms)}, the slowest was over after {max(storms, default=0):.1f} s')
        never = [n for n in known if n not in f.acted]
        say(f'failpoints: {len(known)}, {len(passed)} passed, {len(f.acted)} acted')
        if never and not self.args.failpoint and not self.args.quick:
            say(f'did not act: {" ".join(never[:200])}')
        if not self.args.quick:
            say('were never passed: ' + (' '.join(sorted(set(known) - passed)) or 'none'))
        refused = [x for n in mesh.clients for x in mesh.refusals(n)]
        for job, code in refused[:10]:
            self.bad.append(f'job {job} was refused for good: {code}')
        for name in sorted(passed - set(known)):
            self.bad.append(f'failpoint {name} was passed and is not listed')
        for what in self.skipped:
            say(f'skipped: {what}')

    def judge(self):
        check = self.mesh.check('--superseded', str(sum(self.mesh.superseded.values())))
        lines = check.stdout.splitlines() or ['no verdict']
        for line in lines[:-1][:10]:
            say(line)
        if check.returncode != 0:
            self.bad.append('promises were broken')
        if lines[-1].startswith('accepted 0 '):
            self.bad.append('no job was accepted')
        return lines[-1]

    def run(self):
        verdict = 'no verdict'
        try:
            self.build_mesh()
            self.break_things()
            self.heal()
            self.stop_all()
            self.report()
            verdict = self.judge()
        except Unexpected as e:
            self.bad.append(str(e))
        except (OSError, subprocess.SubprocessError) as e:
            self.bad.append(f'{e} {getattr(e, "output", "") or ""}')
            traceback.print_exc()
        finally:
            self.clean_up()
        return verdict

    def clean_up(self):
        if self.mesh is not None:
            for p in self.mesh.processes:
                if p.child is not None:
                    self.mesh.kill_machine(p)
            self.net.close()
        for d in self.disks:
            d.close()
        if self.disks:
            unshare(self.tmp)
        if self.bad or self.args.keep:
            say(f'the run is kept in {self.tmp}')
        else:
            shutil.rmtree(self.tmp, ignore_errors=True)


def main():
    args = arguments()
    if args.list:
        for name in failpoints.names():
            print(name)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say(f'seed {args.seed}, {args.minutes} minutes of faults')
    t = Torture(args)
    verdict = t.run()
    for b in t.bad:
        say(f'FAILED: {b}')
    if args.tap:
        print(f'{"not " if t.bad else ""}ok 1 - {verdict}\n1..1', flush=True)
    else:
        print(verdict, flush=True)
    return 1 if t.bad else 0


if __name__ == '__main__':
    sys.exit(main())
