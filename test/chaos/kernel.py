# SPDX-License-Identifier: Apache-2.0
"""What the kernel does to a server: links of its own that lose and delay, a small and slow disk, a control group.

Each part says by `unable`, a text, why it cannot be had on this machine; None: it can. Nothing is left behind by close().
"""
import contextlib
import ipaddress
import os
import pathlib
import random
import shutil
import subprocess

CGROUPS = pathlib.Path("/sys/fs/cgroup")
DISK_MIB = 512
LINKS = ["clients", "receivers", "broker"]


def run(*command):
    """Why the command failed, or None."""
    if shutil.which(str(command[0])) is None:
        return f"there is no {command[0]} here"
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else (done.stderr.strip() or f"{command[0]} failed").splitlines()[0]


def must(*command):
    why = run(*command)
    if why is not None:
        raise RuntimeError(f"{' '.join(str(word) for word in command)}: {why}")


class Links:
    """A network namespace for the server, joined to this one by a link for each kind of peer.

    Clients, receivers and the broker stay in this namespace, each kind on an address of its own (`ours`), so that the
    way to each can be disturbed alone. `theirs` is the server's end. Without the right to do so all is 127.0.0.1.
    A second server (another node of a cluster) would be another namespace with links of its own.
    """

    def __init__(self):
        self.name = f"chaos{os.getpid()}"
        self._stay()
        self.unable = run("ip", "netns", "add", self.name)
        if self.unable is None:
            try:
                self._join()
            except RuntimeError as e:
                self.close()
                self._stay()
                self.unable = str(e)

    def _stay(self):
        """All on one address, until there are links."""
        self.prefix, self.network = (), "127.0.0.0/8"
        self.ours, self.theirs = dict.fromkeys(LINKS, "127.0.0.1"), dict.fromkeys(LINKS, "127.0.0.1")

    def _join(self):
        inside = ("ip", "-n", self.name)
        must(*inside, "link", "set", "lo", "up")
        taken = subprocess.run(["ip", "-4", "addr"], capture_output=True, text=True, check=True).stdout
        while True:
            first = f"10.{random.randrange(64, 250)}.{random.randrange(256)}."
            if first not in taken:
                break
        self.network = first + "0/24"
        nets = ipaddress.ip_network(self.network).subnets(new_prefix=30)
        for link, net in zip(LINKS, nets):
            ours, theirs = (str(host) for host in net.hosts())
            near, far = self.device(link)
            must("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", self.name)
            must("ip", "addr", "add", f"{ours}/30", "dev", near)
            must("ip", "link", "set", near, "up")
            must(*inside, "addr", "add", f"{theirs}/30", "dev", far)
            must(*inside, "link", "set", far, "up")
            self.ours[link], self.theirs[link] = ours, theirs
        self.prefix = ("ip", "netns", "exec", self.name)

    def device(self, link):
        number = LINKS.index(link)
        return f"c{os.getpid()}n{number}", f"c{os.getpid()}f{number}"

    def shape(self, link, *how):
        """What a queueing discipline does to packets in both directions; without words none does anything."""
        near, far = self.device(link)
        for at in (("tc",), ("tc", "-n", self.name)):
            device = near if at == ("tc",) else far
            if how:
                must(*at, "qdisc", "replace", "dev", device, "root", *how)
            else:
                run(*at, "qdisc", "del", "dev", device, "root")

    def unable_to_shape(self, *how):
        """Why this kernel has no such discipline."""
        if self.unable is not None:
            return self.unable
        near, _ = self.device(LINKS[0])
        why = run("tc", "qdisc", "add", "dev", near, "root", *how)
        run("tc", "qdisc", "del", "dev", near, "root")
        return why

    def swallow_answers(self, link, is_on):
        """What we send is dropped without a word; what the server sends arrives."""
        must("ip", "route", "add" if is_on else "del", "blackhole", f"{self.theirs[link]}/32")

    def set_up(self, link, is_up):
        """Down, everything is dropped in both directions."""
        near, far = self.device(link)
        if is_up:
            must("ip", "link", "set", near, "up")
            must("ip", "-n", self.name, "neigh", "flush", "dev", far)
        else:
            must("ip", "link", "set", near, "down")

    def close(self):
        for link in LINKS:
            run("ip", "route", "del", "blackhole", f"{self.theirs[link]}/32")
            run("ip", "link", "del", self.device(link)[0])
        run("ip", "netns", "del", self.name)


