# What a rule matches and what it does. A rule is JSON: {"when": {…}, "do": {<action>: <parameters>}}; box.py says what there is.
import ipaddress
import socket

import frames
import reading

STREAM_MAX_BYTES = 8192
SHAPER_QUEUE_S = 0.4
ICMP_CODES = {"net": 0, "host": 1, "port": 3, "forbidden": 13}


class When:
    """Which packets a rule is about. `hosts` and `ports` are the server's; what is not named matches all."""

    def __init__(self, when):
        self.hosts = [ipaddress.ip_network(h) for h in when["hosts"]] if "hosts" in when else None
        self.but = [ipaddress.ip_network(h) for h in when.get("not_hosts", [])]
        self.ports = when.get("ports")
        self.proto = {"tcp": frames.TCP, "udp": frames.UDP, None: None}[when.get("proto")]
        self.way = when.get("way")
        self.longer_than = when.get("longer_than", 0)
        self.early = when.get("early")
        self.needles = [n.encode("latin-1") for n in when.get("needles", [])]
        self.needles += [reading.dns_name(n) for n in when.get("dns_names", [])]
        self.hello = when.get("hello")
        self.verdicts = {}

    def about(self, packet):
        if self.way is not None and packet.up != (self.way == "up"):
            return False
        if self.proto is not None and packet.proto != self.proto:
            return False
        if self.ports is not None and packet.server[1] not in self.ports:
            return False
        if packet.length <= self.longer_than:
            return False
        host = packet.server[0]
        known = self.verdicts.get(host)
        if known is None:
            address = ipaddress.ip_address(host)
            inside = self.hosts is None or any(address in net for net in self.hosts)
            known = self.verdicts[host] = inside and not any(address in net for net in self.but)
        return known

    def read(self, packet, flow):
        """Whether what the worker has sent so far on this connection holds what the rule looks for."""
        if self.early is not None and (flow is None or len(flow.sent) > self.early):
            return False
        if not self.needles and self.hello is None:
            return True
        if flow is None or not packet.payload:
            return False
        if self.needles:
            return packet.up and any(n in flow.sent for n in self.needles)
        hello = reading.client_hello(flow.sent)
        if not hello:
            return False
        want = self.hello
        if want.get("negotiated_below_13"):
            # Known only with the server's hello; the rule strikes on that.
            if packet.up or reading.server_chose_tls13(flow.got) is not False:
                return False
        elif not packet.up:
            return False
        if want.get("offered_below_13") and hello["tls13"]:
            return False
        if "sni" in want and (hello["sni"] is None or not any(n in hello["sni"] for n in want["sni"])):
            return False
        return not (want.get("sni_not_ru") and (hello["sni"] is None or hello["sni"].endswith(".ru")))


class Flow:
    """One connection, from its SYN."""

    def __init__(self, now, first_seq):
        self.born = self.last = now
        self.first_seq = first_seq
        self.packets = 0
        self.down_bytes = 0
        self.both_bytes = 0
        self.sent = bytearray()
        self.got = bytearray()
        self.next = {True: None, False: None}
        self.dead = False

    def count(self, packet):
        self.packets += 1
        self.both_bytes += len(packet.payload)
        if not packet.up:
            self.down_bytes += len(packet.payload)
        stream = self.sent if packet.up else self.got
        if packet.flags & frames.SYN:
            self.next[packet.up] = packet.next_seq
        elif self.next[packet.up] is not None and len(stream) < STREAM_MAX_BYTES:
            # A small reassembly buffer: what was seen before is skipped, what is out of order is not waited for.
            skip = (self.next[packet.up] - packet.seq) & 0xFFFFFFFF
            if skip < len(packet.payload):
                stream += packet.payload[skip:]
                self.next[packet.up] = (packet.seq + len(packet.payload)) & 0xFFFFFFFF


# Actions: (box, rule, parameters, packet, flow) → True when the packet has been dealt with.


def drop(box, rule, _, packet, flow):
    box.tell(rule, packet)
    return True


def kill(box, rule, how, packet, flow):
    """Ends the connection: silently, or with a reset to both ends in each other's name."""
    box.tell(rule, packet)
    if flow is not None:
        flow.dead = True
    if how == "rst":
        box.reset(packet)
    return True


def icmp(box, rule, kind, packet, flow):
    box.tell(rule, packet)
    box.send(frames.icmp_unreachable(packet, ICMP_CODES[kind], box.router), packet.up)
    return True


