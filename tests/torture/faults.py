"""Faults, drawn from a seed, one lane for each process that they befall.

Each is a generator that injects, waits, heals, and leaves its process running.
"""
import os
import random
import signal
import subprocess
import sys
import time

import failpoints
from lane import now, until
from mesh import Unexpected

KILLED, STOPPED = (-signal.SIGKILL,), (0,)
SAID_AT_THE_END = '.bye.', 'broker.close', 'agent.send.drain'
# What makes a message be sent that is rare otherwise.
ASK = {
    'status_info': ['status'], 'nodes_page': ['nodes'], 'jobs_page': ['jobs'],
    'events_page': ['events'], 'why_info': ['why', 'JOB'], 'job_info': ['job', 'show', 'JOB'],
    'output': ['job', 'logs', 'JOB'], 'stop': ['job', 'cancel', 'JOB'],
    'job_update': ['job', 'result', 'JOB', '--timeout', '2s'], 'drain': ['node', 'drain', 'NODE'],
    'node_info': ['node', 'show', 'NODE'], 'node_pong': ['ping', '-c', '1', 'NODE'],
    'pong': ['ping', '-c', '1', 'NODE'], 'ping': ['ping', '-c', '1', 'NODE'],
    'done': ['token', 'create', '--ttl', '1m'], 'tokens': ['token', 'create', '--ttl', '1m'],
    'keys_page': ['key', 'ls'], 'events': ['node', 'drain', 'NODE'],
    'keys': ['node', 'label', 'NODE', 'seen=1'], 'error': ['job', 'show', '00000000'],
}