class Disk:
    """A file system of its own for the store: ext4 on a loop device, which can be slow as well as full, else memory."""

    def __init__(self, folder):
        self.folder, self.ballast = folder, None
        folder.mkdir(parents=True)
        self.device, self.why_no_device = None, "the store's file system has no device"
        self.unable = self._mount_loop(folder.parent / "disk.img")
        if self.unable is not None:
            self.why_no_device = self.unable
            self.unable = run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", folder)

    def _mount_loop(self, image):
        with open(image, "wb") as made:
            made.truncate(DISK_MIB << 20)
        why = run("mkfs.ext4", "-q", "-m", "0", image) or run("mount", "-o", "loop", image, self.folder)
        if why is None:
            number = os.stat(self.folder).st_dev
            self.device = f"{os.major(number)}:{os.minor(number)}"
        return why

    def fill(self):
        """Takes all the room that is left, and what becomes free when it is called again."""
        if self.ballast is None:
            self.ballast = open(self.folder / "ballast", "ab", buffering=0)
        block = 1 << 20
        while block >= 512:
            try:
                if self.ballast.write(bytes(block)) < block:
                    block //= 2
            except OSError:
                block //= 2

    def drop(self):
        if self.ballast is not None:
            self.ballast.close()
            self.ballast = None
            (self.folder / "ballast").unlink()

    def close(self):
        self.drop()
        if self.unable is None:
            run("umount", "-l", self.folder)


class Cgroup:
    """A control group that the server joins when it starts, of either version of the kernel's interface."""

    # limit -> (controller, file of version 2, file of version 1, what stands for no limit in each)
    FILES = {"memory": ("memory", "memory.max", "memory.limit_in_bytes", "max", "-1"),
             "processes": ("pids", "pids.max", "pids.max", "max", "max"),
             "cpu": ("cpu", "cpu.max", "cpu.cfs_quota_us", "max 100000", "-1"),
             "disk": ("io", "io.max", "blkio.throttle.write_bps_device", None, None)}
    V1_NAMES = {"io": "blkio"}

    def __init__(self):
        self.name = f"chaos{os.getpid()}"
        self.is_v2 = (CGROUPS / "cgroup.controllers").exists()
        self.folders, self.unables = {}, {}
        for limit, (controller, *_) in self.FILES.items():
            self.unables[limit] = self._make(limit, controller)
        self.joined = sorted({str(folder) for folder in self.folders.values()})

    def _make(self, limit, controller):
        parent = CGROUPS if self.is_v2 else CGROUPS / self.V1_NAMES.get(controller, controller)
        try:
            if self.is_v2:
                (parent / "cgroup.subtree_control").write_text(f"+{controller}")
            (parent / self.name).mkdir(exist_ok=True)
        except OSError as e:
            return f"no control group for {limit}: {e.strerror}"
        self.folders[limit] = parent / self.name
        return None if self._file(limit).exists() else f"no control group for {limit}"

    def _file(self, limit):
        return self.folders[limit] / self.FILES[limit][1 if self.is_v2 else 2]

    @property
    def prefix(self):
        """A command that joins and then becomes the command behind it."""
        if not self.joined:
            return ()
        joins = "".join(f"echo $$ > {folder}/cgroup.procs && " for folder in self.joined)
        return ("sh", "-c", joins + 'exec "$@"', "sh")

    def used(self, limit):
        current = {"memory": ("memory.current", "memory.usage_in_bytes"), "processes": ("pids.current", "pids.current")}
        return int((self.folders[limit] / current[limit][0 if self.is_v2 else 1]).read_text())

    def set(self, limit, value):
        self._file(limit).write_text(value)

    def lift(self, limit, device=None):
        _, _, _, none_v2, none_v1 = self.FILES[limit]
        if limit == "disk":
            self.set(limit, f"{device} wbps=max" if self.is_v2 else f"{device} 0")
        else:
            self.set(limit, none_v2 if self.is_v2 else none_v1)

    def slow_disk(self, device, bytes_a_second):
        self.set("disk", f"{device} wbps={bytes_a_second}" if self.is_v2 else f"{device} {bytes_a_second}")

    def share_of_cpu(self, percent):
        self.set("cpu", f"{percent * 1000} 100000" if self.is_v2 else str(percent * 1000))

    def close(self):
        for folder in self.joined:
            with contextlib.suppress(OSError):
                os.rmdir(folder)
