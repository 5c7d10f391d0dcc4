"""figures.py HALLPASS [FEWER [NAMES]] - the promised figures of a release binary, each beside what it is compared with. `run` beside this starts it.

FEWER is a binary with two providers only: with it, what all the others add to a start is measured too.
NAMES are some of the measurements at the end of this file, with commas between; an empty FEWER is none.
"""
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import stores
from screen import Program, cpu_seconds

HALLPASS = os.path.abspath(sys.argv[1])
FEWER = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else None
over = []


def figure(name, measured, limit, beside):
    """One line of the result; `measured` and `limit` are in the same unit."""
    verdict = "ok" if measured <= limit else "OVER"
    print(f"{verdict:4} {name}: {beside}; {measured:.3g} of at most {limit:.3g}", flush=True)
    if measured > limit:
        over.append(name)


def home(folder, roles, config=""):
    """A home with these roles and nothing of the person's; its environment."""
    for name in ("config", "data", "state", "run"):
        os.makedirs(f"{folder}/{name}", mode=0o700)
    for name, text in ("roles", roles), ("config", config):
        with open(os.open(f"{folder}/config/{name}.toml", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
    return {
        "HOME": folder, "PATH": f"{os.environ['HP_BIN_PATH']}:/usr/bin:/bin", "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "SHELL": "/bin/sh",
        "HALLPASS_CONFIG_DIR": f"{folder}/config", "HALLPASS_DATA_DIR": f"{folder}/data", "HALLPASS_STATE_DIR": f"{folder}/state", "XDG_RUNTIME_DIR": f"{folder}/run",
    }


def many_roles(count):
    return "".join(
        f"[roles.role-{n:04}]\nconnector = 'postgres'\nenv = '{('dev', 'stage', 'prod')[n % 3]}'\ndescription = 'database {n}'\n"
        f"fields.PGHOST = 'db{n}.internal'\nfields.PGUSER = 'app'\nfields.PGPASSWORD = '_envs/vault/secret/databases/db{n}#password'\n"
        for n in range(count)
    )


def launch_beside_curl(folder):
    """`exec ROLE -- true` with two fields of one secret, beside curl of the same path and then true, and `bao kv get`; over http and https."""
    stores.vault("POST", "secret/data/bench", {"data": {"username": "somebody", "password": "correct horse battery"}})
    env = home(folder, "[roles.bench]\ncommand = ['true']\nenv = 'dev'\nfields.PGUSER = '_envs/vault/secret/bench#username'\nfields.PGPASSWORD = '_envs/vault/secret/bench#password'\n")
    env |= {"VAULT_TOKEN": os.environ["HP_VAULT_TOKEN"], "VAULT_CACERT": os.environ["HP_CA"]}
    with open(f"{folder}/header", "w") as file:
        file.write(f"X-Vault-Token: {os.environ['HP_VAULT_TOKEN']}\n")
    # Each way is a program that a shell starts and becomes: what starting costs here is the same for all.
    ways = {
        "hallpass": f"exec {HALLPASS} exec bench -- true",
        "curl": f"curl -sf -o /dev/null --cacert $VAULT_CACERT -H @{folder}/header $VAULT_ADDR/v1/secret/data/bench && exec /bin/true",
        "bao": f"exec {os.environ['HP_BAO']} kv get -mount=secret -field=password bench",
    }
    for scheme, address in ("http", os.environ["HP_VAULT_ADDR"]), ("https", os.environ["HP_VAULT_TLS_ADDR"]):
        env["VAULT_ADDR"] = address
        times = {name: [] for name in ways}
        for turn in range(41):
            for name, command in ways.items():
                if name == "bao" and turn > 10:
                    continue  # ten times slower than the others: it is only shown
                started = time.perf_counter()
                subprocess.run(["/bin/sh", "-c", command], env=env, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                if turn > 0:  # the first one warms the caches
                    times[name].append(time.perf_counter() - started)
        median = {name: statistics.median(all_of_it) * 1000 for name, all_of_it in times.items()}
        figure(f"exec ROLE -- true over {scheme}, beside curl and true", median["hallpass"] / median["curl"], 1.5,
               ", ".join(f"{name} {value:.1f} ms" for name, value in median.items()))


def fifty_fields(folder):
    """50 fields over 20 secrets of 4 providers, beside what each provider takes for its own part of them; every round trip takes 50 ms."""
    kinds = ("vault", "aws", "azure", "gcp")
    names = [f"many-{number:02}" for number in range(20)]
    fields = [(f"FIELD_{n:02}", kinds[n % 4], f"'_envs/{kinds[n % 4]}/{'secret/' if n % 4 == 0 else ''}{names[n % 20]}#{stores.KEYS[n // 20]}'") for n in range(50)]
    roles = ""
    for role, its_kinds in ("all", kinds), *((kind, (kind,)) for kind in kinds):
        roles += f"[roles.{role}]\ncommand = ['true']\nenv = 'dev'\n"
        roles += "".join(f"fields.{name} = {reference}\n" for name, kind, reference in fields if kind in its_kinds)
    stores.fill(names)
    with stores.far_away(50) as addresses:
        os.makedirs(folder)
        config, logins = stores.settings(addresses, folder)
        env = home(folder, roles, config) | logins
        times = {role: [] for role in ("all", *kinds)}
        for turn in range(16):
            for role, its_times in times.items():
                started = time.perf_counter()
                subprocess.run([HALLPASS, "exec", role, "--", "true"], env=env, cwd=folder, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                if turn > 0:  # the first one warms the caches
                    its_times.append((time.perf_counter() - started) * 1000)
    median = {role: statistics.median(its_times) for role, its_times in times.items()}
    figure("50 fields over 20 secrets and 4 providers, beside the slowest provider's own", median["all"] / max(median[kind] for kind in kinds), 1.3,
           ", ".join(f"{role} {value:.0f} ms" for role, value in median.items()))


def first_frame_of(binary, env, folder):
    """From the start to the first drawn frame: CPU time and the clock's, in ms."""
    started = time.perf_counter()
    program = Program([binary], env, folder, 120, 40)
    program.until(lambda chunk: b"role-0" in chunk, "the first frame")
    wall, cpu = time.perf_counter() - started, cpu_seconds(program.pid)
    program.end()
    return cpu * 1000, wall * 1000


def a_thousand_roles(folder):
    """A home with 1,000 roles whose provider takes connections and never answers; the provider, and the environment."""
    silent = socket.create_server(("127.0.0.1", 0))
    return silent, home(folder, many_roles(1000)) | {"VAULT_ADDR": f"http://127.0.0.1:{silent.getsockname()[1]}", "VAULT_TOKEN": "none"}


def first_frame(folder):
    """CPU time from the start to the first drawn frame with 1,000 roles."""
    silent, env = a_thousand_roles(folder)
    cpu, wall = zip(*(first_frame_of(HALLPASS, env, folder) for _ in range(15)))
    silent.close()
    figure("CPU from start to first frame, 1,000 roles, ms", statistics.median(cpu), 50, f"{statistics.median(cpu):.1f} ms CPU, {statistics.median(wall):.1f} ms on the clock")


def start_beside_fewer(folder):
    """What all providers add to a start, beside a build with two: the time of `--version`, and the CPU time of the first frame.

    The larger binary has more pages for the loader to write to. That is less than one start differs from the next, so what is compared
    is the difference with that spread (between the quartiles)."""
    silent, env = a_thousand_roles(folder)
    times, cpu, frames = ({HALLPASS: [], FEWER: []} for _ in range(3))
    for turn in range(401):
        for binary in times:
            begin = time.perf_counter()
            pid = os.posix_spawn(binary, [binary, "--version"], env, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)])
            used = os.wait4(pid, 0)[2]
            if turn > 0:  # the first one warms the caches
                times[binary].append((time.perf_counter() - begin) * 1000)
                cpu[binary].append((used.ru_utime + used.ru_stime) * 1000)
    for _ in range(25):
        for binary, measured in frames.items():
            measured.append(first_frame_of(binary, env, folder)[0])
    silent.close()
    all_of_them, fewer = (statistics.median(times[binary]) for binary in (HALLPASS, FEWER))
    quartiles = statistics.quantiles(times[FEWER], n=4)
    spread = quartiles[2] - quartiles[0]
    used = " and ".join(f"{statistics.median(cpu[binary]):.2f}" for binary in (HALLPASS, FEWER))
    figure("--version with all providers, what it takes longer than a build with two / the spread of one build's starts",
           (all_of_them - fewer) / spread, 1, f"{all_of_them:.2f} ms, {fewer:.2f} ms, spread {spread:.2f} ms; CPU {used} ms")
    all_of_them, fewer = (statistics.median(frames[binary]) for binary in (HALLPASS, FEWER))
    figure("first frame with all providers, CPU above a build with two, ms", all_of_them - fewer, 5, f"{all_of_them:.1f} ms, {fewer:.1f} ms")


def keystroke(folder):
    """From a key's byte on the terminal to the last byte of what it draws, with 5,000 roles: update, filter, draw and the way there and back."""
    env = home(folder, many_roles(5000))
    program = Program([HALLPASS], env, folder, 120, 40)
    program.until(lambda chunk: b"role-0" in chunk, "the list")
    keys = ["/", *"role", *"-4", *"77"] + ["\x7f"] * 9 + list("db env:prod") + ["\x1b"] + ["j", "k", "j", "G", "g"] * 8
    times = []
    for key in keys * 3:
        while program.drain(0.06):
            pass  # what a key before, or a check, still draws
        started = time.perf_counter()
        os.write(program.terminal, key.encode())
        if program.drain(0.5):
            drawn = time.perf_counter()
            while program.drain(0.012):
                drawn = time.perf_counter()
            times.append((drawn - started) * 1000)
    program.end()
    if len(times) < len(keys):
        raise SystemExit(f"only {len(times)} of {len(keys) * 3} keys drew anything")
    times.sort()
    p95 = times[len(times) * 95 // 100]
    figure("a key through update and draw, 5,000 roles, p95, ms", p95, 8, f"median {statistics.median(times):.2f} ms, p95 {p95:.2f} ms of {len(times)} keys")


def checked_keystroke(folder):
    """From a key to what it draws on the providers' screen, while 200 roles are checked over five providers: two answer, one takes
    connections and never answers, one refuses, one needs a login. One frame of a screen that draws 60 a second is 16 ms."""
    stores.vault("POST", "secret/data/bench", {"data": {"password": "correct horse battery"}})
    silent = socket.create_server(("127.0.0.1", 0), backlog=500)
    providers = {"hangs": f"http://127.0.0.1:{silent.getsockname()[1]}", "refuses": "http://127.0.0.1:9", "first": os.environ["HP_VAULT_ADDR"], "second": os.environ["HP_VAULT_ADDR"], "person": os.environ["HP_VAULT_ADDR"]}
    env = home(folder, "".join(f"[roles.role-{n:03}]\ncommand = ['true']\nenv = 'dev'\nfields.TOKEN = {{ secret = '{list(providers)[n % 5]}:secret/bench#password' }}\n" for n in range(200)))
    with open(os.open(f"{folder}/config/config.toml", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        for name, address in providers.items():
            login = "auth = { method = 'oidc' }" if name == "person" else "token = { secret = 'env:HP_BENCH_TOKEN' }"
            file.write(f"[providers.{name}]\nkind = 'vault'\naddress = '{address}'\n{login}\n")
    env["HP_BENCH_TOKEN"] = os.environ["HP_VAULT_TOKEN"]
    program = Program([HALLPASS], env, folder, 120, 40)
    program.until(lambda chunk: b"role-0" in chunk, "the list")
    os.write(program.terminal, b"2")
    program.until(lambda chunk: b"Connectivity" in chunk, "the providers")
    times = []
    for _ in range(8):
        os.write(program.terminal, b"C")  # checks everything anew; it hangs for 3 s
        asked = time.perf_counter()
        while time.perf_counter() - asked < 2.5:
            key = "jk"[len(times) % 2]
            while program.drain(0.004):
                pass  # what a check, or the spinner, draws
            started = time.perf_counter()
            os.write(program.terminal, key.encode())
            if program.drain(0.5):
                times.append((time.perf_counter() - started) * 1000)
            time.sleep(0.01)
        quiet_until = time.perf_counter() + 1.5
        while time.perf_counter() < quiet_until:
            program.drain(0.05)
    program.end()
    silent.close()
    if len(times) < 200:
        raise SystemExit(f"only {len(times)} keys drew anything")
    times.sort()
    p95 = times[len(times) * 95 // 100]
    figure("a key while five providers are checked, one hanging, p95, ms", p95, 16, f"median {statistics.median(times):.2f} ms, p95 {p95:.2f} ms of {len(times)} keys")


def sessions(folder, env, role, first, count):
    """A hallpass with so many sessions of a role, whose command is `inner`: each has run `first` and waits."""
    with open(os.open(f"{folder}/inner", os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
        file.write(f"#!/bin/sh\n{first}\n: >\"$(mktemp '{folder}/started.XXXXXX')\"\nexec cat\n")
    program = Program([HALLPASS], env, folder)
    program.until(lambda chunk: role.encode() in chunk, "the list")
    for number in range(count):
        while program.drain(0.1):
            pass  # one session is opened at a time
        os.write(program.terminal, b"o")  # connects, and stays in the list
        program.until(lambda _: sum(name.startswith("started.") for name in os.listdir(folder)) > number, f"session {number}")
    return program


def resident_mb(program):
    with open(f"/proc/{program.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def quiet(folder):
    """What 20 open sessions with nothing to say cost: CPU and memory."""
    count, seconds = 20, 4
    env = home(folder, f"[roles.quiet]\ncommand = ['{folder}/inner']\nenv = 'dev'\nfields.TOKEN = '_envs/HP_BENCH_TOKEN'\n")
    env["HP_BENCH_TOKEN"] = "a token that is masked if it comes"
    program = sessions(folder, env, "quiet", "", count)
    while program.drain(0.5):
        pass  # what the last one still draws
    before, started = cpu_seconds(program.pid), time.perf_counter()
    while time.perf_counter() - started < seconds:
        program.drain(0.1)
    share = (cpu_seconds(program.pid) - before) / seconds * 100
    resident = resident_mb(program)
    program.end()
    figure("20 quiet sessions, CPU, %", share, 1, f"{share:.2f} % of one core")
    figure("20 quiet sessions, memory, MB", resident, 100, f"{resident:.0f} MB resident")


def full_scrollback(folder):
    """Memory of 20 sessions in one hallpass, each with 10,000 lines of scrollback that are as long as the pane is wide."""
    count, lines, columns = 20, 10_000, 198
    with open(f"{folder}.text", "w") as file:
        file.write("".join(f"{n:06} {'abcdefghijklmnopqrstuvwxyz ' * 9}"[:columns] + "\n" for n in range(lines + 100)))
    env = home(folder, f"[roles.full]\ncommand = ['{folder}/inner']\nenv = 'dev'\nfields.TOKEN = '_envs/HP_BENCH_TOKEN'\n")
    env["HP_BENCH_TOKEN"] = "a token that is masked if it comes"
    program = sessions(folder, env, "full", f"cat '{folder}.text'", count)
    while program.drain(1):
        pass  # what the last one still draws
    resident = resident_mb(program)
    program.end()
    os.remove(f"{folder}.text")
    figure(f"20 sessions with {lines:,} lines of {columns} columns each, memory, MB", resident, 400, f"{resident:.0f} MB resident")


def echo_beside_flood(folder):
    """From a key to its echo in one tab while another one floods, beside tmux with two windows."""
    env = home(folder, "".join(f"[roles.{name}]\ncommand = {command}\nenv = 'dev'\nfields.TOKEN = '_envs/HP_BENCH_TOKEN'\n" for name, command in (("aflood", "['yes', 'the quick brown fox']"), ("zecho", "['cat']"))))
    env["HP_BENCH_TOKEN"] = "a token that is masked if it comes"

    def measured(program):
        times = []
        for turn in range(400):
            key = b"QWZYVNU"[turn % 7:][:1]  # none of them ends a sequence that is sent here
            until = time.perf_counter() + 0.01
            while time.perf_counter() < until:
                program.drain(0.002)
            started = time.perf_counter()
            os.write(program.terminal, key)
            program.until(lambda chunk: key in chunk, f"the echo of key {turn}", 10)
            times.append((time.perf_counter() - started) * 1000)
            if turn % 70 == 69:
                os.write(program.terminal, b"\r")
        program.end()
        return sorted(times)

    program = Program([HALLPASS], env, folder)
    program.until(lambda chunk: b"aflood" in chunk, "the list")
    os.write(program.terminal, b"o")
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        program.drain(0.05)
    os.write(program.terminal, b"j\r")
    program.until(lambda chunk: b"cat" in chunk, "the second session")
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        program.drain(0.05)
    ours = measured(program)
    tmux = [f"{os.environ['HP_BIN_PATH']}/tmux", "-S", f"{folder}/tmux", "-f", "/dev/null"]
    program = Program([*tmux, "new-session", "yes 'the quick brown fox'", ";", "new-window", "cat"], env, folder)
    deadline = time.monotonic() + 1.5
    while time.monotonic() < deadline:
        program.drain(0.05)
    theirs = measured(program)
    subprocess.run([*tmux, "kill-server"], env=env, check=False, stderr=subprocess.DEVNULL)
    p99 = [times[len(times) * 99 // 100] for times in (ours, theirs)]
    figure("echo of a key while another tab floods, p99 beside tmux's", p99[0] / p99[1], 2,
           f"hallpass {p99[0]:.2f} ms (median {statistics.median(ours):.2f}), tmux {p99[1]:.2f} ms (median {statistics.median(theirs):.2f})")


def flood(folder):
    """CPU seconds to swallow `cat` of 100 MB in the pane, beside tmux's and, where it was fetched, mprocs'."""
    with open(f"{folder}.text", "w") as file:
        n = 0
        while file.tell() < 100_000_000:
            file.write("".join(f"{k} the quick brown fox jumps over the lazy dog {k * 7919 % 100003}\n" for k in range(n, n + 10000)))
            n += 10000
    env = home(folder, f"[roles.flood]\ncommand = ['{folder}/inner']\nenv = 'dev'\nfields.TOKEN = '_envs/HP_BENCH_TOKEN'\n")
    env["HP_BENCH_TOKEN"] = "a token that is masked if it comes"
    with open(os.open(f"{folder}/inner", os.O_WRONLY | os.O_CREAT, 0o755), "w") as file:
        file.write(f"#!/bin/sh\necho ready\nwhile [ ! -e '{folder}/go' ]; do sleep 0.02; done\ncat '{folder}.text'\n: >'{folder}/done'\nexec sleep 600\n")

    def measured(words, processes):
        for name in ("go", "done"):
            if os.path.exists(f"{folder}/{name}"):
                os.remove(f"{folder}/{name}")
        program = Program(words, env, folder)
        program.until(lambda chunk: b"ready" in chunk, "the pane")
        pids = processes(program)
        before = sum(map(cpu_seconds, pids))
        started = time.perf_counter()
        open(f"{folder}/go", "w").close()
        program.until(lambda _: os.path.exists(f"{folder}/done"), "the flood")
        quiet = time.monotonic()
        while time.monotonic() - quiet < 0.3 and time.perf_counter() - started < 300:
            if program.drain(0.05):
                quiet = time.monotonic()
        result = sum(map(cpu_seconds, pids)) - before, time.perf_counter() - started
        program.end()
        return result

    tmux = [f"{os.environ['HP_BIN_PATH']}/tmux", "-S", f"{folder}/tmux", "-f", "/dev/null"]

    def tmux_processes(program):
        server = subprocess.run([*tmux, "display-message", "-p", "#{pid}"], env=env, check=True, capture_output=True, text=True).stdout
        return [program.pid, int(server)]

    ours, theirs = [], []
    for _ in range(2):
        theirs.append(measured([*tmux, "new-session", f"{folder}/inner"], tmux_processes))
        subprocess.run([*tmux, "kill-server"], env=env, check=False, stderr=subprocess.DEVNULL)
        ours.append(measured([HALLPASS, "connect", "flood", "--tui"], lambda program: [program.pid]))
    ours, theirs = min(ours), min(theirs)
    mprocs = os.environ.get("HP_MPROCS")
    other = measured([mprocs, f"{folder}/inner"], lambda program: [program.pid]) if mprocs else None
    os.remove(f"{folder}.text")
    figure("cat of 100 MB in the pane, CPU beside tmux's", ours[0] / theirs[0], 1.0,
           f"hallpass {ours[0]:.2f} s CPU ({ours[1]:.1f} s on the clock), tmux {theirs[0]:.2f} s ({theirs[1]:.1f} s)")
    if other:
        figure("the same, CPU beside mprocs'", ours[0] / other[0], 0.5, f"hallpass {ours[0]:.2f} s CPU, mprocs {other[0]:.2f} s ({other[1]:.1f} s on the clock)")
    else:
        print("     not measured: mprocs, which npm would fetch")


def seek(folder):
    """From a key to what it draws in the player: an hour-long recording of 20 MB, to any tenth of it, both ways."""
    env = home(folder, "")
    with open(f"{folder}/long.cast", "w") as file:
        file.write('{"version": 2, "width": 200, "height": 40}\n')
        # Every six minutes another letter, so that a seek to another tenth draws every cell of a line.
        count = 3600 * 45
        for n in range(count):
            text = f"\x1b[3{n % 8}m{n:08} {chr(65 + n * 10 // count) * 90}\x1b[0m\r\n"
            file.write(json.dumps([round(n * 3600 / count, 3), "o", text]) + "\n")
    size = os.path.getsize(f"{folder}/long.cast") / 1e6
    program = Program([HALLPASS, "replay", f"{folder}/long.cast"], env, folder)
    started = time.perf_counter()
    program.until(lambda chunk: b"A" * 60 in chunk, "the recording")
    read = time.perf_counter() - started
    os.write(program.terminal, b" ")
    times, before = [], 0
    for turn in range(60):
        tenth = (before + 1 + turn * 7 % 9) % 10
        while program.drain(0.03):
            pass
        started = time.perf_counter()
        os.write(program.terminal, str(tenth).encode())
        program.until(lambda chunk, letter=bytes([65 + max(tenth - 1, 0)]): letter * 60 in chunk or bytes([letter[0] + 1]) * 60 in chunk, f"tenth {tenth}")
        times.append((time.perf_counter() - started) * 1000)
        before = tenth
    program.end()
    times.sort()
    figure("a seek in an hour-long recording, slowest of 60, ms", times[-1], 100,
           f"median {statistics.median(times):.1f} ms, slowest {times[-1]:.1f} ms; {size:.0f} MB, read and indexed in {read:.2f} s")


wanted = sys.argv[3].split(",") if len(sys.argv) > 3 else None
with tempfile.TemporaryDirectory(prefix="hallpass-bench-") as scratch:
    for measure in (launch_beside_curl, fifty_fields, first_frame, *([start_beside_fewer] if FEWER else []), keystroke, checked_keystroke, quiet, full_scrollback, echo_beside_flood, flood, seek):
        if wanted is None or measure.__name__ in wanted:
            measure(f"{scratch}/{measure.__name__}")
sys.exit(1 if over else 0)
