"""vttest.py HALLPASS [MENU…] - walks vttest's menus in a pane of hallpass and in tmux, side by side, and prints where the screens differ.

The size of both is 80x24. tmux is no judge, only another terminal: what differs is to be looked at. Menus are paths of choices, as `11.6.4`.
"""
import os
import sys
import tempfile

from tmux import Tmux

HALLPASS = os.path.abspath(sys.argv[1])
COLUMNS, ROWS = 80, 24
# Left out: 5 (a person at a keyboard), 6 and all reports (fixed answers by design), 7 (VT52), what belongs to a printer or a terminal that
# the emulator does not say it is: pages, left and right margins, rectangles, soft characters, status line, windows, Tektronix.
MENUS = sys.argv[2:] or [
    "1", "2", "3", "4", "8", *(f"9.{n}" for n in range(1, 10)), "10.1", "10.3",
    *(f"11.1.2.{n}" for n in range(1, 5)), "11.1.3", "11.1.6", "11.2.2.1", "11.2.2.2", *(f"11.5.{n}" for n in range(1, 10)),
    *(f"11.6.{n}" for n in range(2, 7)), "11.6.8", "11.6.9", "11.7.1", "11.7.2", "11.7.3", "11.7.6", *(f"11.8.7.{n}" for n in range(3, 6)),
]


LETTERS = str.maketrans("◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·", "`abcdefghijklmnopqrstuvwxyz{|}~")


def plain(folder, env):
    tmux = Tmux(folder)
    tmux.start(COLUMNS, ROWS, ["vttest", f"{ROWS}x{COLUMNS}.{COLUMNS}"], env=env)
    return tmux, lambda screen: screen


def pane(folder, env):
    for name in ("config", "data", "state", "run"):
        os.makedirs(f"{folder}/{name}", mode=0o700)
    with open(os.open(f"{folder}/config/roles.toml", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(f"[roles.vttest]\ncommand = ['vttest', '{ROWS}x{COLUMNS}.{COLUMNS}']\nenv = 'dev'\nfields.TOKEN = '_envs/TOKEN'\n")
    env = env | {f"HALLPASS_{name.upper()}_DIR": f"{folder}/{name}" for name in ("config", "data", "state")} | {"XDG_RUNTIME_DIR": f"{folder}/run", "TOKEN": "a token that is masked if it comes"}
    tmux = Tmux(folder)
    # The frame, the tabs and the status line are around the pane; how much that is, is seen.
    tmux.start(COLUMNS + 2, ROWS + 4, [HALLPASS, "connect", "vttest", "--tui"], env=env)

    def inner(screen):
        top = next((n for n, row in enumerate(screen) if row.startswith("┌")), None)
        if top is None:
            return []
        rows = screen[top + 1:]
        bottom = next((n for n, row in enumerate(rows) if row.startswith("└")), len(rows))
        return [row.ljust(COLUMNS + 2)[1:].removesuffix("│").rstrip() for row in rows[:bottom]]

    screen = tmux.settled(lambda screen: any("vttest" in row for row in screen) and len(inner(screen)) > 0, "the session")
    lacking = ROWS - len(inner(screen))
    if lacking:
        tmux("resize-window", "-x", str(COLUMNS + 2), "-y", str(ROWS + 4 + lacking))
        tmux.settled(lambda screen: len(inner(screen)) == ROWS, "a pane of 24 rows")
    return tmux, inner


def stands(screen):
    return any("RETURN" in row or "Enter choice number" in row for row in screen)


def is_menu(screen):
    return any("Enter choice number" in row for row in screen)


class Walk:
    def __init__(self, terminals):
        self.terminals = terminals
        self.differing = {}

    def screens(self, what):
        both = []
        for tmux, inner in self.terminals:
            try:
                both.append(inner(tmux.settled(lambda screen: stands(inner(screen)), what, seconds=12)))
            except TimeoutError:
                both.append(inner(tmux.screen()))
        return both

    def send(self, *keys):
        for tmux, _ in self.terminals:
            tmux("send-keys", *keys)

    def compare(self, name):
        ours, theirs = self.screens(name)
        # tmux gives line drawing as the letters that stand for it, whether they are drawn or not.
        same = [[row.translate(LETTERS) for row in screen] + [""] * ROWS for screen in (ours, theirs)]
        rows = [n for n in range(ROWS) if same[0][n] != same[1][n]]
        if rows:
            self.differing[name] = True
            print(f"{name}: differs")
            for row in rows[:6]:
                print(f"  {row + 1:2} hallpass {ours[row] if row < len(ours) else ''!r}\n     tmux     {theirs[row] if row < len(theirs) else ''!r}")
        else:
            print(f"{name}: same")
        sys.stdout.flush()
        return ours, theirs

    def menu(self, path):
        choices = path.split(".")
        for choice in choices:
            self.send("-l", choice)
            self.send("Enter")
        for step in range(1, 40):
            ours, theirs = self.screens(path)
            if is_menu(ours) and is_menu(theirs):
                break
            self.compare(f"{path} screen {step}")
            self.send("Enter")
        for _ in range(len(choices) + 2):  # back to the main menu, wherever this ended
            screens = self.screens(path)
            if all(any("11. Test" in row for row in screen) for screen in screens):
                return
            self.send("-l", "0")
            self.send("Enter")


def main():
    with tempfile.TemporaryDirectory(prefix="vttest-") as folder:
        env = {"HOME": folder, "PATH": f"{os.environ['HP_BIN_PATH']}:/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "SHELL": "/bin/sh"}
        for path in MENUS:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                walk = Walk([pane(place, env), plain(place, env)])
                try:
                    walk.screens("the main menu")
                    walk.menu(path)
                finally:
                    for tmux, _ in walk.terminals:
                        tmux.end()


main()
