#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The teaching kernel's networks (docs/networks.md), with busybox's programs and QEMU's user network, behind which is this test.

An address by DHCP at boot; echoes; files with known checksums in both directions, over several connections at a time; a
web server and a shell by telnet in the machine, used from here; IPv6; and tests/system/net/sockets.c, which the machine gets from here
too. One card has only the modern interface.

    net.py KIND...     pv64, pv32, native64, native32; the three below if none is named
"""

import hashlib
import http.server
import os
import random
import re
import socket
import sys
import threading
import urllib.request

from disk import machine_options
from machine import BUILD, Machine, Tap, require

SHELL = r"[#$] (\x1b\[6n)?$"
KINDS = ("native64", "native32", "pv64")
LIMIT = 120


class Host:
    """What the machine finds at 10.0.2.2: a web server with files, and one that takes what is sent to it."""

    def __init__(self, files):
        host = self

        class Server(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                data = host.files.get(self.path)
                self.send_response(200 if data else 404)
                self.end_headers()
                self.wfile.write(data or b"")

            def log_message(self, *args):
                pass

        self.files = files
        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self.sink = socket.create_server(("127.0.0.1", 0))
        self.taken = []
        for work in (self.web.serve_forever, self.take):
            threading.Thread(target=work, daemon=True).start()

    def take(self):
        while True:
            peer = self.sink.accept()[0]
            with peer, peer.makefile("rb") as f:
                self.taken.append(f.read())

    def url(self, name):
        return "http://10.0.2.2:%d%s" % (self.web.server_port, name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Telnet:
    """The least of a telnet client: what the other end asks for is passed over."""

    def __init__(self, port):
        self.peer = socket.create_connection(("127.0.0.1", port), LIMIT)
        self.text = b""

    def expect(self, pattern):
        while not re.search(pattern, self.text):
            data = self.peer.recv(4096)
            require(data, "telnet ended before %r: %r" % (pattern, self.text))
            self.text = re.sub(rb"\xff[\xfb-\xfe].", b"", self.text + data, flags=re.S)
        self.text = self.text[re.search(pattern, self.text).end():]

    def run(self, line, pattern):
        self.peer.sendall(line + b"\r\n")
        self.expect(pattern)


class Session:
    def __init__(self, tap, kind, modern):
        self.tap, self.kind = tap, kind
        noise = random.Random(len(kind)).randbytes(3 << 20)
        with open(os.path.join(BUILD, "tests", "sockets" + kind[-2:]), "rb") as f:
            self.host = Host({"/noise": noise, "/part": noise[:200001], "/sockets": f.read()})
        self.ports = free_port(), free_port()
        forward = "".join(",hostfwd=tcp:127.0.0.1:%d-:%d" % pair for pair in zip(self.ports, (80, 23)))
        self.options = machine_options(kind) + [
            "-netdev", "user,id=n" + forward,
            "-device", "virtio-net-pci,netdev=n,romfile=" + (",disable-legacy=on" if modern else "")]

    def step(self, name, function):
        self.tap.step("%s: %s" % (self.kind, name), function)

    def address(self):
        self.m.run("until ip addr show dev eth0 | grep -q 'inet 10.0.2.15/24'; do usleep 20000; done")
        route = self.m.run("ip route; cat /etc/resolv.conf; arp -n; ip neigh > /dev/null; route -n; ifconfig; ip addr")
        require("default via 10.0.2.2" in route and "nameserver 10.0.2.3" in route and "fe80::5054:ff:fe12:3456" in route, route)

    def echoes(self):
        for command in ("ping -c 3 10.0.2.2", "ping -c 2 -s 3000 127.0.0.1", "ping6 -c 2 ::1"):
            said = self.m.run(command)
            require(" 0% packet loss" in said, said)
        self.m.run("ping -c 1 10.0.2.77 -W 1", code=1)

    def download(self):
        noise = self.host.files["/noise"]
        said = self.m.run("wget -q -O - %s | sha256sum" % self.host.url("/noise"), LIMIT)
        require(hashlib.sha256(noise).hexdigest() in said, said)
        self.m.run("for i in 1 2 3 4; do wget -q -O /tmp/$i %s & done; wait; cmp /tmp/1 /tmp/2 && cmp /tmp/3 /tmp/4 && cmp /tmp/1 /tmp/4" %
                   self.host.url("/part"), LIMIT)
        said = self.m.run("sha256sum /tmp/1; rm /tmp/2 /tmp/3 /tmp/4")
        require(hashlib.sha256(self.host.files["/part"]).hexdigest() in said, said)
        self.m.run("wget -q -O - %s" % self.host.url("/nothing"), code=1)

    def upload(self):
        self.m.run("nc 10.0.2.2 %d < /tmp/1" % self.host.sink.getsockname()[1], LIMIT)
        self.m.run("true")
        require(self.host.taken == [self.host.files["/part"]], "the host got %s bytes" % [len(t) for t in self.host.taken])

    def listen(self, command, port):
        """Start a server, which may be in the background before it listens."""
        self.m.run("%s; until netstat -tln 2>/dev/null | grep -q ':%d .*LISTEN'; do usleep 20000; done" % (command, port))

    def served(self):
        self.listen("httpd -p 80 -h /tmp", 80)
        got = []

        def get():
            with urllib.request.urlopen("http://127.0.0.1:%d/1" % self.ports[0], timeout=LIMIT) as f:
                got.append(f.read())

        clients = [threading.Thread(target=get) for _ in range(4)]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        require(got == 4 * [self.host.files["/part"]], "got %s bytes" % [len(g) for g in got])

    def telnet(self):
        self.listen("telnetd -l /bin/sh -p 23", 23)
        t = Telnet(self.ports[1])
        t.run(b"tty; echo $((6*7)).", rb"/dev/pts/0\s+42\.")
        t.run(b"stty -a | grep -c 'isig icanon iexten echo' ; sleep 1000", rb"\n")
        second = Telnet(self.ports[1])
        second.run(b"tty; while ! pidof sleep; do :; done", rb"/dev/pts/1\s+\d+\s")
        t.run(b"\x03echo $((6*8)).", rb"48\.")  # ^C
        t.run(b"seq 3000", rb"\n2999\r\n3000\r\n")
        t.peer.sendall(b"exec true\r\n")
        while t.peer.recv(4096):  # its shell's end is the connection's
            pass
        second.peer.close()  # the shell behind it ends, too
        self.m.run("while ls -l /proc/*/fd 2>/dev/null | grep -q pts; do usleep 20000; done")

    def sockets(self):
        self.m.run("wget -q -O /tmp/sockets %s && chmod +x /tmp/sockets" % self.host.url("/sockets"), LIMIT)
        said = self.m.run("/tmp/sockets", LIMIT, code=None)
        require("sockets: good" in said, said)

    def down(self):
        self.m.run("ifconfig eth0 down")
        self.m.run("ping -c 1 10.0.2.2", code=1)
        self.m.run("ifconfig eth0 10.0.2.15 netmask 255.255.255.0 && route add default gw 10.0.2.2 && ping -c 1 10.0.2.2")
        said = self.m.run("dmesg")
        require("panic" not in said and "virtio-net: eth0" in said, said)

    def run(self):
        with Machine(self.options, os.path.join(BUILD, "tests", "net-%s.log" % self.kind)) as self.m:
            self.m.expect(SHELL, LIMIT)
            for name, function in (("an address by DHCP", self.address), ("echoes", self.echoes), ("files come", self.download),
                                   ("a file goes", self.upload), ("httpd", self.served), ("telnetd", self.telnet),
                                   ("what programs pass", self.sockets), ("down and up", self.down)):
                self.step(name, function)
            self.m.send("poweroff\n")
            self.step("the end", lambda: require(self.m.wait_end() == 0, "QEMU failed"))


def main():
    tap = Tap()
    for kind in sys.argv[1:] or KINDS:
        Session(tap, kind, kind == "native32").run()
    tap.end()


if __name__ == "__main__":
    main()
