"""Lanes: what goes on at the same time, each a generator that yields how long to wait.

One thread steps them all, so they share the mesh without locks.
"""
import heapq
import time


def now():
    return time.monotonic()


def until(condition, seconds, step=0.02):
    """`ok = yield from until(...)`: wait until the condition holds, or time is over."""
    end = now() + seconds
    while not condition():
        if now() >= end:
            return False
        yield step
    return True


class Lanes:
    def __init__(self):
        self.heap = []
        self.count = 0

    def add(self, generator):
        self.count += 1
        heapq.heappush(self.heap, (now(), self.count, generator))

    def run(self, idle=None):
        """Until all have ended."""
        while self.heap:
            due, count, generator = heapq.heappop(self.heap)
            pause = due - now()
            if pause > 0:
                time.sleep(pause)
            if idle:
                idle()
            try:
                wait = next(generator)
            except StopIteration:
                continue
            heapq.heappush(self.heap, (now() + wait, count, generator))


def run_one(generator):
    """Step one alone; returns what it returns."""
    while True:
        try:
            time.sleep(next(generator))
        except StopIteration as end:
            return end.value
