"""Sites of real processes: each a machine with a broker, agents and clients, and the links
between their brokers.

Of the sites the first only dials out; its uplinks are what gets cut.  Agents of a site
offer `any`, a capability of the site's name, and `hold-SITE`, which lasts until it is let
go.  For each capability that matters to a site there is a client of its own, so that what
must run where is told by who submitted it.  Unless they may roam, brokers do not say where
they are to be found, so agents and clients stay at their sites.
"""
import json
import os
import re
import signal
import subprocess
import sys

from mesh import Mesh, Process, Unexpected
from net import HERE, Namespaces, free_port

BROKER_CONF = '''name = {site}
site = {site}
listen = "{listen}"
advertise = "{told}"
state = {folder}/broker
heartbeat = 500ms
lease = 2s
grace = 1s
retry_min = 20ms
retry_max = 1s
max_jobs = 20000
retain_jobs = 1000000
'''
AGENT_CONF = '''state = {folder}/{name}
scratch = {folder}/{name}.scratch
runner = {build}/agent/runner/weft-runner
sandbox = none
cgroup = off
stop_timeout = 2s
'''
CAPABILITY = '''capability
    name = {name}@1
    slots = 4
    wall = {wall}
{handler}'''
NOWHERE = 'tcp://0.0.0.0:7400'  # nobody is told such an address
RATES = {'any': 8, 'own': 4, 'far': 4}
WINDOW = 32


class SiteSpaces(Namespaces):
    """A network namespace for each site; its own addresses stay when it is cut off."""

    def uplink(self, _site, to):
        return self.endpoint(to)


class SiteLoopback:
    """All on loopback; what the first site dials is reached through tests/lib/link.py."""
    name = 'loopback, uplinks behind relays'

    def __init__(self):
        self.ports, self.links, self.first = {}, {}, None

    def open(self):
        pass

    def close(self):
        for child in self.links.values():
            child.kill()
            child.wait()

    def add(self, site):
        self.ports[site] = free_port()
        if self.first is None:
            self.first = site
            return
        self.links[site] = subprocess.Popen(
            [sys.executable, os.path.join(HERE, '..', 'lib', 'link.py'),
             str(self.ports[site])], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            text=True)
        if not self.links[site].stdout.readline().startswith('ready'):
            raise Unexpected('the link of tests/lib does not start')

    def prefix(self, _site):
        return []

    def listen_at(self, site):
        return f'tcp://127.0.0.1:{self.ports[site]}'

    endpoint = listen_at

    def uplink(self, site, to):
        return (f'tcp://127.0.0.2:{self.ports[to]}' if site == self.first
                else self.endpoint(to))

    def pids(self, _site):
        return []

    def signal_all(self, number):
        for child in self.links.values():
            child.send_signal(number)
            child.stdout.readline()

    def cut(self, _site, _way):
        self.signal_all(signal.SIGUSR1)

    def join(self, _site):
        self.signal_all(signal.SIGUSR2)


class History:
    """What processes wrote down, read as it grows.  Marks are places in it: the clocks of
    those who write are wrong at times."""

    def __init__(self, folder):
        self.folder = folder
        self.lines = {}  # name: what was read of it
        self.read_to = {}

    def of(self, name):
        lines = self.lines.setdefault(name, [])
        try:
            with open(os.path.join(self.folder, name), 'rb') as f:
                f.seek(self.read_to.get(name, 0))
                whole, _, _ = f.read().rpartition(b'\n')
        except FileNotFoundError:
            return lines
        self.read_to[name] = self.read_to.get(name, 0) + len(whole) + (1 if whole else 0)
        for text in whole.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # torn by a kill: weft-check counts them
            lines.append((line['k'], line['id'], [int(x, 16) for x in line['n'].split()]))
        return lines

    def mark(self):
        return {name: len(self.of(name)) for name in os.listdir(self.folder)}

    def since(self, name, mark, to=None):
        return self.of(name)[mark.get(name, 0):to and to.get(name)]


