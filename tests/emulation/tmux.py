"""A private tmux, as the terminal that others are compared with."""
import os
import subprocess
import time


class Tmux:
    """One session at a time in a tmux of its own; `folder` takes its socket."""

    def __init__(self, folder):
        self.words = [f"{os.environ['HP_BIN_PATH']}/tmux", "-S", f"{folder}/tmux-{id(self)}", "-f", "/dev/null"]

    def __call__(self, *words):
        done = subprocess.run([*self.words, *words], check=True, capture_output=True, text=True)
        return done.stdout

    def start(self, columns, rows, words, env=None):
        settings = ["set", "-g", "status", "off", ";", "set", "-g", "prefix", "None", ";", "set", "-g", "remain-on-exit", "on", ";", "set", "-g", "default-terminal", "xterm-256color", ";", "set", "-s", "escape-time", "0", ";"]
        subprocess.run([*self.words, *settings, "new-session", "-d", "-x", str(columns), "-y", str(rows), *words], check=True, env=env)

    def screen(self):
        return [row.rstrip() for row in self("capture-pane", "-p").split("\n")[:-1]]

    def settled(self, holds, what, seconds=20):
        """The screen once `holds(screen)` and it stays for a quarter of a second."""
        deadline = time.monotonic() + seconds
        last, since = None, 0.0
        while True:
            now = self.screen()
            if now != last or not holds(now):
                last, since = now, time.monotonic()
            elif time.monotonic() - since > 0.25:
                return now
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}:\n" + "\n".join(now))
            time.sleep(0.03)

    def cursor(self):
        x, y, visible = self("display-message", "-p", "#{cursor_x} #{cursor_y} #{cursor_flag}").split()
        return int(y), int(x), visible == "1"

    def end(self):
        subprocess.run([*self.words, "kill-server"], check=False, stderr=subprocess.DEVNULL)
