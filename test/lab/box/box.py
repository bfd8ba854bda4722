# A filter in the wire between two network namespaces: forwards frames between two interfaces without addresses, and does to them what
# its rules say. It reads one JSON object from its argument:
#   worker, box, net   the namespaces' names; interfaces w0 (worker) - b0 (box), b1 (box) - n0 (net)
#   delay_ms           each way
#   router             the address that ICMP messages come from
#   seed               of what is random here
#   rules              tried in order; the first that deals with a packet ends it
# A rule is {"when": {…}, "do": {one action}}.
#   when   hosts, not_hosts (the server's, as networks), ports (the server's), proto, way (up, down), longer_than (bytes of the IP
#          packet), early (while the worker has sent no more bytes than that); in the stream that the worker sent: needles (Latin-1), dns_names (as in a DNS message),
#          hello {sni: [parts], sni_not_ru, offered_below_13, negotiated_below_13}
#   do     see ACTIONS in rules.py
# It says "ready", then one JSON line each time a rule strikes a connection or a question first.
import ctypes
import fcntl
import heapq
import json
import os
import random
import select
import socket
import struct
import sys
import time

import frames
from rules import Flow, Rule

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SOCKET_BUFFER_BYTES = 8 << 20
SO_RCVBUFFORCE = 33
CLONE_NEWNET = 0x40000000
SIOCETHTOOL = 0x8946
# ETHTOOL_STXCSUM, _SSG, _STSO, _SGSO, _SGRO (linux/ethtool.h): one super-packet would defeat every counter, and checksums would be
# left to a card that is not there
OFFLOADS = (0x17, 0x19, 0x1F, 0x24, 0x2C)


def enter(namespace):
    with open(f"/run/netns/{namespace}") as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def plain(interface):
    """Turns offloads off."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for offload in OFFLOADS:
            off = ctypes.create_string_buffer(struct.pack("II", offload, 0))
            try:
                fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", interface.encode(), ctypes.addressof(off)))
            except OSError:
                pass  # not every interface has each of them


def tap(interface):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, SOCKET_BUFFER_BYTES)
    s.bind((interface, 0))
    return s


class Box:
    def __init__(self, worker_side, net_side, spec):
        self.sides = {True: net_side, False: worker_side}
        self.now = time.monotonic
        self.delay_s = spec.get("delay_ms", 0) / 1000
        self.router = socket.inet_aton(spec.get("router", "0.0.0.0"))
        self.random = random.Random(spec.get("seed", 0))
        self.rules = [Rule(i, r) for i, r in enumerate(spec["rules"])]
        self.flows = {}
        self.blocked = set()
        self.moved = {}
        self.due = []
        self.order = 0
        self.told = set()

    def tell(self, rule, packet):
        """Once per rule and connection."""
        key = (rule.number, packet.client, packet.server)
        if key not in self.told:
            self.told.add(key)
            host = socket.inet_ntoa(packet.server[0])
            print(json.dumps({"rule": rule.number, "did": rule.name, "host": host, "port": packet.server[1]}), flush=True)

    def at(self, after_s, do):
        self.order += 1
        heapq.heappush(self.due, (self.now() + after_s, self.order, do))

    def send(self, frame, to_worker, more_s=0):
        side = self.sides[not to_worker]
        self.at(self.delay_s + more_s, lambda: self.put(side, frame))

    def put(self, side, frame):
        try:
            side.send(frame)
        except OSError:
            pass  # the interface is down, or the frame does not fit: lost, as on a wire

    def reset(self, packet):
        ends = frames.RST | frames.ACK
        # To whoever sent it, and to whom it was sent.
        self.send(frames.tcp(packet, packet.up, packet.ack, packet.next_seq, ends), packet.up)
        if not packet.opens:
            self.send(frames.tcp(packet, not packet.up, packet.seq, packet.ack, ends), not packet.up)

    def redirect(self, packet, to):
        self.moved[(packet.client, packet.server)] = to
        self.moved[(packet.client, to)] = packet.server
        self.send(frames.readdressed(packet, packet.client, to), False)

    def handle(self, frame, up):
        packet = frames.parse(frame, up)
        if packet is None:
            self.send(frame, not up)
            return
        moved = self.moved.get((packet.client, packet.server))
        if moved is not None and not packet.opens:
            ends = (packet.client, moved) if up else (moved, packet.client)
            self.send(frames.readdressed(packet, *ends), not up)
            return
        flow = None
        if packet.proto == frames.TCP:
            key = (packet.client, packet.server)
            flow = self.flows.get(key)
            if up and packet.opens and (flow is None or flow.first_seq != packet.seq):
                flow = self.flows[key] = Flow(self.now(), packet.seq)
        if packet.server in self.blocked or (flow is not None and flow.dead):
            return
        if flow is not None:
            flow.count(packet)
        done = any(rule(self, packet, flow) for rule in self.rules)
        if flow is not None:
            flow.last = self.now()
        if not done:
            self.send(frame, not up)

    def run(self):
        ways = {self.sides[False]: True, self.sides[True]: False}
        while True:
            wait = max(0, self.due[0][0] - self.now()) if self.due else None
            for side in select.select(list(ways), [], [], wait)[0]:
                frame, address = side.recvfrom(65535)
                if address[2] != PACKET_OUTGOING:
                    self.handle(frame, ways[side])
            while self.due and self.due[0][0] <= self.now():
                heapq.heappop(self.due)[2]()


def main():
    spec = json.loads(sys.argv[1])
    for namespace, interface in ((spec["worker"], "w0"), (spec["net"], "n0")):
        enter(namespace)
        plain(interface)
    enter(spec["box"])
    for interface in ("b0", "b1"):
        plain(interface)
    box = Box(tap("b0"), tap("b1"), spec)
    # On a busy machine the wire must not be what is slow.
    os.nice(-15)
    print("ready", flush=True)
    # Without its starter nobody would ever end it.
    parent = os.getppid()
    box.at(1, lambda: watch(box, parent))
    try:
        box.run()
    except KeyboardInterrupt:
        pass


def watch(box, parent):
    if os.getppid() != parent:
        sys.exit(0)
    box.at(1, lambda: watch(box, parent))


main()
