"""Three sites of real processes: cut one off, reboot it with a wrong clock, heal; kill the
brokers; let a link flap.  Then ask whether the promises held.

    sites.py BUILD [--cut SECONDS] [--flaps N] [--seed N] [--stay] [--patience SECONDS]
                   [--keep] [--no-namespaces] [--tap]

Clients submit at each site all the time: what any site can run, what only their own can,
what only another one can.  They and the agents turn to other sites when their broker is
gone, unless they are to stay, or all are on one loopback.  Each phase ends with what is to hold by then; the last line is
the verdict on what clients and handlers wrote down (weft-check).
"""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from mesh import Mesh, Unexpected
from net import Namespaces
from site_mesh import SiteLoopback, Sites, SiteSpaces

EDGE = 'edge'
NAMES = [EDGE, 'plant', 'cloud']
CANCELLED = 7  # enum weft_state
DAY = 86400
wait = Mesh.wait


def say(text):
    print(f'# {text}', flush=True)


def arguments():
    p = argparse.ArgumentParser(prog='scripts/torture --sites',
                                description=__doc__.split('\n')[0])
    p.add_argument('build', help='build folder')
    p.add_argument('--cut', type=float, default=60, metavar='SECONDS',
                   help='that the edge site is cut off for (60)')
    p.add_argument('--flaps', type=int, default=10, help='of its uplinks (10)')
    p.add_argument('--seed', type=int, help='of all that is drawn (by the clock)')
    p.add_argument('--stay', action='store_true',
                   help='agents and clients may not turn to other sites')
    p.add_argument('--patience', type=int, default=60,
                   help='seconds for what is to hold in the end (60)')
    p.add_argument('--keep', action='store_true', help='keep the folder of the run')
    p.add_argument('--no-namespaces', action='store_true', help='all on loopback')
    p.add_argument('--tap', action='store_true', help='report as TAP')
    a = p.parse_args()
    if a.seed is None:
        a.seed = time.time_ns() % 1000000
    return a


