#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Virtual networks (docs/networks.md): three guests of the teaching kernel, of both kinds, on one switch of rl-netd.

Echoes of all sizes; files with known checksums in both directions; a guest in another VLAN, which is not reached until it is let in;
cards that come and go while the guest runs; rl-netd killed under load, which costs the guests time only; a guest that is
destroyed under load, which costs the others nothing; a capture; QEMU's network, by Dom0's card; and nothing is left at the end.
"""

import os
import re

import front_disks
from machine import BUILD, Machine, Tap, audit, require

SHELL = r"[\w-]+:/root# (\x1b\[6n)?$"
GUESTS = (("a", "64", 1, ""), ("b", "32", 2, ""), ("c", "64", 3, "vlan=20"))
MIB = 8


class Guest(front_disks.Guest):
    def __init__(self, m, name, kind, number, vif):
        super().__init__(m.run, "rl", kind, "", "")
        self.name, self.kind, self.ip, self.port, self.vif = name, kind, "10.9.0.%d" % number, "vif%d.0" % number, vif

    def create(self):
        self.dom0("rl create -q demo%s.cfg name=%s memory=48 'vif=[\"%s\"]' extra=noip" % (self.kind, self.name, self.vif))
        self.ask("ifconfig eth0 %s netmask 255.255.255.0" % self.ip)

    def reaches(self, ip, options="-c 1 -W 2"):
        return " 0% packet loss" in self.ask("ping %s %s" % (options, ip))

    def sum_of(self, line):
        return re.search(r"[0-9a-f]{64}", self.ask(line + " | sha256sum"))[0]


class Networks:
    def __init__(self, m):
        self.m = m
        self.a, self.b, self.c = self.guests = [Guest(m, *row) for row in GUESTS]

    def begin(self):
        for g in self.guests:
            g.create()
        row = self.m.run("rl network-list a")
        require(re.search(r"(?m)^0 +0 +00:16:3e:[0-7][0-9a-f](:[0-9a-f]{2}){2} +0 +4 +\d+ +\d+/\d+ +/local/domain/0/backend/vif/1/0 *$", row), row)
        mac = re.search(r"00:16:3e[:0-9a-f]+", row)[0]
        require(mac.upper() in self.a.ask("ifconfig eth0"), "the guest has another address than " + mac)

    def echoes(self):
        said = self.a.ask("for s in 0 1 1000 1472 1473 8000; do ping -c 1 -W 5 -s $s %s; done" % self.b.ip)
        require(said.count(" 0% packet loss") == 6, said)
        require(self.b.reaches(self.a.ip), "there is no way back")
        other = re.search(r"fe80::[0-9a-f:]+", self.b.ask("ifconfig eth0"))[0]
        said = self.a.ask("ping6 -c 2 -W 5 %s%%eth0" % other)
        require(" 0% packet loss" in said, said)

    def serve(self):
        self.a.ask("dd if=/dev/urandom of=/tmp/noise bs=64k count=%d; httpd -h /tmp" % (MIB * 16))
        self.noise = self.a.sum_of("cat /tmp/noise")

    def transfers(self):
        self.serve()
        require(self.b.sum_of("wget -q -O - http://%s/noise" % self.a.ip) == self.noise, "it has arrived otherwise")
        self.a.ask("nc -l -p 99 -e sha256sum & true")
        said = self.b.ask("wget -q -O - http://%s/noise | nc %s 99" % (self.a.ip, self.a.ip))
        require(self.noise in said, "it has not come back as it went: " + said)

    def vlans(self):
        require(not self.c.reaches(self.a.ip), "VLAN 20 reaches VLAN 1")
        require(not self.a.reaches(self.c.ip), "VLAN 1 reaches VLAN 20")
        self.m.run("rl switch port %s vlan=1" % self.c.port)
        require(self.c.reaches(self.a.ip, "-c 2 -W 5"), "it is not let in")

    def cards(self):
        for g, ip in ((self.a, "10.8.0.1"), (self.b, "10.8.0.2")):
            self.m.run("rl network-attach %s devid=1 mtu=1400" % g.name)
            said = g.ask("until ifconfig eth1 %s netmask 255.255.255.0 2>/dev/null; do usleep 20000; done; ifconfig eth1" % ip)
            require("MTU:1400" in said, said)
        require(self.b.reaches("10.8.0.1", "-c 1 -W 5 -s 3000"), "the new card carries nothing")
        for g in (self.a, self.b):
            self.m.run("rl network-detach %s 1" % g.name)
            require("eth1" not in g.ask("cat /proc/net/dev"), "%s has a card that was taken away" % g.name)
            require(len(self.m.run("rl network-list %s" % g.name).splitlines()) == 2, "it is still listed")

    def load(self, g, times):
        """It gets the file so often, in the background."""
        g.ask("(for i in $(seq %d); do wget -q -O - http://%s/noise | sha256sum; done > /tmp/sums) & true" % (times, self.a.ip))

    def killed(self):
        self.load(self.b, 3)
        for _ in range(2):
            self.m.run("sleep 0.3; old=$(pidof rl-netd); kill -9 $old; until new=$(pidof rl-netd) && [ $new != $old ]; do usleep 20000; done")
        said = self.b.ask("wait; cat /tmp/sums")
        require(said.count(self.noise) == 3, said)
        require(self.a.reaches(self.c.ip, "-c 2 -W 5") and self.b.reaches(self.c.ip, "-c 2 -W 5"), "a port was forgotten")

    def destroyed(self):
        self.load(self.c, 100)
        self.m.run("sleep 0.5; rl destroy c")
        require(self.b.sum_of("wget -q -O - http://%s/noise" % self.a.ip) == self.noise, "others notice it")
        require(self.c.port not in self.m.run("rl switch show"), "its port is still there")

    def captured(self):
        self.m.run("rl net capture -w /tmp/a.pcapng a > /dev/null & until [ -s /tmp/a.pcapng ]; do usleep 20000; done")
        require(self.a.reaches(self.b.ip, "-c 3"), "nothing arrives")
        self.m.run("kill %%; wait; rl switch stats")
        said = self.m.run("hexdump -C /tmp/a.pcapng | head -3; wc -c < /tmp/a.pcapng")
        require("0a 0d 0d 0a" in said and "4d 3c 2b 1a" in said, said)
        require(int(said.split()[-1]) > 6 * 98, "the file has less than six echoes: " + said)

    def world(self):
        """No set-up: a guest of either kind has an address, another than Dom0's, and reaches the host."""
        own = set(re.findall(r"inet addr:(\S+)", self.m.run("ifconfig eth0")))
        for g in (self.a, self.b):
            g.ask("ifconfig eth0 0.0.0.0; udhcpc -q -n -i eth0")
            own |= set(re.findall(r"inet addr:(10\.0\.2\.\d+)", g.ask("ifconfig eth0")))
            require(g.reaches("10.0.2.2", "-c 2 -W 5"), "the host is not reached")
        require(len(own) == 3 and "10.0.2.15" in own, "addresses: %s" % own)
        shown = set(re.findall(r"(?m)^ *vif\S+ +up +([\d.]+)", self.m.run("rl switch show")))
        require(shown == own - {"10.0.2.15"}, "rl shows %s of %s" % (shown, own))

    def end(self):
        for g in (self.a, self.b):
            self.m.run("rl shutdown -w %s" % g.name, 120)
        require("vif" not in self.m.run("rl switch show"), "ports are left")
        self.m.run("rl store ls /local/domain/0/backend/vif", code=None)
        audit(self.m)


def main():
    tap = Tap()
    initrd = ",".join(os.path.join(BUILD, f) for f in ("guest/kernel-pv64.elf", "dom0.cpio"))
    with Machine(["-m", "480", "-cpu", "max", "-nic", "user,model=virtio-net-pci", "-kernel", os.path.join(BUILD, "ringlet.elf"),
                  "-append", "console=com1 com1=115200,8n1 dom0_mem=160M noreboot", "-initrd", initrd],
                 os.path.join(BUILD, "tests", "networks.log"), limit=400) as m:
        m.expect(SHELL, 100)
        n = Networks(m)
        tap.step("guests of both kinds have a card", n.begin)
        tap.step("echoes of all sizes, IPv6", n.echoes)
        tap.step("files arrive as they were sent", n.transfers)
        tap.step("another VLAN is not reached, until it is let in", n.vlans)
        tap.step("cards come and go", n.cards)
        tap.step("rl-netd is killed under load", n.killed)
        tap.step("a guest is destroyed under load", n.destroyed)
        tap.step("a capture", n.captured)
        tap.step("the host's network, without set-up", n.world)
        tap.step("nothing is left", n.end)
    tap.end()


main()
