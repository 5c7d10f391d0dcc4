"""How long a stranger waits: a fresh clone and an empty cache to the demo's list; an edit in a view to its test's answer; and for what."""
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time

from screen import Program

over = []


def figure(name, measured, limit, unit, beside=""):
    print(f"{'ok' if measured <= limit else 'OVER':4} {name}: {measured:.1f} {unit} of at most {limit}{beside}", flush=True)
    if measured > limit:
        over.append(name)


def heaviest(report):
    """The units of a `--timings` report that took longest, in seconds, and how many there are."""
    with open(report) as file:
        units = json.loads(re.search(r"UNIT_DATA = (\[.*?\]);\n", file.read(), re.DOTALL)[1])
    longest = sorted(units, key=lambda unit: -unit["duration"])[:10]
    return ", ".join(f"{unit['name']} {unit['duration']:.0f}" for unit in longest), len(units)


def cpu_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


with tempfile.TemporaryDirectory(prefix="hallpass-build-") as scratch:
    subprocess.run(["git", "clone", "--quiet", ".", f"{scratch}/clone"], check=True)
    cargo_home = os.environ.get("CARGO_HOME", os.path.expanduser("~/.cargo"))
    os.mkdir(f"{scratch}/cargo")
    # Where crates come from may be configured; what was fetched stays behind.
    for name in ("config.toml", "config"):
        if os.path.exists(f"{cargo_home}/{name}"):
            shutil.copy(f"{cargo_home}/{name}", f"{scratch}/cargo/{name}")
    env = os.environ | {"CARGO_HOME": f"{scratch}/cargo", "CARGO_TARGET_DIR": f"{scratch}/target", "TERM": "xterm-256color"}
    cargo = shutil.which("cargo")

    def run(*words):
        subprocess.run([cargo, *words, "--quiet"], env=env, cwd=f"{scratch}/clone", check=True, stdout=subprocess.DEVNULL)

    started = time.monotonic()
    run("fetch")
    fetched, cpu = time.monotonic(), cpu_of_children()
    run("build", "--release", "--timings")
    built, cpu = time.monotonic(), cpu_of_children() - cpu
    program = Program([f"{scratch}/target/release/hallpass", "demo"], env, f"{scratch}/clone", 120, 40)
    program.until(lambda chunk: b"demo-shell" in chunk, "the demo's list")
    program.end()
    listed = time.monotonic()
    units, count = heaviest(f"{scratch}/target/cargo-timings/cargo-timing.html")
    size = os.path.getsize(f"{scratch}/target/release/hallpass") / 1e6
    figure("clean release build", (built - fetched) / 60, 15, "min",
           f"; {cpu / 60:.1f} min CPU on {os.cpu_count()} cores, load {os.getloadavg()[1]:.1f}; {count} units, a binary of {size:.1f} MB")
    print(f"     the longest units, s: {units}")
    print(f"     fresh clone, empty cache, to the demo's list: {(listed - started) / 60:.1f} min, {(fetched - started) / 60:.1f} of them to fetch")

    test = ["test", "--lib", "ui::view::roles"]
    run(*test)
    # In front, so that every place in the file moves: a line behind the last one changes nothing that is compiled.
    with open(f"{scratch}/clone/src/ui/view/roles.rs", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f"// an edit\n{text}")
    started = time.monotonic()
    run(*test)
    figure("an edit in a view to its test's answer", time.monotonic() - started, 15, "s")
sys.exit(1 if over else 0)