class Run:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.tmp = tempfile.mkdtemp(prefix='weft-sites.')
        os.chmod(self.tmp, 0o755)
        self.bad = []
        self.mesh = None
        self.began = time.monotonic()
        self.held = {}  # job: the site where it runs

    def hold(self, what, good, detail=''):
        """One thing that is to be so."""
        if not good:
            self.bad.append(f'{what}{": " if detail else ""}{detail}')
        say(f'{"ok" if good else "NOT OK"}: {what}{": " if detail else ""}{detail}')

    def soon(self, what, condition, seconds=None):
        began = time.monotonic()
        good = wait(condition, seconds or self.args.patience)
        self.hold(what, good, f'{time.monotonic() - began:.1f} s')

    def phase(self, name):
        say(f'--- {time.monotonic() - self.began:.0f} s: {name}')

    # -- the mesh -----------------------------------------------------------------------

    def build_mesh(self):
        why = 'not wanted' if self.args.no_namespaces else Namespaces.why_not()
        self.net = SiteLoopback() if why else SiteSpaces()
        self.net.open()
        # On one loopback a cut between brokers keeps nobody else from anybody.
        roam = not self.args.stay and not why
        self.mesh = Sites(os.path.abspath(self.args.build), self.tmp, self.net, NAMES,
                          roam)
        sites = self.sites = list(self.mesh.all.values())
        self.edge = self.mesh.all[EDGE]
        say(f'{self.net.name}{f" ({why})" if why else ""}; sites {" ".join(NAMES)} in '
            f'{self.tmp}; agents and clients {"may go to others" if roam else "stay"}')
        for a, b in self.mesh.links():
            a.dial(b)
        for i, site in enumerate(sites):
            for number in 1, 2:
                site.make_agent(number, worker=number == 2)
            for kind, capability in (('any', 'any'), ('own', site.name),
                                     ('far', sites[(i + 1) % len(sites)].name)):
                site.make_client(kind, capability)
        if not wait(self.mesh.is_whole, 30):
            raise Unexpected('the brokers do not link')
        for site in sites:
            for c in site.clients.values():
                c.start()

    def progress(self, outcomes=6):
        """Each client of these sees so many outcomes more."""
        history, mark = self.mesh.history, self.mesh.history.mark()
        names = [c.name for s in self.sites for c in s.clients.values()]
        return lambda: all(sum(k == 'outcome' for k, _, _ in
                               history.since(f'{n}.seen', mark)) >= outcomes for n in names)

    def warm_up(self):
        self.phase('warm-up')
        self.soon('every client gets outcomes', self.progress())
        for site in 'plant', 'cloud':
            for _ in range(2):
                job = self.edge.weft('submit', f'hold-{site}', '--data', 'x').strip()
                self.held[job] = site
        self.soon('jobs of the edge run elsewhere', lambda: len(self.runs_of_held()) == 4)

    def runs_of_held(self):
        try:
            with open(os.path.join(self.tmp, 'held'), encoding='ascii') as f:
                return f.read().splitlines()
        except FileNotFoundError:
            return []

    # -- cut off ------------------------------------------------------------------------

    def cut_off(self):
        self.phase(f'the edge is cut off for {self.args.cut:.0f} s')
        mesh, others = self.mesh, self.sites[1:]
        self.at_cut, began = mesh.history.mark(), time.monotonic()
        self.net.cut(EDGE, 'both')
        self.soon('all see that it is cut off', lambda: all(
            s.sees(EDGE, 'lost') and self.edge.sees(s.name, 'lost') for s in others), 20)
        self.phase('every process there is killed, and started with a wrong clock')
        self.edge.kill_all()
        clock = os.path.join(mesh.build, 'tests', 'e2e', 'wrongclock.so')
        off = self.rng.choice([-1, 1]) * self.rng.randint(100 * DAY, 1000 * DAY)
        for p in self.edge.processes():
            p.env.update({'LD_PRELOAD': clock, 'WRONG_CLOCK_S': str(off)})
        say(f'its clock is off by {off} s')
        self.alone = mesh.history.mark()
        self.edge.start_all()
        self.soon('its agents are back',
                  lambda: all(self.edge.sees(a, 'up') for a in self.edge.agents), 20)
        self.soon('it works alone, and so do the others', lambda: self.works_alone(5), 30)
        while time.monotonic() < began + self.args.cut:
            time.sleep(0.1)
        self.check_alone()

    def accepted(self, kind, mark, to=None):
        """Jobs that a client of the edge submitted and saw accepted."""
        name = f'{EDGE}-{kind}'
        submitted = self.mesh.seen(name, 'submit', {})
        return [i for i in self.mesh.seen(name, 'accepted', mark, to) if i in submitted]

    def works_alone(self, n):
        new = self.mesh.starts(self.alone)
        return all(sum(i in new for i in self.accepted(kind, self.alone)) >= n
                   for kind in ('any', 'own')) and (
            len(self.accepted('far', self.alone)) >= n and
            all(any(self.mesh.history.since(f'{a}.runs', self.alone)
                    for a in s.agents) for s in self.sites))

    def is_cancelled(self, kind, job):
        end = self.mesh.seen(f'{EDGE}-{kind}', 'outcome', {}).get(job)
        return end is not None and end[0] == CANCELLED

    def check_alone(self):
        """Before it is healed."""
        mesh, now = self.mesh, self.mesh.history.mark()
        local = [(k, i) for k in ('any', 'own') for i in self.accepted(k, self.alone, now)]
        left = []

        def all_ran():
            ran = mesh.starts(self.alone, sites=[EDGE])
            left[:] = [i for k, i in local if i not in ran and not self.is_cancelled(k, i)]
            return not left

        self.soon(f'{len(local)} jobs that were accepted during the cut and can run here '
                  f'did', all_ran, 20)
        for i in left[:5]:
            say(f'did not run: {i} {self.edge.weft("why", i)}')
        self.far = self.accepted('far', self.alone, now)
        elsewhere = mesh.starts(self.at_cut, sites=NAMES[1:])
        early = [i for i in self.far if i in elsewhere]
        self.hold(f'{len(self.far)} jobs that only another site can run wait',
                  self.far and not early, ' '.join(early[:3]))
        if self.far:
            say('one of them: ' + ' '.join(self.edge.weft('why', self.far[0]).split())[:300])
        self.hold('what was running elsewhere was not started again',
                  len(self.runs_of_held()) == 4, f'{len(self.runs_of_held())} starts')

    def heal(self):
        self.phase('healed')
        mesh, healed = self.mesh, self.mesh.history.mark()
        self.net.join(EDGE)
        self.soon('all are linked again', mesh.is_whole)

        def all_ran():
            ran = mesh.starts(healed, sites=NAMES[1:])
            return all(i in ran or self.is_cancelled('far', i) for i in self.far)

        self.soon('what waited for another site ran there', all_ran)
        with open(os.path.join(self.tmp, 'go'), 'w', encoding='ascii'):
            pass
        for job, site in self.held.items():
            self.edge.weft('job', 'wait', job, '--timeout', f'{self.args.patience}s',
                           seconds=self.args.patience + 10)
            shown = json.loads(self.edge.weft('job', 'show', job, '--json'))
            self.hold(f'a job that ran at {site} during all that is done, as attempt 1',
                      (shown['state'], int(shown['attempt'])) == ('OK', 1),
                      f'{shown["state"]} {shown["attempt"]}')
        self.hold('each was started once', len(self.runs_of_held()) == 4,
                  f'{len(self.runs_of_held())} starts')
        self.soon('every client gets outcomes', self.progress())

    # -- more of it ---------------------------------------------------------------------

    def kill_brokers(self):
        self.phase('each broker is killed under load')
        for site in self.rng.sample(self.sites, len(self.sites)):
            self.mesh.note_superseded(site)
            site.broker.kill()
            others = [s for s in self.sites if s is not site]
            self.soon(f'{site.name} is gone; the others go on',
                      self.progress_of(others, ('any', 'own')))
            site.start_broker()
            self.soon(f'{site.name} is linked again', self.mesh.is_whole)
            self.soon('every client gets outcomes', self.progress())

    def progress_of(self, sites, kinds, starts=3):
        history, mark = self.mesh.history, self.mesh.history.mark()
        names = [s.clients[k].name for s in sites for k in kinds]
        return lambda: all(sum(k == 'accepted' for k, _, _ in
                               history.since(f'{n}.seen', mark)) >= starts for n in names)

    def flap(self):
        self.phase(f'the uplinks of the edge flap {self.args.flaps} times')
        for _ in range(self.args.flaps):
            self.net.cut(EDGE, self.rng.choice(['in', 'out', 'both']))
            time.sleep(1)
            self.net.join(EDGE)
            time.sleep(1)
        self.soon('all are linked again', self.mesh.is_whole)
        self.soon('every client gets outcomes', self.progress())

    # -- the end ------------------------------------------------------------------------

    def end(self):
        self.phase('clients submit no more, and wait for what is open')
        clients = [c for s in self.sites for c in s.clients.values()]
        for c in clients:
            c.send(signal.SIGTERM)
        self.soon('nothing is open', lambda: not any(c.alive() for c in clients))
        for c in clients:
            if c.alive():
                c.kill(signal.SIGTERM)
                for line in [x for x in c.lines().splitlines() if x[:5] == 'open '][:5]:
                    say(f'{c.name}: {line}')
                    self.explain(line.split()[1].rstrip(':'))
        self.fetch()
        for site in self.sites:
            self.mesh.note_superseded(site)
            for p in [*site.agents.values(), site.broker]:
                p.kill(signal.SIGTERM)
                p.check_end((0,))

    def explain(self, job):
        for site in self.sites:
            try:
                say(f'{site.name}: ' + ' '.join(site.weft('job', 'show', job).split())[:400])
            except Unexpected:
                pass

    def fetch(self):
        """Read every outcome once more, by its submitter."""
        mesh, children = self.mesh, []
        for site in self.sites:
            for c in site.clients.values():
                ids = subprocess.run([mesh.program('weft-check'), '--accepted',
                                      mesh.story(c.name)], check=True,
                                     stdout=subprocess.PIPE, text=True).stdout
                path = os.path.join(self.tmp, f'{c.name}.ids')
                with open(path, 'w', encoding='utf-8') as f:
                    f.write('\n'.join(sorted(set(ids.split()))) + '\n')
                with open(path, encoding='utf-8') as f, open(c.log, 'ab') as log:
                    children.append((c.name, subprocess.Popen(
                        [*self.net.prefix(site.name), mesh.program('torture-load'), 'fetch',
                         mesh.story(c.name), str(self.args.patience)], stdin=f, stdout=log,
                        stderr=log, env={**os.environ, **mesh.env,
                                         'WEFT_CONTEXT': c.name})))
        for name, child in children:
            if child.wait() != 0:
                self.hold(f'{name} reads all outcomes by id', False)

    def check_results(self):
        """What a job ended with some handler was started to give."""
        mesh = self.mesh
        made = {n[1] for s in self.sites for a in s.agents
                for k, _, n in mesh.history.of(f'{a}.runs') if k == 'start'}
        for s in self.sites:
            for c in s.clients.values():
                for job, n in mesh.seen(c.name, 'outcome', {}).items():
                    if n[5] and n[3] not in made:
                        self.hold(f'job {job} has a result that nobody made', False)
                for job, n in mesh.seen(c.name, 'refused', {}).items():
                    self.hold(f'job {job} was refused for good: {n[0]}', False)

    def judge(self):
        mesh = self.mesh
        stories = [os.path.join(mesh.stories, n) for n in sorted(os.listdir(mesh.stories))]
        check = subprocess.run(
            [mesh.program('weft-check'), '--superseded', str(mesh.superseded),
             *stories], check=False, stdout=subprocess.PIPE, text=True)
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
            self.warm_up()
            self.cut_off()
            self.heal()
            self.kill_brokers()
            self.flap()
            self.end()
            self.check_results()
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
        if self.bad or self.args.keep:
            say(f'the run is kept in {self.tmp}')
        else:
            shutil.rmtree(self.tmp, ignore_errors=True)


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say(f'seed {args.seed}, a cut of {args.cut:.0f} s')
    r = Run(args)
    verdict = r.run()
    say(f'took {time.monotonic() - r.began:.0f} s')
    for b in r.bad:
        say(f'FAILED: {b}')
    if args.tap:
        print(f'{"not " if r.bad else ""}ok 1 - {verdict}\n1..1', flush=True)
    else:
        print(verdict, flush=True)
    return 1 if r.bad else 0


if __name__ == '__main__':
    sys.exit(main())
