"""A peer without this toolkit: Python's standard library, calling the C library's queues. Echoes three messages, reversed.

Usage: queue-peer.py posix /NAME-IN /NAME-OUT | sysv KEY TYPE-IN TYPE-OUT
"""
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
SIZE = 8192


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def posix(name_in, name_out):
    incoming = check(libc.mq_open(name_in.encode(), os.O_RDONLY))
    outgoing = check(libc.mq_open(name_out.encode(), os.O_WRONLY))
    libc.mq_receive.restype = ctypes.c_ssize_t
    libc.mq_receive.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint)]
    libc.mq_send.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint]
    buffer = ctypes.create_string_buffer(SIZE)
    priority = ctypes.c_uint()
    for _ in range(3):
        length = check(libc.mq_receive(incoming, buffer, SIZE, ctypes.byref(priority)))
        check(libc.mq_send(outgoing, buffer.raw[:length][::-1], length, priority.value))


def sysv(key, type_in, type_out):
    class Message(ctypes.Structure):
        _fields_ = [("type", ctypes.c_long), ("text", ctypes.c_char * SIZE)]

    queue = check(libc.msgget(ctypes.c_int(int(key)), 0))
    libc.msgrcv.restype = ctypes.c_ssize_t
    libc.msgrcv.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_long, ctypes.c_int]
    libc.msgsnd.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    message = Message()
    text = ctypes.addressof(message) + Message.text.offset
    for _ in range(3):
        length = check(libc.msgrcv(queue, ctypes.byref(message), SIZE, int(type_in), 0))
        ctypes.memmove(text, ctypes.string_at(text, length)[::-1], length)
        message.type = int(type_out)
        check(libc.msgsnd(queue, ctypes.byref(message), length, 0))


{"posix": posix, "sysv": sysv}[sys.argv[1]](*sys.argv[2:])
