"""First starts and enrolments that are cut short: the next try must get through."""
import os
import random
import signal

import failpoints
from lane import until
from mesh import Process, Unexpected

BROKER = '''name = first
listen = "tcp://127.0.0.1:*"
state = {state}
'''
AGENT = '''state = {state}
runner = {build}/agent/runner/weft-runner
sandbox = none
'''


class First:
    def __init__(self, mesh, faults, quick):
        self.mesh, self.faults, self.quick = mesh, faults, quick
        self.rng = random.Random(f'{faults.seed}/first')
        self.names = [n for n in failpoints.names() if n.startswith(('first.', 'file.'))]
        self.n = 0

    def folder(self, what):
        self.n += 1
        path = os.path.join(self.mesh.tmp, f'{what}{self.n}')
        os.mkdir(path, 0o700)
        return path

    def conf(self, folder, text):
        path = os.path.join(folder, 'conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text.format(state=os.path.join(folder, 'state'), build=self.mesh.build))
        return path

    def killed(self, process, name, times):
        """Did it come to the failpoint?"""
        process.start(f'{name}:{times}=kill')
        yield from until(lambda: not process.alive() or process.said('event=ready'), 10)
        if process.alive():
            process.kill()
            return False
        if process.child.returncode == -signal.SIGKILL:
            self.faults.acted.add(name)
            return True
        # It did not come so far: an enrolment may fail for the broker's troubles.
        return False

    def broker(self, name, times):
        mesh, folder = self.mesh, self.folder('first')
        p = Process(mesh, os.path.basename(folder), 'ops',
                    [mesh.program('torture-broker'), '--config', self.conf(folder, BROKER)])
        if (yield from self.killed(p, name, times)):
            self.faults.count('first start cut short')
        p.start()
        if not (yield from until(lambda: p.said('event=ready'), 20)):
            raise Unexpected(f'no start after one that ended at {name}; log: {p.log}')
        token = os.path.join(folder, 'state', 'operator.token')
        client = mesh.weft_later('ctx', 'add', f'op{self.n}', token)
        yield from until(lambda: client.poll() is not None, 20)
        if client.wait() != 0:
            raise Unexpected(f'no operator after a start that ended at {name}; log: {p.log}')
        p.kill(signal.SIGTERM)
        p.check_end((0,))

    def agent(self, name, times):
        mesh, folder = self.mesh, self.folder('join')
        conf = self.conf(folder, AGENT)
        token = os.path.join(folder, 'token')
        out = os.path.join(mesh.tmp, 'ops.first')
        while not self.faults.over():
            child = mesh.weft_later('token', 'create', '--name', os.path.basename(folder),
                                    *mesh.net.way('ops'), '--out', token,
                                    output=out)
            yield from until(lambda c=child: c.poll() is not None, 20)
            if child.wait() == 0:
                break
            if os.path.exists(token):
                os.unlink(token)
        p = Process(mesh, os.path.basename(folder), 'ops',
                    [mesh.program('torture-agent'), 'join', '--config', conf, '--token-file',
                     token])
        if (yield from self.killed(p, name, times)):
            self.faults.count('enrolment cut short')
        # The broker has troubles of its own.
        while not self.faults.over():
            p.start()
            yield from until(lambda: not p.alive(), 30)
            if p.child.returncode == 0:
                return
            # The other broker of a site hears of the token within a second.
            may = 'EUNREACH|ETIMEOUT|ECLOSED|ESTORAGE|EBUSY' + '|EAUTH' * bool(mesh.database)
            if not p.said(may):
                raise Unexpected(f'no enrolment after one that ended at {name}; log: {p.log}')
            yield 0.3

    def lane(self):
        while not self.faults.over():
            names = self.names[:]
            self.rng.shuffle(names)
            for name in names[:2] if self.quick else names:
                if self.faults.over():
                    return
                yield from self.broker(name, self.rng.randint(1, 3))
                if name.startswith('file.'):
                    yield from self.agent(name, self.rng.randint(1, 2))
            yield 20
