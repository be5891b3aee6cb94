"""A mesh of real processes: a broker, agents and clients, each on a machine of its own."""
import os
import re
import shutil
import signal
import subprocess
import time

BROKER_CONF = '''name = {name}
listen = "{listen}"
{advertise}
state = {state}
{store}
heartbeat = 500ms
lease = 2s
grace = 1s
retry_min = 20ms
retry_max = 1s
max_jobs = 20000
retain_jobs = 1000000
'''
AGENT_CONF = '''state = {state}
scratch = {scratch}
runner = {build}/agent/runner/weft-runner
sandbox = none
cgroup = off
stop_timeout = 2s
capability
    name = mark@1
    slots = 4
    wall = 10s
{handler}'''


class Unexpected(Exception):
    """The mesh did what no fault explains."""


class Process:
    """One program that is started again and again; its log goes on."""

    def __init__(self, mesh, name, machine, argv, env=None):
        self.mesh, self.name, self.machine, self.argv = mesh, name, machine, argv
        self.env = env or {}
        self.log = os.path.join(mesh.tmp, f'{name}.log')
        self.child = None
        self.starts = 0
        mesh.processes.append(self)
        self.may_fail = False  # ending by itself is one of its ways to bear a fault

    def start(self, failpoint=None, by=()):
        env = {**os.environ, **self.mesh.env, **self.env}
        env['WEFT_FAILPOINT_LOG'] = self.mesh.passed_log
        if failpoint:
            env['WEFT_FAILPOINT'] = failpoint
        with open(self.log, 'ab') as log:
            log.write(f'--- start {failpoint or ""} {" ".join(by)}\n'.encode())
            log.flush()
            self.mark = log.tell()
            self.child = subprocess.Popen(
                [*self.mesh.net.prefix(self.machine), *by, *self.argv], env=env,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.starts += 1

    def alive(self):
        return self.child is not None and self.child.poll() is None

    def stopped(self):
        try:
            with open(f'/proc/{self.child.pid}/stat', encoding='ascii') as f:
                return f.read().rsplit(')', 1)[1].split()[0] in 'Tt'
        except OSError:
            return False

    def lines(self):
        """What it said since its last start."""
        with open(self.log, 'rb') as f:
            f.seek(self.mark)
            return f.read().decode(errors='replace')

    def said(self, pattern):
        return re.search(pattern, self.lines()) is not None

    def send(self, number):
        if self.alive():
            self.child.send_signal(number)

    def kill(self, number=signal.SIGKILL):
        """And wait for the end of it."""
        self.send(number)
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise Unexpected(f'{self.name} did not end within 30 s of a signal') from None

    def children(self):
        """Processes whose parent it is."""
        found = []
        for pid in os.listdir('/proc'):
            if pid.isdigit():
                try:
                    with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as f:
                        if int(f.read().rsplit(')', 1)[1].split()[1]) == self.child.pid:
                            found.append(int(pid))
                except (OSError, ValueError, IndexError):
                    pass
        return found

    def check_end(self, wanted):
        """It ended as it should have: by this signal, or in order, or as a fault may make
        it."""
        code = self.child.returncode
        if code in wanted or (self.may_fail and code == 1):
            return
        raise Unexpected(f'{self.name} ended with {code}; log: {self.log}')


class Mesh:
    def __init__(self, build, tmp, net, job_class, database=None):
        self.build, self.tmp, self.net, self.job_class = build, tmp, net, job_class
        self.env = {'WEFT_HOME': os.path.join(tmp, 'home')}
        self.passed_log = os.path.join(tmp, 'passed')
        self.stories = os.path.join(tmp, 'stories')
        os.mkdir(self.stories)
        self.disks = {}
        self.agents, self.clients = {}, {}
        self.processes = []  # all that were ever started
        self.brokers, self.storm = [], None
        self.superseded = {}  # by starts of brokers
        self.slowest_start = 0.0
        # One with a file of its own, or two that share a database.
        self.database = database
        self.machines = ['broker', 'broker2'] if database else ['broker']
        if database:
            self.env['TORTURE_SITE'] = '1'
        for machine in [*self.machines, 'ops']:
            self.net.add(machine)

    def program(self, name):
        return os.path.join(self.build, 'tests', 'torture', name)

    def state_of(self, machine):
        return os.path.join(self.disks[machine].path if machine in self.disks else self.tmp,
                            f'{machine}.state')

    def weft(self, *argv, context='op', check=True, seconds=20):
        """The command line, as an operator; waits."""
        p = subprocess.run(
            [*self.net.prefix('ops'), os.path.join(self.build, 'cli', 'weft'), '-q', '-C',
             context, *argv], env={**os.environ, **self.env}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=seconds,
            check=False)
        if check and p.returncode != 0:
            raise Unexpected(f'weft {" ".join(argv)}: {p.stderr}')
        return p.stdout

    def weft_later(self, *argv, output=None):
        """The same, in the background; what it prints goes to `last_output`."""
        with open(output or os.path.join(self.tmp, 'ops.out'), 'wb') as out:
            return subprocess.Popen(
                [*self.net.prefix('ops'), os.path.join(self.build, 'cli', 'weft'), '-q',
                 '-C', 'op', *argv], env={**os.environ, **self.env},
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL,
                start_new_session=True)

    def last_output(self):
        with open(os.path.join(self.tmp, 'ops.out'), encoding='utf-8', errors='replace') as f:
            return f.read()

    def some_ids(self):
        """Of jobs that were submitted a moment ago."""
        found = []
        for name in self.clients:
            try:
                with open(self.story(name), 'rb') as f:
                    f.seek(max(0, os.path.getsize(self.story(name)) - 4000))
                    found += re.findall(r'"id":"(\w{32})"', f.read().decode())
            except OSError:
                pass
        return found

    @staticmethod
    def source(name):
        return os.path.join(os.path.dirname(os.path.abspath(__file__)), name)

    # -- the broker ---------------------------------------------------------------------

    def make_brokers(self):
        advertise = '\n'.join(f'advertise = "{self.net.endpoint(m)}"' for m in self.machines)
        for machine in self.machines:
            state = self.state_of(machine)
            conf = os.path.join(self.tmp, f'{machine}.conf')
            with open(conf, 'w', encoding='utf-8') as f:
                f.write(BROKER_CONF.format(
                    name=machine, listen=self.net.listen(), state=state, advertise=advertise,
                    store=f'store = "{self.database}"' if self.database else ''))
            if self.brokers:  # those of a site share their keys
                os.mkdir(state, 0o700)
                for name in 'broker.key', 'broker.pub':
                    shutil.copy2(os.path.join(self.state_of('broker'), name), state)
            broker = Process(self, machine, machine,
                             [self.program('torture-broker'), '--config', conf])
            self.brokers.append(broker)
            broker.start()
            if not self.wait(lambda b=broker: self.ready(b), 20):
                raise Unexpected(f'no start; log: {broker.log}')
            if broker is self.brokers[0]:
                self.weft('ctx', 'add', 'op', os.path.join(state, 'operator.token'))

    @staticmethod
    def ready(broker):
        return broker.alive() and broker.said('event=ready')

    @staticmethod
    def wait(condition, seconds):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    # -- agents and clients -------------------------------------------------------------

    def token(self, machine, name, role):
        path = os.path.join(self.tmp, f'{name}.token')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(self.weft('token', 'create', '--role', role, '--name', name, '--ttl', '1h',
                              *self.net.way(machine)))
        return path

    def make_agent(self, name, worker):
        self.net.add(name)
        folder = os.path.join(self.tmp, name)
        os.mkdir(folder)
        story = os.path.join(self.stories, f'{name}.runs')
        command = f'{self.program("torture-handler")} {story} {name}'
        handler = (f'    kind = worker\n    concurrency = 4\n    command = "{command} worker"\n'
                   if worker else f'    command = "{command}"\n')
        conf = os.path.join(folder, 'agent.conf')
        with open(conf, 'w', encoding='utf-8') as f:
            f.write(AGENT_CONF.format(state=self.state_of(name), build=self.build,
                                      scratch=os.path.join(folder, 'scratch'),
                                      handler=handler))
        program = self.program('torture-agent')
        os.makedirs(self.state_of(name), mode=0o700)
        subprocess.run([*self.net.prefix(name), program, 'join', '--config', conf,
                        '--token-file', self.token(name, name, 'agent')],
                       env={**os.environ, **self.env}, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL)
        agent = Process(self, name, name, [program, '--config', conf])
        self.agents[name] = agent
        agent.start()

    def make_client(self, name, window, per_second):
        self.net.add(name)
        token = self.token(name, name, 'client')
        subprocess.run([*self.net.prefix(name), os.path.join(self.build, 'cli', 'weft'), '-q',
                        'ctx', 'add', name, token], env={**os.environ, **self.env}, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        self.clients[name] = Process(
            self, name, name,
            [self.program('torture-load'), 'run', self.story(name), 'mark', self.job_class,
             str(window), str(per_second)], {'WEFT_CONTEXT': name})
        self.clients[name].start()

    def make_storm(self, n):
        """Many agents that do nothing but come and go."""
        self.net.add('storm')
        self.storm = Process(self, 'storm', 'storm', [self.program('torture-storm'), str(n)],
                             {'WEFT_CONTEXT': 'op'})
        self.storm.start()
        self.wait(lambda: self.storm.said(f'up {n} of {n}\n') or not self.storm.alive(), 120)
        if not self.storm.alive() or not self.storm_is_back():
            raise Unexpected(f'the agents of the storm do not connect; log: {self.storm.log}')

    def storm_is_back(self):
        with open(self.storm.log, encoding='utf-8') as f:
            up = re.findall(r'^up (\d+) of (\d+)$', f.read(), re.M)
        return up and up[-1][0] == up[-1][1]

    def storms(self):
        """How long it took until all were back, in seconds, each time."""
        with open(self.storm.log, encoding='utf-8') as f:
            return [int(ms) / 1000 for ms in re.findall(r'^all back (\d+)$', f.read(), re.M)]

    def story(self, name):
        return os.path.join(self.stories, f'{name}.seen')

    def refusals(self, name):
        """(job, code) of each: nothing that is submitted here should be refused."""
        with open(self.story(name), encoding='utf-8') as f:
            return [(m.group(1), int(m.group(2), 16)) for m in re.finditer(
                r'"k":"refused","id":"(\w+)".*"n":"(\w+)"', f.read())]

    def kill_machine(self, process):
        """All that runs there."""
        if process.alive():
            process.kill()
        # What it started notices, and ends by itself; where there is a namespace for each
        # machine, this is quicker.
        for pid in self.net.pids(process.machine):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def note_status(self, text):
        """The counters begin anew with each process of the broker."""
        m = re.search(r'"superseded":\s*"?(\d+)', text)
        if m:
            self.superseded[sum(b.starts for b in self.brokers)] = int(m.group(1))

    def check(self, *argv):
        stories = [os.path.join(self.stories, n) for n in sorted(os.listdir(self.stories))]
        return subprocess.run([self.program('weft-check'), *argv, *stories], check=False,
                              stdout=subprocess.PIPE, text=True)
