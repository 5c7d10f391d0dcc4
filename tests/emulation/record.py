"""record.py [NAME…] - records what real programs send to a terminal, with the screens that tmux makes of it; `run record` starts it.

Writes tests/fixtures/streams/NAME.json: size, the bytes as text, and frames: after how many bytes the screen was what, with the cursor.
Programs run in namespaces of their own (host name, processes) and in a home that is made here, so that nothing of the machine is in it.
"""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bench"))
from screen import Program  # noqa: E402
from tmux import Tmux  # noqa: E402

STREAMS = os.path.join(os.path.dirname(__file__), "..", "fixtures", "streams")
COLUMNS, ROWS = 80, 24
HOME = "/tmp/desk"
BIN = os.environ["HP_BIN_PATH"]
UP, DOWN, PAGE_DOWN, END, F10 = "\x1b[A", "\x1b[B", "\x1b[6~", "\x1b[F", "\x1b[21~"
SQL = "SELECT n, n * n AS square, repeat('ab', n % 7) AS text FROM"

# Name: the words to run, and steps of keys and the text that they bring (none: only quiet).
PROGRAMS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], [
        ("", "$"), ("echo one two three\r", "one two three\r\n"), (UP + "\x01\x1b[C\x1b[C\x1b[Cx\x05 four", None),
        ("\x17\x17\x19\x19 and a line that is longer than the terminal is wide, so that readline has to wrap it at the margin, twice if it must be " + "\x1b[D" * 90 + "字é", None),
        ("\x12one", "reverse-i-search"), ("\x07", None), ("\x03", None), ("ls --color=always\r", "notes.txt"), ("\x0cca\t no\t\t", None), ("\x15exit\r", None)]),
    "vim": (["vim", "-u", "NONE", "-N", "--not-a-term", "-c", "set number hlsearch ruler showcmd", "-c", "syntax on", "program.c"], [
        ("", "1,1"), ("/return\r", None), ("ggOA line in front of all, with wide 字 and a mark e\u0301.\x1b", None), ("10Gdd3p", None), (":vsplit\r", None), ("\x17w:set list\r", None), (PAGE_DOWN + UP * 3, None), ("V5jd", None), ("u:qa!\r", None)]),
    "less": (["less", "-N", "-R", "long.txt"], [("", "long.txt"), (" ", None), ("/line 99\r", "99"), ("n", None), ("G", "END"), ("gbj" + DOWN * 4, None), ("?wide\r", None), ("q", None)]),
    "more-colour": (["less", "-R", "-S", "colour.txt"], [("", "colour.txt"), ("\x1b[C", None), (" ", None), ("&blue\r", None), ("q", None)]),
    "htop": (["htop", "--delay=600"], [("", "F10"), (DOWN * 2, None), ("\x1b[15~", None), ("h", None), (" ", None), ("q", None)]),
    "mc": (["mc", "-u"], [("", "notes.txt"), ("\x1bOB" * 3, None), ("\t" + "\x1bOB" * 4, None), ("\x1b[20~", None), ("\x1bOB\x1bOB", None), ("\x1b[20~\x1b[21~", None), ("\x1b[21~", None)]),
    "psql": (["psql", "-X", "-h", HOME, "-U", "desk", "postgres"], [
        ("", "postgres"), ("\\pset linestyle unicode\r\\pset border 2\r", "2."), (f"{SQL} generate_series(1, 200) AS n;\r", ":"), (" ", None), ("/150\r", None), ("q", "postgres=#"), ("\\x\r\\l\r", None), ("q", None), ("\x03", None), ("\\q\r", None)]),
    "mysql": (["mysql", "-S", f"{HOME}/mysql.sock", "--no-auto-rehash", "-u", "root", "--prompt=mysql> "], [
        ("", "mysql>"), ("SELECT 'wide 字', 'plain', NULL;\r", "1 row"), ("SHOW VARIABLES LIKE 'collation%';\r", "mysql>"), (UP + "\x01\x0b", None), ("SELECT * FROM nothing.here;\r", "ERROR"), ("exit\r", None)]),
    "redis-cli": (["redis-cli", "-s", f"{HOME}/redis.sock"], [
        ("", ">"), ("SET key value\r", "OK"), ("HSE", None), ("T h a 1\r", "integer"), ("HGETALL h\r", "2)"), ("\x12SET", None), ("\x03", None), ("exit\r", None)]),
    "tmux": (["tmux", "-S", f"{HOME}/tmux", "-f", f"{HOME}/tmux.conf", "new-session"], [
        ("", "$"), ("\x02%", None), ("ls --color=always\r", "notes.txt"), ('\x02"', None), ("\x02t", None), ("q", None), ("\x02[" + UP * 4, None), ("q\x02z", None), ("\x02w", None), ("q\x02&y", None)]),
    "ssh": (["ssh", "-F", f"{HOME}/ssh.conf", "desk", "env PS1='remote $ ' HOME=/tmp/desk bash --norc --noprofile -i"], [
        ("", "remote $"), ("cd /tmp/desk; ls --color=always\r", "notes.txt"), ("stty size; tput setaf 2; echo green; tput sgr0\r", "green"), ("less long.txt\r", "line 1"), ("G", None), ("q", "remote $"), ("exit\r", None)]),
}


