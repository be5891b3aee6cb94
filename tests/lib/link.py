"""link.py [PORT]...: a link that can be cut, and that counts what goes over it.

Passes TCP connections to 127.0.0.2:PORT on to 127.0.0.1:PORT; port 0 takes one that is
free at both.  Prints `ready PORT...`, then at each signal `passed BYTES`, in both
directions since the start:

    USR1  cut: connections end at once, and so do new ones
    USR2  mend
    HUP   only say how much has passed
    TERM  end

A stopped process (STOP) is a link that is silent.
"""
import os
import selectors
import signal
import socket
import sys

NEAR, FAR = '127.0.0.2', '127.0.0.1'
PIECE = 1 << 18


def listen(port):
    """At a port that is free at the far end, too, if one may be chosen."""
    while True:
        near = socket.create_server((NEAR, port), backlog=64)
        if port != 0:
            return near
        with socket.socket() as far:
            try:
                far.bind((FAR, near.getsockname()[1]))
                return near
            except OSError:
                near.close()


class Link:
    def __init__(self, ports):
        self.sel = selectors.DefaultSelector()
        self.peer, self.rest = {}, {}  # of a socket: the other one; what to write to it
        self.passed, self.cut = 0, False
        self.listeners = [listen(port) for port in ports]
        for s in self.listeners:
            self.sel.register(s, selectors.EVENT_READ)

    def accept(self, listener):
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
            self.peer[x], self.rest[x] = y, b''
            self.sel.register(x, selectors.EVENT_READ)

    def end(self, s):
        for x in (s, self.peer[s]):
            self.sel.unregister(x)
            x.close()
            del self.peer[x], self.rest[x]

    def watch(self, s):
        """Nothing is read for an end that has something to be written to it."""
        events = selectors.EVENT_WRITE if self.rest[s] else 0
        events |= 0 if self.rest[self.peer[s]] else selectors.EVENT_READ
        if s in self.sel.get_map():
            self.sel.unregister(s)
        if events:
            self.sel.register(s, events)

    def write(self, s):
        try:
            n = s.send(self.rest[s])
        except BlockingIOError:
            n = 0
        self.passed += n
        self.rest[s] = self.rest[s][n:]

    def step(self, s, events):
        try:
            if events & selectors.EVENT_READ:
                data = s.recv(PIECE)
                if not data:
                    raise ConnectionError
                self.rest[self.peer[s]] = data
                self.write(self.peer[s])
            if events & selectors.EVENT_WRITE:
                self.write(s)
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
        print('passed', self.passed, flush=True)

    def run(self, wake):
        self.sel.register(wake, selectors.EVENT_READ)
        print('ready', *(s.getsockname()[1] for s in self.listeners), flush=True)
        while True:
            for key, events in self.sel.select():
                s = key.fileobj
                if s == wake:
                    for number in os.read(wake, 64):
                        self.on_signal(number)
                        if number == signal.SIGTERM:
                            return
                elif s in self.listeners:
                    self.accept(s)
                elif s in self.peer:
                    self.step(s, events)


def main():
    wake, far = os.pipe()
    os.set_blocking(far, False)
    signal.set_wakeup_fd(far)
    for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    Link([int(port) for port in sys.argv[1:]]).run(wake)


if __name__ == '__main__':
    main()