class Site:
    def __init__(self, mesh, name):
        self.mesh, self.name = mesh, name
        self.agents, self.clients = {}, {}
        self.folder = os.path.join(mesh.tmp, name)
        os.mkdir(self.folder, 0o700)
        conf = os.path.join(self.folder, 'broker.conf')
        net = mesh.net
        listen = net.listen() if hasattr(net, 'listen') else net.listen_at(name)
        self.conf = conf

        def configure(told):
            with open(conf, 'w', encoding='utf-8') as f:
                f.write(BROKER_CONF.format(site=name, listen=listen, folder=self.folder,
                                           told=told))

        configure(net.endpoint(name))
        self.broker = Process(mesh, f'{name}-broker', name,
                              [mesh.program('torture-broker'), '--config', conf])
        self.start_broker()
        self.weft('ctx', 'add', f'op-{name}',
                  os.path.join(self.folder, 'broker', 'operator.token'))
        if not mesh.roam:  # the first operator's token had to tell it
            configure(NOWHERE)
            self.broker.kill(signal.SIGTERM)
            self.start_broker()

    def run(self, *argv, env=None, seconds=20):
        p = subprocess.run([*self.mesh.net.prefix(self.name), *argv],
                           env={**os.environ, **self.mesh.env, **(env or {})},
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=seconds, check=False)
        if p.returncode != 0:
            raise Unexpected(f'{self.name}: {" ".join(argv)}: {p.stderr or p.stdout}')
        return p.stdout

    def weft(self, *argv, seconds=20):
        """The command line, as an operator of the site."""
        return self.run(os.path.join(self.mesh.build, 'cli', 'weft'), '-q', '-C',
                        f'op-{self.name}', *argv, seconds=seconds)

    def start_broker(self):
        self.broker.start()
        if not Mesh.wait(lambda: Mesh.ready(self.broker), 30):
            raise Unexpected(f'no start; log: {self.broker.log}')

    def sees(self, node, state):
        try:
            shown = json.loads(self.weft('node', 'show', node, '--json', seconds=5))
        except (Unexpected, subprocess.TimeoutExpired, ValueError):
            return False
        return shown.get('state') == state

    def token(self, name, role, endpoint):
        path = os.path.join(self.mesh.tmp, f'{name}.token')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(self.weft('token', 'create', '--role', role, '--name', name, '--ttl',
                              '1h', '--endpoint', endpoint))
        return path

    def dial(self, to):
        token = to.token(self.name, 'broker', self.mesh.net.uplink(self.name, to.name))
        self.run(self.mesh.program('torture-broker'), 'link', '--config', self.conf,
                 '--token-file', token)
        self.broker.send(signal.SIGHUP)

    def make_agent(self, number, worker):
        mesh, name = self.mesh, f'{self.name}{number}'
        story = os.path.join(mesh.stories, f'{name}.runs')
        command = f'{mesh.program("torture-handler")} {story} {name}'
        marks = (f'    kind = worker\n    concurrency = 4\n    command = "{command} worker"\n'
                 if worker else f'    command = "{command}"\n')
        hold = f'    command = "/bin/sh {mesh.source("hold.sh")} {mesh.tmp}"\n'
        conf = os.path.join(self.folder, f'{name}.conf')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(AGENT_CONF.format(folder=self.folder, name=name, build=mesh.build))
            for cap in 'any', self.name:
                f.write(CAPABILITY.format(name=cap, wall='10s', handler=marks))
            f.write(CAPABILITY.format(name=f'hold-{self.name}', wall='10m', handler=hold))
        program = mesh.program('torture-agent')
        token = self.token(name, 'agent', mesh.net.endpoint(self.name))
        self.run(program, 'join', '--config', conf, '--token-file', token)
        self.agents[name] = Process(mesh, name, self.name, [program, '--config', conf])
        self.agents[name].start()

    def make_client(self, kind, capability):
        mesh, name = self.mesh, f'{self.name}-{kind}'
        token = self.token(name, 'client', mesh.net.endpoint(self.name))
        self.run(os.path.join(mesh.build, 'cli', 'weft'), '-q', 'ctx', 'add', name, token)
        self.clients[kind] = Process(
            mesh, name, self.name,
            [mesh.program('torture-load'), 'run', mesh.story(name), capability, 'durable',
             str(WINDOW), str(RATES[kind])], {'WEFT_CONTEXT': name})

    def processes(self):
        return [self.broker, *self.agents.values(), *self.clients.values()]

    def kill_all(self):
        """As when the power goes."""
        self.mesh.note_superseded(self)
        for p in self.processes():
            if p.alive():
                p.send(signal.SIGKILL)
        for p in self.processes():
            p.child.wait()
            for pid in self.mesh.net.pids(self.name):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def start_all(self):
        self.start_broker()
        for p in [*self.agents.values(), *self.clients.values()]:
            p.start()


class Sites:
    """What mesh.Process needs of a mesh, with several brokers."""

    def __init__(self, build, tmp, net, names, roam):
        self.build, self.tmp, self.net, self.roam = build, tmp, net, roam
        self.env = {'WEFT_HOME': os.path.join(tmp, 'home'), 'TORTURE_SITE': '1'}
        self.passed_log = os.path.join(tmp, 'passed')
        self.stories = os.path.join(tmp, 'stories')
        os.mkdir(self.stories)
        self.history = History(self.stories)
        self.processes = []
        self.superseded = 0
        for name in names:
            net.add(name)
        self.all = {n: Site(self, n) for n in names}

    source = staticmethod(Mesh.source)
    program = Mesh.program
    story = Mesh.story

    def links(self):
        """(who dials, whom)"""
        names = list(self.all)
        return [(self.all[a], self.all[b]) for i, a in enumerate(names)
                for b in names[i + 1:]]

    def is_whole(self, but=()):
        return all(a.sees(b.name, 'up') and b.sees(a.name, 'up') for a, b in self.links()
                   if a.name not in but and b.name not in but)

    def kill_machine(self, process):
        if process.alive():
            process.child.kill()
            process.child.wait()
        for pid in self.net.pids(process.machine):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def note_superseded(self, site):
        """The counters begin anew with each process of a broker."""
        m = re.search(r'"superseded":\s*"?(\d+)', site.weft('status', '--all', '--json'))
        self.superseded += int(m.group(1)) if m else 0

    def starts(self, mark, to=None, sites=None):
        """{job as submitted: names of agents where a handler was started for it}"""
        found = {}
        for site in self.all.values():
            for name in site.agents if sites is None or site.name in sites else ():
                for kind, _, n in self.history.since(f'{name}.runs', mark, to):
                    if kind == 'start':
                        found.setdefault(f'{n[2]:016x}{n[3]:016x}', []).append(name)
        return found

    def seen(self, client, kind, mark, to=None):
        """Jobs of which a client saw this, {id: numbers}."""
        return {i: n for k, i, n in self.history.since(f'{client}.seen', mark, to)
                if k == kind}
