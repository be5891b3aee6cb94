#!/usr/bin/python3
"""A worker in Python without dependencies: serve(fn) is all that a program needs.

weft-agent starts it with a socket as fd 3 and the framing of docs/spec/worker.md on it.
As it stands it counts words; copy it and put your own function in its place:

    capability
        name = wordcount@1
        kind = worker
        command = "python3 /path/to/worker.py"
"""

import socket
import struct
import sys

HELLO, JOB, OUTPUT, RESULT, CANCEL = 1, 2, 3, 4, 5
FRAME_MAX = (1 << 20) + (64 << 10)


class Job:
    """What the function gets: id, attempt, deadline_ms, payload; output() to stream."""

    def __init__(self, send, ref, attempt, deadline_ms, job_id, payload):
        self._send = send
        self._ref = ref
        self.attempt = attempt
        self.deadline_ms = deadline_ms
        self.id = job_id
        self.payload = payload

    def output(self, data, stream=1):
        self._send(OUTPUT, struct.pack("<IB", self._ref, stream) + data)


def _read(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            return None
        data += part
    return data


def serve(fn, fd=3):
    """Call fn(job) for each job, one after the other, until the agent closes the socket.

    What fn returns (bytes) is the result; an exception fails the job with its text.
    """
    sock = socket.socket(fileno=fd)

    def send(kind, body):
        sock.sendall(struct.pack("<IB", 1 + len(body), kind) + body)

    send(HELLO, struct.pack("<HH", 1, 1))
    while True:
        head = _read(sock, 5)
        if head is None:
            return
        length, kind = struct.unpack("<IB", head)
        if not 1 <= length <= FRAME_MAX:
            raise ValueError("no frame has length %d" % length)
        body = _read(sock, length - 1)
        if body is None:
            return
        if kind != JOB:
            continue  # a CANCEL for a job that is over already
        ref, attempt, deadline_ms, id_len = struct.unpack_from("<IIQB", body)
        job_id = body[17 : 17 + id_len].decode()
        job = Job(send, ref, attempt, deadline_ms, job_id, body[17 + id_len :])
        try:
            code, result = 0, fn(job)
        except Exception as e:
            code, result = 1, ("%s: %s" % (type(e).__name__, e)).encode()
        send(RESULT, struct.pack("<Ii", ref, code) + result)


def count_words(job):
    return str(len(job.payload.split())).encode()


if __name__ == "__main__":
    sys.exit(serve(count_words))
