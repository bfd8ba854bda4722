# What a filter reads in a stream: the ClientHello and the ServerHello of TLS, and DNS questions; and the DNS answers that it forges.
import struct

RCODES = {"servfail": 2, "nxdomain": 3, "refused": 5}
A, IN = 1, 1
TLS13 = 0x0304


def client_hello(stream):
    """{"sni": name or None, "tls13": offered or not} once the whole hello is there; None before, False when it is no TLS at all."""
    if stream[:1] and stream[0] != 0x16:
        return False
    if len(stream) < 9:
        return None
    if stream[5] != 1:
        return False
    length = 5 + struct.unpack_from("!H", stream, 3)[0]
    if len(stream) < length:
        return None
    hello = bytes(stream[9:length])
    try:
        at = 34
        at += 1 + hello[at]
        at += 2 + struct.unpack_from("!H", hello, at)[0]
        at += 1 + hello[at]
        end = at + 2 + struct.unpack_from("!H", hello, at)[0]
        at += 2
        found = {"sni": None, "tls13": False}
        while at < end:
            kind, size = struct.unpack_from("!HH", hello, at)
            body = hello[at + 4 : at + 4 + size]
            if kind == 0:
                found["sni"] = body[5:].decode("ascii", "replace").lower()
            if kind == 43:
                versions = struct.unpack(f"!{body[0] // 2}H", body[1 : 1 + body[0] // 2 * 2])
                found["tls13"] = TLS13 in versions
            at += 4 + size
        return found
    except (IndexError, struct.error):
        return False


def server_chose_tls13(stream):
    """Whether a ServerHello takes TLS 1.3; None while too little is there or it is none."""
    if len(stream) < 44 or stream[0] != 0x16 or stream[5] != 2:
        return None
    length = 5 + struct.unpack_from("!H", stream, 3)[0]
    # supported_versions with 1.3 as the answer
    return None if len(stream) < length else b"\x00\x2b\x00\x02\x03\x04" in stream[:length]


def dns_name(text):
    """A name as it stands in a message."""
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def dns_question(message):
    """(name, type, bytes of the question) of a query, else None."""
    if len(message) < 17 or message[2] & 0x80 or message[4:6] != b"\0\1":
        return None
    labels = []
    at = 12
    while at < len(message) and message[at] != 0:
        size = message[at]
        if size > 63:
            return None
        labels.append(message[at + 1 : at + 1 + size].decode("ascii", "replace"))
        at += 1 + size
    if at + 5 > len(message):
        return None
    return ".".join(labels).lower(), struct.unpack_from("!H", message, at + 1)[0], message[12 : at + 5]


def dns_answer(query, question, rcode, addresses):
    """An answer to it with these IPv4 addresses (bytes)."""
    flags = 0x8180 | rcode
    head = query[:2] + struct.pack("!HHHHH", flags, 1, len(addresses), 0, 0)
    records = b"".join(struct.pack("!HHHIH", 0xC00C, A, IN, 60, 4) + address for address in addresses)
    return head + question + records
