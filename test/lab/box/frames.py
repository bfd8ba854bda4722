# IPv4 frames as a filter sees them: taken apart, and made anew with right checksums.
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, UDP, ICMP = 6, 17, 1
ETHER = 14


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return ~total & 0xFFFF


class Packet:
    """One TCP or UDP packet. The worker's end is `client`, whatever the direction; `up` is from the worker."""

    __slots__ = ("frame", "up", "proto", "src", "dst", "client", "server", "flags", "seq", "ack", "payload", "length")

    def __init__(self, frame, up):
        self.frame = frame
        self.up = up
        at = ETHER + (frame[ETHER] & 15) * 4
        self.length = struct.unpack_from("!H", frame, ETHER + 2)[0]
        self.proto = frame[ETHER + 9]
        sport, dport = struct.unpack_from("!HH", frame, at)
        self.src = (frame[ETHER + 12 : ETHER + 16], sport)
        self.dst = (frame[ETHER + 16 : ETHER + 20], dport)
        self.client, self.server = (self.src, self.dst) if up else (self.dst, self.src)
        end = ETHER + self.length
        if self.proto == TCP:
            self.seq, self.ack = struct.unpack_from("!II", frame, at + 4)
            self.flags = frame[at + 13]
            self.payload = frame[at + (frame[at + 12] >> 4) * 4 : end]
        else:
            self.seq = self.ack = self.flags = 0
            self.payload = frame[at + 8 : end]

    @property
    def opens(self):
        return self.proto == TCP and self.flags & SYN and not self.flags & ACK

    @property
    def next_seq(self):
        """What the receiver acknowledges after this segment."""
        return (self.seq + len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)) & 0xFFFFFFFF


def parse(frame, up):
    """A Packet, or None for what is neither TCP nor UDP over IPv4, or is a later fragment."""
    if len(frame) < ETHER + 28 or frame[12:14] != b"\x08\x00" or frame[ETHER + 9] not in (TCP, UDP):
        return None
    if struct.unpack_from("!H", frame, ETHER + 6)[0] & 0x1FFF:
        return None
    return Packet(frame, up)


def _ip(ether, proto, src, dst, body):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0x4000, 64, proto, 0, src, dst)
    return ether + head[:10] + struct.pack("!H", checksum(head)) + head[12:] + body


def _ether(packet, to_worker):
    """The Ethernet head of a frame in this direction, by the addresses of one that passed."""
    there = packet.frame[0:12]
    back = there[6:12] + there[0:6]
    return (back if to_worker == packet.up else there) + b"\x08\x00"


def tcp(packet, to_worker, seq, ack, flags, payload=b""):
    """A segment of this packet's connection, in the name of the other end."""
    src, dst = (packet.server, packet.client) if to_worker else (packet.client, packet.server)
    head = struct.pack("!HHIIBBHHH", src[1], dst[1], seq, ack, 0x50, flags, 65535 if payload else 0, 0, 0)
    pseudo = struct.pack("!4s4sBBH", src[0], dst[0], 0, TCP, len(head) + len(payload))
    total = struct.pack("!H", checksum(pseudo + head + payload))
    return _ip(_ether(packet, to_worker), TCP, src[0], dst[0], head[:16] + total + head[18:] + payload)


def udp_answer(packet, payload):
    """A datagram from the server that the packet went to. A checksum of 0 says that there is none."""
    head = struct.pack("!HHHH", packet.dst[1], packet.src[1], 8 + len(payload), 0)
    return _ip(_ether(packet, True), UDP, packet.dst[0], packet.src[0], head + payload)


def icmp_unreachable(packet, code, router):
    """What a router says to the sender: code 0 net, 1 host, 3 port, 13 forbidden by an administrator."""
    body = struct.pack("!BBHI", 3, code, 0, 0) + packet.frame[ETHER : ETHER + 28]
    body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    return _ip(_ether(packet, packet.up), ICMP, router, packet.src[0], body)


def readdressed(packet, src, dst):
    """The same packet with other ends."""
    frame = bytearray(packet.frame)
    head = (frame[ETHER] & 15) * 4
    at = ETHER + head
    frame[ETHER + 12 : ETHER + 20] = src[0] + dst[0]
    frame[ETHER + 10 : ETHER + 12] = b"\0\0"
    struct.pack_into("!H", frame, ETHER + 10, checksum(bytes(frame[ETHER:at])))
    struct.pack_into("!HH", frame, at, src[1], dst[1])
    field = at + (16 if packet.proto == TCP else 6)
    frame[field : field + 2] = b"\0\0"
    body = bytes(frame[at : ETHER + packet.length])
    if packet.proto == TCP:
        pseudo = struct.pack("!4s4sBBH", src[0], dst[0], 0, packet.proto, len(body))
        struct.pack_into("!H", frame, field, checksum(pseudo + body))
    return bytes(frame)
