"""link.py [--at ADDRESS] [--delay FILE] [--udp] [PORT]...: a link between two places.

Passes TCP connections to ADDRESS:PORT (127.0.0.2) on to 127.0.0.1:PORT, with --udp
datagrams as well; port 0 takes one that is free at both.  What it passes arrives as many
milliseconds later as FILE says, in either direction and in the order in which it came.
After a second number N in FILE every Nth datagram is lost.
Prints `ready PORT...`, then at each signal `passed BYTES`, in both directions since the
start:

    USR1  cut: connections end at once, and so do new ones; datagrams are lost
    USR2  mend
    HUP   only say how much has passed, and read FILE again
    TERM  end

A stopped process (STOP) is a link that is silent.
"""
import argparse
import collections
import os
import selectors
import signal
import socket
import time

FAR = '127.0.0.1'
PIECE = 1 << 18
RATE = 100 << 20  # bytes a second: as many are under way at most as such a link holds
SENDERS = 64  # of datagrams whose answers find their way back


def listen(near, port):
    """At a port that is free at the far end, too, if one may be chosen."""
    while True:
        listener = socket.create_server((near, port), backlog=64)
        if port != 0:
            return listener
        with socket.socket() as far:
            try:
                far.bind((FAR, listener.getsockname()[1]))
                return listener
            except OSError:
                listener.close()


class Line:
    """What is under way: it leaves in the order in which it came, a delay later."""

    def __init__(self, file):
        self.file, self.delay, self.lose, self.datagrams = file, 0.0, 0, 0
        self.items = collections.deque()  # (when, what to call, with what)
        self.read()

    def read(self):
        if self.file is not None:
            with open(self.file) as f:
                delay, *lose = f.read().split()
            self.delay = float(delay) / 1000
            self.lose = int(lose[0]) if lose else 0

    def loses(self):
        self.datagrams += 1
        return self.lose > 0 and self.datagrams % self.lose == 0

    def put(self, call, *args):
        self.items.append((time.monotonic() + self.delay, call, args))

    def wait(self):
        """Seconds until something is due; None: nothing is under way."""
        return max(0, self.items[0][0] - time.monotonic()) if self.items else None

    def deliver(self):
        while self.items and self.items[0][0] <= time.monotonic():
            _, call, args = self.items.popleft()
            call(*args)


class Datagrams:
    """Those to one port: each sender has a socket of its own to the far end."""

    def __init__(self, link, near, port):
        self.link, self.port = link, port
        self.near = socket.socket(type=socket.SOCK_DGRAM)
        self.near.bind((near, port))
        self.far = collections.OrderedDict()  # of a sender
        self.add(self.near, None)

    def add(self, s, sender):
        s.setblocking(False)
        self.link.sel.register(s, selectors.EVENT_READ, (self.step, sender))

    def socket_of(self, sender):
        if sender not in self.far:
            if len(self.far) == SENDERS:
                _, oldest = self.far.popitem(last=False)
                self.link.sel.unregister(oldest)
                oldest.close()
            s = socket.socket(type=socket.SOCK_DGRAM)
            s.connect((FAR, self.port))
            self.add(s, sender)
            self.far[sender] = s
        return self.far[sender]

    def step(self, s, _, sender):
        """From the far end to a sender, or from one that the datagram names."""
        try:
            data, origin = s.recvfrom(1 << 16)
        except OSError:  # nobody is at the far end
            return
        if not self.link.cut and not self.link.line.loses():
            self.link.line.put(self.send, data, sender, origin)

    def send(self, data, sender, origin):
        try:
            if sender is not None:
                self.near.sendto(data, sender)
            else:
                self.socket_of(origin).send(data)
        except OSError:
            return
        self.link.passed += len(data)


