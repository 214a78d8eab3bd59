"""Hosts on a switch: network namespaces with a cable each, that can be cut, readdressed and narrowed. Needs root."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

NET = f"10.{100 + os.getpid() % 100}.77"
SERVER = f"{NET}.1"


def possible() -> bool:
    return os.geteuid() == 0 and all(which(tool) for tool in ("ip", "nft", "tc"))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class Lab:
    """The test's own process stands on the switch with the address SERVER; hosts have names of one letter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mark = f"t{os.getpid() % 100000}"
        self.switch = f"{self.mark}sw"

    def up(self, *hosts: str) -> None:
        run("ip", "netns", "add", self.switch)
        self.inside(self.switch, "ip", "link", "add", "br0", "type", "bridge")
        self.inside(self.switch, "ip", "link", "set", "br0", "up")
        self.inside(self.switch, "nft", "add", "table", "bridge", "f")
        chain = "add chain bridge f fw { type filter hook forward priority 0; }"
        self.inside(self.switch, "nft", chain)
        self._cable(f"{self.mark}h", None, SERVER)
        for index, host in enumerate(hosts):
            run("ip", "netns", "add", self.mark + host)
            self._cable("eth0", self.mark + host, f"{NET}.{index + 2}")
            self.inside(self.mark + host, "ip", "link", "set", "lo", "up")

    def _cable(self, name: str, namespace: str | None, address: str) -> None:
        """From a host (or this process) to the switch."""
        plug = f"{namespace or self.mark}s"[-15:]
        here = name if namespace is None else f"{namespace}0"
        run("ip", "link", "add", here, "type", "veth", "peer", "name", plug)
        run("ip", "link", "set", plug, "netns", self.switch)
        self.inside(self.switch, "ip", "link", "set", plug, "master", "br0", "up")
        prefix: tuple[str, ...] = ()
        if namespace:
            run("ip", "link", "set", here, "netns", namespace)
            prefix = ("ip", "netns", "exec", namespace)
            run(*prefix, "ip", "link", "set", here, "name", name)
        run(*prefix, "ip", "addr", "add", f"{address}/24", "dev", name)
        run(*prefix, "ip", "link", "set", name, "up")

    def inside(self, namespace: str, *command: str) -> None:
        run("ip", "netns", "exec", namespace, *command)

    def drop(self, host: str) -> None:
        """A black hole: the host keeps its link and its address, and nothing comes through."""
        for way in ("iifname", "oifname"):
            self.inside(self.switch, "nft", f"add rule bridge f fw {way} {self.mark}{host}s drop")

    def pass_all(self) -> None:
        self.inside(self.switch, "nft", "flush chain bridge f fw")

    def move(self, host: str, address: str) -> None:
        """Another address, as when a phone goes from Wi-Fi to 4G: the link goes, the address changes, the link is back."""
        namespace, plug = self.mark + host, f"{self.mark}{host}s"
        self.inside(self.switch, "ip", "link", "set", plug, "down")
        self.inside(namespace, "ip", "addr", "flush", "dev", "eth0")
        self.inside(namespace, "ip", "addr", "add", f"{address}/24", "dev", "eth0")
        self.inside(self.switch, "ip", "link", "set", plug, "up")

    def narrow(self, host: str, rate: str) -> None:
        for namespace, device in ((self.mark + host, "eth0"), (self.switch, f"{self.mark}{host}s")):
            shape = ("root", "tbf", "rate", rate, "burst", "16kb", "latency", "400ms")
            self.inside(namespace, "tc", "qdisc", "replace", "dev", device, *shape)

    def browser(self, host: str, executable: str) -> str:
        """A script that starts the browser on this host."""
        script = self.folder / f"browser-{host}"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {self.mark}{host} {executable} "$@"\n')
        script.chmod(0o755)
        return str(script)

    def down(self) -> None:
        names = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True, text=True).stdout
        for line in names.splitlines():
            if line.startswith(self.mark):
                run("ip", "netns", "del", line.split()[0])


@contextmanager
def lab(folder: Path, *hosts: str) -> Iterator[Lab]:
    made = Lab(folder)
    try:
        made.up(*hosts)
        yield made
    finally:
        made.down()