class Faults:
    def __init__(self, mesh, seed, end, only=None, broker_dies=True, quick=False):
        self.mesh, self.seed, self.end_s, self.only = mesh, seed, end, only
        self.broker_dies, self.quick = broker_dies, quick
        self.counts = {}
        self.acted = set()  # failpoints
        self.can_fail = failpoints.can_fail()
        self.queues = {}
        self.wanted = {}  # by process, the failpoint that it is to come to
        rng = random.Random(f'{seed}/failpoints')
        for program in ('broker', 'agent', 'client'):
            mine = [n for n in failpoints.names() if failpoints.passes(program, n)]
            rng.shuffle(mine)
            mine.sort(key=failpoints.rank)
            self.queues[program] = [only] if only in mine else [] if only else mine

    def over(self):
        return now() >= self.end_s

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def log(self, process, what):
        """For whoever wants to know what led to something."""
        stamp = time.strftime('%H:%M:%S', time.gmtime()) + f'.{time.time_ns() // 1000000 % 1000:03}'
        with open(os.path.join(self.mesh.tmp, 'faults.log'), 'a', encoding='utf-8') as f:
            f.write(f'{stamp} {process.name} {what}\n')

    # -- failpoints ---------------------------------------------------------------------

    def all_acted(self, program):
        return all(n in self.acted for n in self.queues[program])

    def next_failpoint(self, program, rng):
        """(name, what to set), in turn; NULL when there is none."""
        queue = self.queues[program]
        if not queue:
            return None, None
        name = next((n for n in queue if n not in self.acted), queue[0])
        queue.remove(name)
        queue.append(name)
        action = 'kill'
        if name in self.can_fail and rng.random() < 0.6:
            action = rng.choice(['eio', 'enospc'])
        elif name in self.acted and rng.random() < 0.3:
            action = rng.choice(['stop', 'exit', 'delay 300'])
        times = rng.randint(1, 12) if failpoints.rank(name) < 2 and name in self.acted else 1
        return name, f'{name}:{times}={action}'

    def check_end(self, process, wanted):
        bears = process.said('event=fenced') or (self.mesh.database and
                                                 process.said('error EIO.* database:'))
        process.check_end((*wanted, 1) if bears else wanted)

    def failpoint(self, process, program, rng, start):
        """Start it so that it comes to its failpoint, see that it does, start it again."""
        name, setting = self.next_failpoint(program, rng)
        if name is None:
            return
        self.log(process, setting)
        self.wanted[process.name] = name
        if process.alive():
            process.kill()
        yield from start(setting)
        ends = any(word in name for word in SAID_AT_THE_END)
        if ends:
            yield 0.7  # said at the end alone
            yield from self.end(process)
        action = setting.split('=')[1]
        if action in ('eio', 'enospc') or action.startswith('delay'):
            process.may_fail = True
            yield from until(lambda: not process.alive(), 3)
            self.acted.add(name)  # seen by what was passed
            if not process.alive():
                self.check_end(process, (*KILLED, 0, 1) if ends else KILLED)
        else:
            done = yield from until(lambda: not process.alive() or process.stopped(),
                                    3 if self.quick else 6)
            if done:
                self.acted.add(name)
            if process.alive() and process.stopped():
                yield rng.uniform(0.1, 2.5)
                process.send(signal.SIGCONT)
            elif not process.alive():
                codes = (0, 1) if ends else (1,) if action == 'exit' else ()
                self.check_end(process, (*KILLED, *codes))
        self.count(f'failpoint {action.split()[0]}')
        del self.wanted[process.name]
        if process.alive():
            process.kill()
        process.may_fail = False
        yield rng.choice([0, 0, 0.2, 1.0])
        yield from start(None)

    @staticmethod
    def end(process):
        """In order; a client leaves what is open at the second signal."""
        process.send(signal.SIGTERM)
        if process.name.startswith('c'):
            yield 0.3
            process.send(signal.SIGTERM)

    # -- of any process -----------------------------------------------------------------

    def kill(self, process, rng, start):
        process.kill()
        self.count(f'kill {process.name.rstrip("0123456789")}')
        yield rng.choice([0, 0.1, 1.0])
        yield from start(None)

    def pause(self, process, rng):
        process.send(signal.SIGSTOP)
        self.count('stop')
        yield rng.choice([0.1, 0.5, 1.5, 4.0])
        process.send(signal.SIGCONT)
        yield 0.1

    def partition(self, process, rng):
        way = rng.choice(['in', 'out', 'both'])
        self.log(process, f'cut {way}')
        self.mesh.net.cut(process.machine, way)
        self.count('partition')
        yield rng.choice([0.3, 1.0, 3.0, 5.0])
        self.mesh.net.join(process.machine)
        yield 0.1

    def power_cut(self, process, rng, start):
        """What was not synced is gone.  Before the lights go out the disk may fail for a
        while."""
        disk = self.mesh.disks[process.machine]
        process.may_fail = True
        disk.shut_down()
        yield rng.choice([0, 0, 0.3, 1.5])
        if process.alive():
            process.kill()
        else:
            self.check_end(process, KILLED)
        self.mesh.kill_machine(process)
        if not (yield from until(disk.unmount, 10, 0.1)):
            raise Unexpected(f'the disk of {process.name} stays busy')
        disk.mount()
        process.may_fail = False
        self.count('power cut')
        yield from start(None)

    def full_disk(self, process, rng, start):
        disk = self.mesh.disks[process.machine]
        process.may_fail = True
        disk.fill(rng.choice([0, 4096, 65536]))
        self.count('full disk')
        yield rng.uniform(1, 4)
        if rng.random() < 0.3 and process.alive():
            process.kill()
            # It may refuse to start, or come up and refuse to store.
            yield from start(None, wait=1)
            yield 1
        disk.drain()
        yield 0.5
        if not process.alive():
            self.check_end(process, (*KILLED, 1))
            yield from start(None)
        process.may_fail = False

    # -- lanes --------------------------------------------------------------------------

    def was_fenced(self, b):
        """Others of its site took its place while it could not be heard."""
        if b.alive() or not b.said('event=fenced'):
            return False
        self.count('fenced')
        return True

    def database_lane(self):
        """The server of the database is killed, too."""
        rng = random.Random(f'{self.seed}/database')
        while not self.over():
            yield rng.uniform(4, 15)
            for what in 'kill', 'start':
                child = subprocess.Popen([os.environ['WEFT_PG'], what],
                                         stdin=subprocess.DEVNULL)
                if not (yield from until(lambda c=child: c.poll() is not None, 60)):
                    raise Unexpected(f'the database does not {what}')
            self.count('kill database')

    def see_to(self, process):
        if not process.alive():
            process.check_end(())

    def broker_start(self, b, failpoint=None, by=(), wait=30):
        mesh, began = self.mesh, now()
        b.start(failpoint, by)
        yield from until(lambda: mesh.ready(b) or not b.alive() or b.stopped(), wait)
        while mesh.database and b.said('error EIO.* database:') and now() < began + wait:
            yield 0.5  # as whoever looks after it would
            b.start(None, by)
            yield from until(lambda: mesh.ready(b) or not b.alive(), wait)
        if mesh.ready(b):
            mesh.slowest_start = max(mesh.slowest_start, now() - began)
        elif not failpoint and not b.may_fail:
            raise Unexpected(f'the broker does not start; log: {b.log}')

    def few_descriptors(self, b, rng):
        b.kill()
        yield from self.broker_start(b, by=['prlimit', f'--nofile={rng.choice([64, 96])}'])
        self.count('few descriptors')
        yield from self.flood(b, rng, 150)
        b.kill()
        yield from self.broker_start(b)

    def flood(self, b, rng, most):
        mesh = self.mesh
        child = subprocess.Popen([*mesh.net.prefix('ops'), sys.executable,
                                  mesh.source('flood.py'), mesh.net.endpoint(b.machine), str(most)],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        self.count('flood')
        try:
            yield rng.uniform(1, 3)
        finally:
            child.kill()
            child.wait()

    def broker_lane(self, b):
        rng = random.Random(f'{self.seed}/{b.name}')

        def start(failpoint=None, **how):
            return self.broker_start(b, failpoint, **how)

        kinds = {'pause': 2, 'partition': 2, 'flood': 1}
        if self.broker_dies:
            kinds.update({'failpoint': 12 if self.queues['broker'] else 0, 'kill': 3, 'few': 1})
            if b.machine in self.mesh.disks:
                kinds.update({'power': 2, 'full': 2})
        if self.only:
            kinds = {'failpoint': 1} if self.queues['broker'] else {'pause': 1}
        while not self.over():
            yield rng.choice([0.2, 0.5, 1.5])
            if kinds.get('failpoint') and not self.only:
                kinds['failpoint'] = 8 if self.all_acted('broker') else 30
            if self.was_fenced(b):
                yield from start()
            self.see_to(b)
            kind = rng.choices(list(kinds), list(kinds.values()))[0]
            self.log(b, kind)
            if kind == 'failpoint':
                yield from self.failpoint(b, 'broker', rng, start)
            elif kind == 'kill':
                yield from self.kill(b, rng, start)
            elif kind == 'pause':
                yield from self.pause(b, rng)
            elif kind == 'partition':
                yield from self.partition(b, rng)
            elif kind == 'power':
                yield from self.power_cut(b, rng, start)
            elif kind == 'full':
                yield from self.full_disk(b, rng, start)
            elif kind == 'few':
                yield from self.few_descriptors(b, rng)
            else:
                yield from self.flood(b, rng, 1500)
            self.log(b, 'healed')

    def other_lane(self, process, program):
        """Of an agent or a client."""
        rng = random.Random(f'{self.seed}/{process.name}')
        kinds = {'failpoint': 8 if self.queues[program] else 0, 'kill': 3, 'pause': 2,
                 'partition': 2, 'runner': 1 if program == 'agent' else 0,
                 'term': 1,
                 'power': 2 if process.machine in self.mesh.disks else 0}
        if self.only:
            kinds = {'failpoint': 1} if self.queues[program] else {'pause': 1}

        def start(failpoint=None, **_):
            process.start(failpoint)
            yield 0.2

        while not self.over():
            yield rng.choice([0.5, 1.0, 3.0])
            self.see_to(process)
            kind = rng.choices(list(kinds), list(kinds.values()))[0]
            self.log(process, kind)
            if kind == 'failpoint':
                yield from self.failpoint(process, program, rng, start)
            elif kind == 'kill':
                yield from self.kill(process, rng, start)
            elif kind == 'pause':
                yield from self.pause(process, rng)
            elif kind == 'partition':
                yield from self.partition(process, rng)
            elif kind == 'power':
                yield from self.power_cut(process, rng, start)
            elif kind == 'runner':
                for pid in process.children():
                    subprocess.run(['kill', '-KILL', str(pid)], check=False,
                                   stderr=subprocess.DEVNULL)
                self.count('kill runner')
            else:
                yield from self.end(process)
                if not (yield from until(lambda: not process.alive(), 15)):
                    raise Unexpected(f'{process.name} does not end')
                # A client says that it left something.
                process.check_end(STOPPED if program == 'agent' else (0, 1))
                self.count('restart in order')
                yield from start()
            self.log(process, 'healed')

    # -- people -------------------------------------------------------------------------

    def people_lane(self):
        """Operators look around and change things all the time."""
        rng, mesh = random.Random(f'{self.seed}/people'), self.mesh
        agents = list(mesh.agents)
        while not self.over():
            yield rng.choice([0.05, 0.2, 0.5])
            child = mesh.weft_later(*self.command(rng, agents, mesh.some_ids()))
            if not (yield from until(lambda c=child: c.poll() is not None, 8)):
                child.kill()
            child.wait()
            mesh.note_status(mesh.last_output())

    def command(self, rng, agents, jobs):
        node, job = rng.choice(agents), rng.choice(jobs or ['00000000'])
        asks = [ASK[m] for n in self.wanted.values() for m in n.split('.')[2:3] if m in ASK]
        if asks and rng.random() < 0.6:
            return [{'JOB': job, 'NODE': node}.get(w, w) for w in rng.choice(asks)]
        return rng.choice([
            ['status', '--all', '--json'], ['status', '--all', '--json'], ['nodes'],
            ['jobs', '-n', '50'], ['events'], ['why', job], ['job', 'show', job],
            ['job', 'logs', job], ['job', 'result', job, '--timeout', '2s'],
            ['job', 'cancel', job], ['job', 'retry', job], ['node', 'show', node],
            ['node', 'drain', node], ['node', 'undrain', node], ['node', 'undrain', node],
            ['ping', '-c', '1', node], ['token', 'create', '--ttl', '1m'], ['token', 'ls'],
            ['key', 'ls'], ['node', 'label', node, f'seen={rng.randint(0, 99)}']])