class Link:
    def __init__(self, args):
        self.sel = selectors.DefaultSelector()
        self.line = Line(args.delay)
        self.peer = {}  # of a socket: the other one
        self.rest = {}  # what to write to it now
        self.held = {}  # bytes that are on their way to it, those included
        self.over = set()  # sockets that said all that they had to say
        self.passed, self.cut = 0, False
        self.listeners = [listen(args.at, port) for port in args.port]
        self.ports = [s.getsockname()[1] for s in self.listeners]
        for s in self.listeners:
            self.sel.register(s, selectors.EVENT_READ, (self.accept, None))
        for port in self.ports if args.udp else []:
            Datagrams(self, args.at, port)

    def accept(self, listener, *_):
        a, _ = listener.accept()
        b = socket.socket()
        try:
            if self.cut:
                raise ConnectionError
            b.connect((FAR, listener.getsockname()[1]))
        except OSError:
            a.close()
            b.close()
            return
        for x, y in ((a, b), (b, a)):
            x.setblocking(False)
            x.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.peer[x], self.rest[x], self.held[x] = y, b'', 0
            self.sel.register(x, selectors.EVENT_READ, (self.step, None))

    def end(self, s):
        for x in (s, self.peer[s]):
            if x in self.sel.get_map():
                self.sel.unregister(x)
            x.close()
            del self.peer[x], self.rest[x], self.held[x]
            self.over.discard(x)

    def watch(self, s):
        """Nothing is read for an end to which as much is on its way as the link holds."""
        most = self.line.delay * RATE
        events = selectors.EVENT_WRITE if self.rest[s] else 0
        events |= 0 if self.held[self.peer[s]] > most else selectors.EVENT_READ
        if s in self.sel.get_map():
            self.sel.unregister(s)
        if events:
            self.sel.register(s, events, (self.step, None))

    def write(self, s):
        try:
            n = s.send(self.rest[s]) if self.rest[s] else 0
        except BlockingIOError:
            n = 0
        self.passed += n
        self.rest[s] = self.rest[s][n:]
        self.held[s] -= n

    def arrive(self, s, data):
        """No data is the end of what comes."""
        if s not in self.peer:  # it ended meanwhile
            return
        if not data:
            self.over.add(self.peer[s])
        self.rest[s] += data
        self.step(s, selectors.EVENT_WRITE)

    def step(self, s, events, *_):
        try:
            if events & selectors.EVENT_READ:
                data = s.recv(PIECE)
                self.held[self.peer[s]] += len(data) or 1 << 40  # nothing comes after it
                self.line.put(self.arrive, self.peer[s], data)
            if events & selectors.EVENT_WRITE:
                self.write(s)
                if not self.rest[s] and self.peer[s] in self.over:
                    raise ConnectionError
        except OSError:
            self.end(s)
            return
        self.watch(s)
        self.watch(self.peer[s])

    def on_signal(self, number):
        if number in (signal.SIGUSR1, signal.SIGUSR2):
            self.cut = number == signal.SIGUSR1
        while self.cut and self.peer:
            self.end(next(iter(self.peer)))
        self.line.read()
        print('passed', self.passed, flush=True)

    def run(self, wake):
        self.sel.register(wake, selectors.EVENT_READ)
        print('ready', *self.ports, flush=True)
        while True:
            for key, events in self.sel.select(self.line.wait()):
                s = key.fileobj
                if s == wake:
                    for number in os.read(wake, 64):
                        self.on_signal(number)
                        if number == signal.SIGTERM:
                            return
                elif s.fileno() >= 0:  # none that ended in this round
                    call, arg = key.data
                    call(s, events, arg)
            self.line.deliver()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('--at', default='127.0.0.2')
    parser.add_argument('--delay')
    parser.add_argument('--udp', action='store_true')
    parser.add_argument('port', nargs='*', type=int)
    args = parser.parse_args()
    wake, far = os.pipe()
    os.set_blocking(far, False)
    signal.set_wakeup_fd(far)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    Link(args).run(wake)


if __name__ == '__main__':
    main()
