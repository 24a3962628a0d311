"""Another program: posix-semaphore.py NAME wait|post TIMES. Says "ready" first, and a line for each."""
import ctypes
import os
import sys

library = ctypes.CDLL(None, use_errno=True)
library.sem_open.restype = ctypes.c_void_p
name, what, times = sys.argv[1:]
semaphore = ctypes.c_void_p(library.sem_open(name.encode(), os.O_CREAT, 0o600, 0))
print("ready", flush=True)
for _ in range(int(times)):
    if (library.sem_wait if what == "wait" else library.sem_post)(semaphore) != 0:
        sys.exit(os.strerror(ctypes.get_errno()))
    print(what, flush=True)
