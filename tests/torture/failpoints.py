"""The names of all failpoints, read from the sources.

A place names itself in a literal; a place that names messages stands for as many names as
there are messages that its program sends, and one that names tables for the tables of the
broker's store.  What a run passes and this list lacks fails the torture, so the two
cannot come apart.
"""
import glob
import os
import re

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
PLACE = re.compile(r'WF_FAILPOINT(?:_ERROR)?\(\s*"([^"]+)"')
MESSAGE = re.compile(r'WF_FAILPOINT_MESSAGE\(\s*"([^"]+)"[^"]*"([^"]+)"\s*\)')
TABLE = re.compile(r'WF_FAILPOINT_TABLE\(\s*"([^"]+)"[^"]*"([^"]+)"\s*\)')
SENDS = re.compile(r'(?:_send(?:_lazy|_of)?|\btell|core_promise|ask(?:_start|_done|_about)?)\s*\('
                   r'(?:[^;]*?)WF_MSG_(\w+)', re.S)
# Where the messages are made that a program sends.
SENDERS = {
    'broker': ['broker/core/*.c', 'broker/core/*/*.c'],
    'agent': ['agent/core/*.c', 'proto/link.c'],
    # The command line asks for more, and has no failpoints.
    'client': ['client/core/*.c', 'client/jobs.c', 'proto/link.c'],
}
SOURCES = ['broker/*.c', 'broker/store/*.c', 'agent/*.c', 'agent/exec/*.c', 'client/*.c',
           'common/io/*.c', 'common/io/net/*.c']
TABLES = ['keys', 'tokens', 'jobs', 'attempts', 'outcomes', 'events', 'datasets', 'estimates']


def texts(patterns):
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(TOP, pattern))):
            if '/serve' in path:
                continue
            with open(path, encoding='utf-8') as f:
                yield f.read()


def sent_by(program):
    found = set()
    for text in texts(SENDERS[program]):
        found.update(SENDS.findall(text))
    return sorted(found)


def names():
    """All of them, sorted."""
    found = set()
    for text in texts(SOURCES):
        found.update(PLACE.findall(text))
        for prefix, suffix in MESSAGE.findall(text):
            found.update(f'{prefix}.{m}.{suffix}' for m in sent_by(prefix.split('.')[0]))
        for prefix, suffix in TABLE.findall(text):
            found.update(f'{prefix}.{t}.{suffix}' for t in TABLES)
    return sorted(found)


def can_fail():
    """Those where an error can be had instead of an end."""
    found = set()
    for text in texts(SOURCES):
        found.update(re.findall(r'WF_FAILPOINT_ERROR\(\s*"([^"]+)"', text))
    return found


def passes(program, name):
    """May a program of the running mesh come to it?"""
    return name.split('.')[0] in {'broker': ('broker', 'store', 'router'),
                                  'agent': ('agent', 'uplink'),
                                  'client': ('client', 'uplink')}[program]


def rank(name):
    """What a short run tries first: where promises are made and kept."""
    if name.startswith(('store.', 'broker.append', 'broker.sync', 'agent.spool', 'router.',
                        'uplink.')):
        return 0
    if re.search(r'\.(accepted|outcome|result|result_ack|assign|submit|welcome|resync)\.',
                 name):
        return 1
    return 2


if __name__ == '__main__':
    for name in names():
        print(name)
