# A host that has gone: a listening socket whose filter discards every segment, so that a SYN gets no answer from near or far.
#   dead-host.py ADDRESS PORT...
import ctypes
import signal
import socket
import struct
import sys

SO_ATTACH_FILTER = 26
# BPF_RET | BPF_K, 0: keep no byte
program = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
listeners = []
for port in sys.argv[2:]:
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", 1, ctypes.addressof(program)))
    s.bind((sys.argv[1], int(port)))
    s.listen(1)
    listeners.append(s)
print("ready", flush=True)
signal.pause()
