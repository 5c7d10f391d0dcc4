"""A terminal that swallows: a program on a PTY whose output is drained as fast as it comes and only looked at, never drawn."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

# What a terminal is asked at a program's start; one that never answers would make the program wait.
ANSWERS = {b"\x1b[c": b"\x1b[?62;22c", b"\x1b[0c": b"\x1b[?62;22c", b"\x1b[>c": b"\x1b[>1;10;0c", b"\x1b[6n": b"\x1b[1;1R", b"\x1b[5n": b"\x1b[0n", b"\x1b[?u": b"\x1b[?0u"}


class Program:
    """A running program, its terminal `columns` by `rows`."""

    def __init__(self, words, env, folder, columns=200, rows=50):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            # The parent sets the size before it lets the program start.
            os.read(0, 1)
            os.chdir(folder)
            os.execve(words[0], words, env)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.write(self.terminal, b"\n")
        self.seen = 0

    def drain(self, seconds):
        """What comes within this time, at least one look; None at the program's end."""
        ready, _, _ = select.select([self.terminal], [], [], seconds)
        if not ready:
            return b""
        try:
            chunk = os.read(self.terminal, 1 << 16)
        except OSError:
            return None
        self.seen += len(chunk)
        if self.seen < 1 << 16:
            for question, answer in ANSWERS.items():
                if question in chunk:
                    os.write(self.terminal, answer)
        return chunk or None

    def until(self, holds, what, seconds=120):
        """Drains until `holds(chunk)` is true."""
        deadline = time.monotonic() + seconds
        while True:
            chunk = self.drain(0.02)
            if chunk is None:
                raise SystemExit(f"{what}: the program ended first")
            if holds(chunk):
                return
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: not within {seconds} s")

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def cpu_seconds(pid):
    """CPU time of a process so far: all its threads, also those that have ended."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3) of another process, which Python does not have