def desk():
    """The home: a few files, the same each time."""
    shutil.rmtree(HOME, ignore_errors=True)
    os.makedirs(f"{HOME}/folder")
    with open(f"{HOME}/notes.txt", "w") as file:
        file.write("Notes: plain, wide 字字, a mark e\u0301, an emoji 🙂.\n" * 3)
    with open(f"{HOME}/long.txt", "w") as file:
        file.write("".join(f"line {n} {'wide 字' if n % 9 == 0 else ''}{' and on and on' * (n % 11)}\n" for n in range(1, 400)))
    with open(f"{HOME}/colour.txt", "w") as file:
        file.write("".join(f"\x1b[{31 + n % 7}m{('red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white')[n % 7]}\x1b[0m \x1b[1;4m{n}\x1b[0m \x1b[48;5;{n}m{'#' * 90}\x1b[0m\n" for n in range(120)))
    with open(f"{HOME}/program.c", "w") as file:
        file.write("#include <stdio.h>\n\n" + "".join(f"/* function {n} */\nint f{n}(int x)\n{{\n\tif (x > {n})\n\t\treturn x * {n};\n\treturn f{max(n - 1, 0)}(x);\n}}\n\n" for n in range(12)))
    os.makedirs(f"{HOME}/.servers", mode=0o755)
    os.symlink(f"{os.environ['HP_PREFIX']}/usr/share/mc", f"{HOME}/.servers/mc")  # mc says where it looked
    os.makedirs(f"{HOME}/.config/htop")
    with open(f"{HOME}/.config/htop/htoprc", "w") as file:
        file.write("show_program_path=0\n")
    with open(f"{HOME}/tmux.conf", "w") as file:
        file.write("set -g status-right 'right'\nset -g status-interval 0\nset -g default-command \"exec env 'PS1=$ ' bash --norc --noprofile -i\"\nset -g automatic-rename off\nset -s escape-time 0\n")


def environment():
    return {"HOME": HOME, "PATH": f"{BIN}:/usr/bin:/bin", "TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "SHELL": "/bin/bash", "PS1": "$ ", "PAGER": "less",
            "USER": "desk", "LOGNAME": "desk", "LESSHISTFILE": "-", "PSQL_HISTORY": "/dev/null", "MYSQL_HISTFILE": "/dev/null", "REDISCLI_HISTFILE": "/dev/null", "HISTFILE": "", "LESS": "", "TZ": "UTC", "MC_DATADIR": f"{HOME}/.servers/mc", "MC_PROFILE_ROOT": HOME}


def servers(ends):
    """What the clients talk to; puts into `ends` what ends it."""
    env = environment()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": env, "cwd": HOME}

    def daemon(words, **more):
        process = subprocess.Popen(words, **(quiet | more))
        ends.append(lambda: (process.terminate(), process.wait()))

    def eventually(what, holds):
        deadline = time.monotonic() + 60
        while not holds():
            if time.monotonic() > deadline:
                raise SystemExit(f"{what}: not within 60 s")
            time.sleep(0.1)

    daemon([f"{BIN}/redis-server", "--port", "0", "--unixsocket", f"{HOME}/redis.sock", "--save", "", "--dir", HOME])
    nobody = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
    subprocess.run(["chown", "nobody", HOME, f"{HOME}/.servers"], check=os.getuid() == 0)
    subprocess.run([f"{BIN}/initdb", "-D", f"{HOME}/.servers/pg", "-U", "desk", "-A", "trust", "--locale=C.UTF-8"], check=True, **quiet, **nobody)
    daemon([f"{BIN}/postgres", "-D", f"{HOME}/.servers/pg", "-k", HOME, "-h", ""], **nobody)
    base = f"{os.environ['HP_PREFIX']}/usr" if os.path.isdir(f"{os.environ['HP_PREFIX']}/usr/share/mysql") else "/usr"
    options = ["--no-defaults", f"--basedir={base}", f"--lc-messages-dir={base}/share/mysql", f"--datadir={HOME}/.servers/my"]
    subprocess.run([f"{BIN}/mariadb-install-db", *options, "--auth-root-authentication-method=normal", "--skip-test-db"], check=True, **quiet)
    daemon([f"{BIN}/mariadbd", *options, f"--socket={HOME}/mysql.sock", "--skip-networking", *(["--user=root"] if nobody else [])])
    subprocess.run([f"{BIN}/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", f"{HOME}/.servers/key"], check=True, **quiet)
    shutil.copy(f"{HOME}/.servers/key.pub", f"{HOME}/.servers/authorized")
    me = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
    with open(f"{HOME}/.servers/sshd.conf", "w") as file:
        file.write(f"ListenAddress 127.0.0.1\nPort 2022\nHostKey {HOME}/.servers/key\nAuthorizedKeysFile {HOME}/.servers/authorized\nStrictModes no\nUsePAM no\nPidFile none\nPrintMotd no\nPrintLastLog no\nPermitRootLogin yes\n")
    with open(f"{HOME}/ssh.conf", "w") as file:
        file.write(f"Host desk\nHostName 127.0.0.1\nPort 2022\nUser {me}\nIdentityFile {HOME}/.servers/key\nStrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\nRequestTTY force\n")
    # The user and the folder that it wants exist in its own view of the machine only.
    view = 'mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && (cat /etc/passwd; echo sshd:x:65533:65534::/run/sshd:/bin/false) >"$1" && mount --bind "$1" /etc/passwd && shift && exec "$@"'
    daemon(["unshare", "--mount", "sh", "-c", view, "sh", f"{HOME}/.servers/passwd", f"{BIN}/sshd", "-D", "-f", f"{HOME}/.servers/sshd.conf"])

    def listens():
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", 2022)) == 0

    eventually("the servers", lambda: listens() and all(os.path.exists(f"{HOME}/{name}") for name in ("redis.sock", "mysql.sock", ".s.PGSQL.5432")))