def inject(box, rule, what, packet, flow):
    """Answers in the server's name, ends the worker's side, and resets the server's."""
    box.tell(rule, packet)
    payload = what["text"].encode("latin-1") if "text" in what else bytes.fromhex(what["hex"])
    flags = frames.PSH | frames.ACK | frames.FIN
    box.send(frames.tcp(packet, True, packet.ack, packet.next_seq, flags, payload), True)
    box.send(frames.tcp(packet, False, packet.seq, packet.ack, frames.RST | frames.ACK), False)
    flow.dead = True
    return True


def redirect(box, rule, to, packet, flow):
    """Another server answers in this one's name."""
    box.tell(rule, packet)
    box.redirect(packet, (socket.inet_aton(to["host"]), to.get("port", packet.server[1])))
    return True


def freeze(box, rule, limit, packet, flow):
    """From so many packets (both ways) or bytes on nothing passes any more, and nobody is told."""
    if flow is None:
        return False
    if "packets" in limit:
        over = flow.packets > limit["packets"]
    else:
        over = (flow.down_bytes if limit.get("way") == "down" else flow.both_bytes) > limit["bytes"]
    if over:
        box.tell(rule, packet)
        flow.dead = True
    return over


def loss(box, rule, share, packet, flow):
    if box.random.random() >= share:
        return False
    box.tell(rule, packet)
    return True


def slow(box, rule, rate_bytes_s, packet, flow):
    """A shaper with a short queue for all that the rule is about, each way for itself."""
    now = box.now()
    free = max(now, rule.free.get(packet.up, 0))
    box.tell(rule, packet)
    if free - now <= SHAPER_QUEUE_S:
        rule.free[packet.up] = free + len(packet.frame) / rate_bytes_s
        box.send(packet.frame, not packet.up, rule.free[packet.up] - now)
    return True


def idle(box, rule, limit, packet, flow):
    """The state of a connection is forgotten after so much silence."""
    if flow is None or box.now() - flow.last <= limit["after_s"]:
        return False
    return kill(box, rule, limit["end"], packet, flow)


def age(box, rule, after_s, packet, flow):
    if flow is None or box.now() - flow.born <= after_s:
        return False
    return kill(box, rule, "drop", packet, flow)


def list_later(box, rule, after_s, packet, flow):
    """Two stages: what was recognised is only put on a list, and after a while that address and port is dead for every connection."""
    server = packet.server
    if server not in rule.listed:
        rule.listed.add(server)
        box.at(after_s, lambda: (box.tell(rule, packet), box.blocked.add(server)))
    return False


def dns(box, rule, lie, packet, flow):
    """Lies to a question over UDP: `names` are asked for, `answer` is nxdomain, refused, servfail, drop or addresses; `race`: the true
    answer still comes, after the lie."""
    asked = reading.dns_question(packet.payload) if packet.up and packet.proto == frames.UDP else None
    if asked is None or not (lie["names"] == "all" or any(asked[0] == n or asked[0].endswith("." + n) for n in lie["names"])):
        return False
    box.tell(rule, packet)
    name, kind, question = asked
    answer = lie["answer"]
    if answer == "drop":
        return True
    if isinstance(answer, list):
        addresses = [socket.inet_aton(a) for a in answer] if kind == reading.A else []
        message = reading.dns_answer(packet.payload, question, 0, addresses)
    else:
        message = reading.dns_answer(packet.payload, question, reading.RCODES[answer], [])
    box.send(frames.udp_answer(packet, message), True)
    if not lie.get("race"):
        return True
    box.send(packet.frame, False, lie.get("truth_after_s", 0.05))
    return True


ACTIONS = {
    "drop": drop,
    "kill": kill,
    "icmp": icmp,
    "inject": inject,
    "redirect": redirect,
    "freeze": freeze,
    "loss": loss,
    "slow": slow,
    "idle": idle,
    "age": age,
    "list_later": list_later,
    "dns": dns,
}


class Rule:
    def __init__(self, number, spec):
        self.number = number
        self.when = When(spec.get("when", {}))
        ((self.name, self.parameters),) = spec["do"].items()
        self.act = ACTIONS[self.name]
        self.free = {}
        self.listed = set()

    def __call__(self, box, packet, flow):
        return self.when.about(packet) and self.when.read(packet, flow) and self.act(box, self, self.parameters, packet, flow)
