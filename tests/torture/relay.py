"""relay.py PORT TARGET: pass TCP connections on, to have something that can be stopped."""
import selectors
import socket
import sys


def main():
    port, target = int(sys.argv[1]), int(sys.argv[2])
    sel = selectors.DefaultSelector()
    listener = socket.create_server(('127.0.0.1', port), backlog=64)
    sel.register(listener, selectors.EVENT_READ)
    peer = {}

    def end(s):
        for x in (s, peer.get(s)):
            if x in peer:
                sel.unregister(x)
                x.close()
                del peer[x]

    while True:
        for key, _ in sel.select():
            s = key.fileobj
            if s is listener:
                a, _ = s.accept()
                b = socket.socket()
                try:
                    b.connect(('127.0.0.1', target))
                except OSError:
                    a.close()
                    b.close()
                    continue
                peer[a], peer[b] = b, a
                sel.register(a, selectors.EVENT_READ)
                sel.register(b, selectors.EVENT_READ)
            elif s in peer:
                try:
                    data = s.recv(65536)
                    if data:
                        peer[s].sendall(data)
                except OSError:
                    data = b''
                if not data:
                    end(s)


if __name__ == '__main__':
    main()
