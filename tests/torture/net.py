"""Machines and the network between them.

With root: a network namespace for each machine, joined by a bridge in a namespace of its
own.  A partition drops what arrives, at the receiver's ingress: a sender that were cut at
its own egress would see congestion instead of silence.  Without root: all on loopback,
each connecting machine behind a relay of its own that is stopped for a partition.
"""
import os
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# IPv4 alone: who cannot be found by ARP is told that there is no such host.
DROP = ['bpf', 'da', 'bytecode', '4,40 0 0 12,21 0 1 2048,6 0 0 2,6 0 0 0']
PORT = 7400


def sh(*argv, check=True):
    return subprocess.run(argv, check=check, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Namespaces:
    name = 'network namespaces'

    def __init__(self):
        self.id = f'wt{os.getpid()}'
        self.hub = f'{self.id}-hub'
        self.machines, self.address = {}, {}

    @staticmethod
    def why_not():
        if os.geteuid() != 0:
            return 'not root'
        probe = f'wt{os.getpid()}-probe'
        try:
            sh('ip', 'netns', 'add', probe)
            sh('ip', '-n', probe, 'link', 'add', 'name', 'p1', 'type', 'veth', 'peer', 'name', 'p2')
            sh('ip', '-n', probe, 'link', 'add', 'name', 'p3', 'type', 'bridge')
            sh('tc', '-n', probe, 'qdisc', 'add', 'dev', 'p1', 'clsact')
            sh('tc', '-n', probe, 'filter', 'add', 'dev', 'p1', 'ingress', *DROP)
        except (OSError, subprocess.CalledProcessError) as e:
            return (getattr(e, 'output', '') or str(e)).strip()
        finally:
            subprocess.run(['ip', 'netns', 'del', probe], stderr=subprocess.DEVNULL,
                           check=False)
        return None

    def open(self):
        # Of runs that were killed.
        for line in sh('ip', 'netns', 'list').stdout.splitlines():
            name = line.split()[0] if line else ''
            pid = name[2:].split('-')[0]
            if name.startswith('wt') and pid.isdigit() and not os.path.exists(f'/proc/{pid}'):
                sh('ip', 'netns', 'del', name, check=False)
        sh('ip', 'netns', 'add', self.hub)
        sh('ip', '-n', self.hub, 'link', 'add', 'name', 'br0', 'type', 'bridge')
        sh('ip', '-n', self.hub, 'link', 'set', 'br0', 'up')

    def close(self):
        for ns in [*self.machines.values(), self.hub]:
            sh('ip', 'netns', 'del', ns, check=False)

    def add(self, machine):
        ns, n = f'{self.id}-{machine}', len(self.machines) + 1
        self.machines[machine] = ns
        self.address[machine] = f'10.77.{n // 250}.{n % 250}'
        sh('ip', 'netns', 'add', ns)
        sh('ip', '-n', ns, 'link', 'set', 'lo', 'up')
        sh('ip', '-n', self.hub, 'link', 'add', 'name', machine, 'type', 'veth', 'peer',
           'name', 'eth0', 'netns', ns)
        sh('ip', '-n', self.hub, 'link', 'set', machine, 'master', 'br0', 'up')
        sh('ip', '-n', ns, 'addr', 'add', f'{self.address[machine]}/16', 'dev', 'eth0')
        sh('ip', '-n', ns, 'link', 'set', 'eth0', 'up')
        sh('tc', '-n', ns, 'qdisc', 'add', 'dev', 'eth0', 'clsact')
        sh('tc', '-n', self.hub, 'qdisc', 'add', 'dev', machine, 'clsact')

    def prefix(self, machine):
        # Not `ip netns exec`, which makes a mount namespace: what is mounted there stays.
        return ['nsenter', f'--net=/run/netns/{self.machines[machine]}', '--']

    def listen(self):
        return f'tcp://0.0.0.0:{PORT}'

    def endpoint(self, machine):
        """Of a broker on that machine."""
        return f'tcp://{self.address[machine]}:{PORT}'

    @staticmethod
    def way(_machine):
        """Options for a token: where that machine finds the brokers."""
        return []

    def pids(self, machine):
        out = sh('ip', 'netns', 'pids', self.machines[machine], check=False).stdout
        return [int(p) for p in out.split() if p.isdigit()]

    def cut(self, machine, way):
        """`in`: it hears nothing; `out`: nobody hears it; `both`."""
        if way in ('in', 'both'):
            sh('tc', '-n', self.machines[machine], 'filter', 'add', 'dev', 'eth0',
               'ingress', *DROP)
        if way in ('out', 'both'):
            sh('tc', '-n', self.hub, 'filter', 'add', 'dev', machine, 'ingress', *DROP)

    def join(self, machine):
        sh('tc', '-n', self.machines[machine], 'filter', 'del', 'dev', 'eth0', 'ingress',
           check=False)
        sh('tc', '-n', self.hub, 'filter', 'del', 'dev', machine, 'ingress', check=False)


class Loopback:
    name = 'loopback behind relays'

    def __init__(self):
        self.port = free_port()
        self.relays = {}

    def open(self):
        pass

    def close(self):
        for relay, _ in self.relays.values():
            relay.kill()
            relay.wait()

    def add(self, machine):
        if machine != 'broker':
            port = free_port()
            relay = subprocess.Popen([sys.executable, os.path.join(HERE, 'relay.py'),
                                      str(port), str(self.port)])
            self.relays[machine] = (relay, port)

    def prefix(self, _machine):
        return []

    def listen(self):
        return f'tcp://127.0.0.1:{self.port}'

    def endpoint(self, _machine):
        return f'tcp://127.0.0.1:{self.port}'

    def way(self, machine):
        port = self.relays[machine][1] if machine in self.relays else self.port
        return ['--endpoint', f'tcp://127.0.0.1:{port}']

    def pids(self, _machine):
        return []

    def cut(self, machine, _way):
        if machine in self.relays:
            self.relays[machine][0].send_signal(signal.SIGSTOP)

    def join(self, machine):
        if machine in self.relays:
            self.relays[machine][0].send_signal(signal.SIGCONT)