def record(name):
    """The bytes of a program and the offsets at which its screen stood still."""
    words, steps = PROGRAMS[name]
    # A host name and processes of its own; the way of a client to its server is by files, and by the loopback for ssh.
    isolated = ["unshare", "--uts", *(["--pid", "--fork", "--mount-proc"] if name == "htop" else []), "sh", "-c", 'hostname desk; exec "$@"', "sh", f"{BIN}/{words[0]}" if os.path.exists(f"{BIN}/{words[0]}") else words[0], *words[1:]]
    program = Program(["/usr/bin/env", *isolated], environment(), HOME, COLUMNS, ROWS)
    stream, offsets = b"", []
    for keys, text in steps:
        start = len(stream)
        for key in [keys[n:n + 200] for n in range(0, len(keys), 200)]:
            os.write(program.terminal, key.encode())
        deadline, quiet = time.monotonic() + 15, time.monotonic()
        while time.monotonic() - quiet < 0.6 or (text and text.encode() not in stream[start:]):
            chunk = program.drain(0.05)
            if chunk is None:
                break
            if chunk:
                stream += chunk
                quiet = time.monotonic()
            if time.monotonic() > deadline:
                raise SystemExit(f"{name}: {keys!r} did not bring {text!r}; the last of it: {stream[start:][-300:]!r}")
        offsets.append(len(stream))
    program.end()
    return stream, sorted(set(offsets))


def screens(stream, offsets, folder):
    """What tmux makes of the stream at each offset."""
    frames = []
    for offset in offsets:
        with open(f"{folder}/stream", "wb") as file:
            file.write(stream[:offset])
        tmux = Tmux(folder)
        tmux.start(COLUMNS, ROWS, ["sh", "-c", f"stty raw -echo; cat {folder}/stream; touch {folder}/done; exec sleep 600"])
        deadline = time.monotonic() + 20
        while not os.path.exists(f"{folder}/done"):
            if time.monotonic() > deadline:
                raise SystemExit("tmux did not take the stream")
            time.sleep(0.02)
        os.remove(f"{folder}/done")
        text = tmux.settled(lambda _: True, "a screen")
        row, column, visible = tmux.cursor()
        frames.append({"at": offset, "cursor": [row, column], "visible": visible, "text": text})
        tmux.end()
    return frames


def main():
    names = sys.argv[1:] or list(PROGRAMS)
    os.makedirs(STREAMS, exist_ok=True)
    desk()
    # The server of the tmux that is recorded outlives its terminal.
    ends = [lambda: subprocess.run([f"{BIN}/tmux", "-S", f"{HOME}/tmux", "kill-server"], check=False, stderr=subprocess.DEVNULL)]
    try:
        servers(ends)
        for name in names:
            stream, offsets = record(name)
            with tempfile.TemporaryDirectory(prefix="emulation-") as folder:
                frames = screens(stream, offsets, folder)
            text = stream.decode()  # a stream that ends within a character is none that a program sends
            with open(f"{STREAMS}/{name}.json", "w") as file:
                json.dump({"columns": COLUMNS, "rows": ROWS, "stream": text, "frames": frames}, file, ensure_ascii=True, indent=1)
                file.write("\n")
            print(f"{name}: {len(stream)} bytes, {len(frames)} screens", flush=True)
    finally:
        for end in ends:
            end()
        shutil.rmtree(HOME, ignore_errors=True)


main()
