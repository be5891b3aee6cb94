"""A disk that can be full and can lose its power: a file with ext4 on it, loop-mounted."""
import fcntl
import os
import struct
import subprocess

from net import sh

# EXT4_IOC_SHUTDOWN: nothing more reaches the disk, also not what the journal holds.
SHUTDOWN = 0x8004587d
NO_LOG_FLUSH = 2


def share(tmp):
    """Mounts below it come and go in every mount namespace: runs of handlers have their
    own, and would keep a disk mounted that is gone here."""
    sh('mount', '--bind', tmp, tmp)
    sh('mount', '--make-shared', tmp)


def unshare(tmp):
    sh('umount', '-l', tmp, check=False)


class Disk:
    """The folder must have been shared."""

    def __init__(self, tmp, name, megabytes):
        self.image = os.path.join(tmp, f'{name}.img')
        self.path = os.path.join(tmp, f'{name}.disk')
        self.filler = os.path.join(self.path, 'filler')
        with open(self.image, 'wb') as f:
            f.truncate(megabytes << 20)
        sh('mkfs.ext4', '-q', '-m', '0', self.image)
        os.mkdir(self.path)
        self.mounted = False
        self.mount()

    @staticmethod
    def why_not(tmp):
        if os.geteuid() != 0:
            return 'not root'
        try:
            share(tmp)
            d = Disk(tmp, 'probe', 8)
            d.shut_down()
            if not d.unmount():
                return 'what was mounted stays mounted'
        except (OSError, subprocess.CalledProcessError) as e:
            unshare(tmp)
            return (getattr(e, 'output', '') or str(e)).strip()
        return None

    def mount(self):
        sh('mount', '-o', 'loop', self.image, self.path)
        self.mounted = True

    def unmount(self):
        """False while something still has files of it open, or it is mounted elsewhere."""
        if self.mounted and sh('umount', self.path, check=False).returncode != 0:
            return False
        self.mounted = False
        return sh('losetup', '-j', self.image).stdout == ''

    def shut_down(self):
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack('I', NO_LOG_FLUSH))
        finally:
            os.close(fd)

    def fill(self, leave):
        """Leave so many bytes free."""
        s = os.statvfs(self.path)
        want = s.f_bavail * s.f_frsize - leave
        if want <= 0:
            return
        fd = os.open(self.filler, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(fd, 0, want)
        except OSError:
            pass
        finally:
            os.close(fd)

    def drain(self):
        try:
            os.unlink(self.filler)
        except FileNotFoundError:
            pass

    def close(self):
        if self.mounted:
            sh('umount', '-l', self.path, check=False)
