# A filter in the wire between two network namespaces: forwards frames between two interfaces without addresses, and lets each TCP
# connection freeze once it has had so many bytes or packets, both directions together, without a word to either end.
#   freeze-box.py wire IF1 IF2 bytes|packets LIMIT DELAY_MS    runs until it is killed; says "ready", then a line per frozen connection
#   freeze-box.py plain IF...                                  turns offloads off, so that frames are as large as on a real wire
import ctypes
import fcntl
import heapq
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
PACKET_OUTGOING = 4
SIOCETHTOOL = 0x8946
# ETHTOOL_STXCSUM, _SSG, _STSO, _SGSO, _SGRO (linux/ethtool.h): checksums too, or they would be left to a card that is not there
OFFLOADS = (0x17, 0x19, 0x1F, 0x24, 0x2C)
SYN, ACK = 2, 16


def plain(names):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for name in names:
            for offload in OFFLOADS:
                off = ctypes.create_string_buffer(struct.pack("II", offload, 0))
                request = struct.pack("16sP", name.encode(), ctypes.addressof(off))
                try:
                    fcntl.ioctl(s, SIOCETHTOOL, request)
                except OSError:
                    pass  # not every interface has each of them


def tcp(frame):
    """(connection, flags, payload bytes) of a TCP segment over IPv4, else None."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return None
    ip = 14
    header = (frame[ip] & 15) * 4
    length = struct.unpack_from("!H", frame, ip + 2)[0]
    at = ip + header
    ports = struct.unpack_from("!HH", frame, at)
    ends = sorted([(frame[ip + 12 : ip + 16], ports[0]), (frame[ip + 16 : ip + 20], ports[1])])
    return tuple(ends), frame[at + 13], length - header - (frame[at + 12] >> 4) * 4


def wire(one, two, kind, limit, delay_s):
    sides = []
    for name in (one, two):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
        s.bind((name, 0))
        sides.append(s)
    other = {sides[0]: sides[1], sides[1]: sides[0]}
    flows = {}
    due = []
    order = 0
    print("ready", flush=True)
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else None
        for s in select.select(sides, [], [], wait)[0]:
            frame, address = s.recvfrom(65535)
            if address[2] == PACKET_OUTGOING:
                continue
            segment = tcp(frame)
            if segment is not None:
                key, flags, payload = segment
                if flags & SYN and not flags & ACK:
                    flows[key] = 0
                before = flows.get(key, 0)
                flows[key] = before + (payload if kind == "bytes" else 1)
                if flows[key] > limit:
                    if before <= limit:
                        print("frozen", flush=True)
                    continue
            order += 1
            heapq.heappush(due, (time.monotonic() + delay_s, order, other[s], frame))
        while due and due[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(due)
            to.send(frame)


if sys.argv[1] == "plain":
    plain(sys.argv[2:])
else:
    wire(sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), float(sys.argv[6]) / 1000)
