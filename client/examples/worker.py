#!/usr/bin/python3
"""A worker in Python without dependencies: serve(fn) is all that a program needs.

weft-agent starts it with a socket as fd 3 and the framing of docs/spec/worker.md on it.
As it stands it counts words; copy it and put your own function in its place:

    capability
        name = wordcount@1
        kind = worker
        command = "python3 /path/to/worker.py"
"""

import os
import socket
import struct
import sys

HELLO, JOB, OUTPUT, RESULT, CANCEL, JOB_FILES, RESULT_FILE = 1, 2, 3, 4, 5, 6, 7
FRAME_MAX = (1 << 20) + (64 << 10)


class ResultFile:
    """What the function returns to give a file as its result: it is moved away.

    The file stands in the folder in which the worker was started, or below.
    """

    def __init__(self, path):
        self.path = path


class Job:
    """What the function gets: id, attempt, deadline_ms, payload; output() to stream.

    inputs has the path of each input by its name, files and folders to be read only;
    payload_path is None, or the file of a payload that is large.
    """

    def __init__(self, send, ref, attempt, deadline_ms, job_id, files, payload):
        self._send = send
        self._ref = ref
        self.attempt = attempt
        self.deadline_ms = deadline_ms
        self.id = job_id
        self.payload_path, self.inputs = files
        self._payload = payload

    @property
    def payload(self):
        if self.payload_path is None:
            return self._payload
        with open(self.payload_path, "rb") as f:
            return f.read()

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


def _files(body, at):
    """What JOB_FILES has between id and payload, and where the payload begins."""

    def text(width):
        nonlocal at
        n = int.from_bytes(body[at : at + width], "little")
        at += width + n
        return body[at - n : at].decode()

    payload_path = text(2) or None
    at += 1
    inputs = {}
    for _ in range(body[at - 1]):
        name = text(1)
        inputs[name] = text(2)
    return (payload_path, inputs), at


def _give_file(send, ref, path):
    name = "weft-result-%08x" % ref
    os.rename(path, os.path.join(os.environ["WEFT_RESULTS"], name))
    send(RESULT_FILE, struct.pack("<I", ref) + name.encode())


def serve(fn, fd=3):
    """Call fn(job) for each job, one after the other, until the agent closes the socket.

    What fn returns (bytes or a ResultFile) is the result; an exception fails the job with
    its text.
    """
    sock = socket.socket(fileno=fd)

    def send(kind, body):
        sock.sendall(struct.pack("<IB", 1 + len(body), kind) + body)

    # An agent that knows no files sets no such variable, and speaks version 1.
    send(HELLO, struct.pack("<HH", 2 if "WEFT_RESULTS" in os.environ else 1, 1))
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
        if kind not in (JOB, JOB_FILES):
            continue  # a CANCEL for a job that is over already
        ref, attempt, deadline_ms, id_len = struct.unpack_from("<IIQB", body)
        at = 17 + id_len
        job_id = body[17:at].decode()
        files = (None, {})
        if kind == JOB_FILES:
            files, at = _files(body, at)
        job = Job(send, ref, attempt, deadline_ms, job_id, files, body[at:])
        try:
            code, result = 0, fn(job)
            if isinstance(result, ResultFile):
                _give_file(send, ref, result.path)
                continue
        except Exception as e:
            code, result = 1, ("%s: %s" % (type(e).__name__, e)).encode()
        send(RESULT, struct.pack("<Ii", ref, code) + result)


def count_words(job):
    count = len(job.payload.split())
    for path in job.inputs.values():
        with open(path, "rb") as f:
            count += sum(len(line.split()) for line in f)
    return str(count).encode()


if __name__ == "__main__":
    sys.exit(serve(count_words))
