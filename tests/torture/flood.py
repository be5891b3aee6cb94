"""flood.py ENDPOINT N: connect N times, and again for each that is cut, until killed."""
import re
import resource
import selectors
import socket
import sys


def main():
    host, port = re.fullmatch(r'tcp://(.*):(\d+)', sys.argv[1]).groups()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sel = selectors.DefaultSelector()

    def dial():
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex((host, int(port)))
        sel.register(s, selectors.EVENT_READ)

    for _ in range(int(sys.argv[2])):
        dial()
    while True:
        for key, _ in sel.select():
            try:
                data = key.fileobj.recv(64)
            except OSError:
                data = b''
            if not data:  # a greeting does not count
                sel.unregister(key.fileobj)
                key.fileobj.close()
                dial()


if __name__ == '__main__':
    main()
