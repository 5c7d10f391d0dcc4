"""How long a stranger waits: a fresh clone and an empty cache to the demo's list; an edit in a view to its test's answer."""
import os
import shutil
import subprocess
import sys
import tempfile
import time

from screen import Program

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

    started = time.monotonic()
    program = Program([cargo, "run", "--release", "--quiet", "--", "demo"], env, f"{scratch}/clone", 120, 40)
    program.until(lambda chunk: b"demo-shell" in chunk, "the demo's list", 3600)
    first = (time.monotonic() - started) / 60
    program.end()

    test = [cargo, "test", "--quiet", "--lib", "ui::view::roles"]
    subprocess.run(test, env=env, cwd=f"{scratch}/clone", check=True, stdout=subprocess.DEVNULL)
    # In front, so that every place in the file moves: a line behind the last one changes nothing that is compiled.
    with open(f"{scratch}/clone/src/ui/view/roles.rs", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write(f"// an edit\n{text}")
    started = time.monotonic()
    subprocess.run(test, env=env, cwd=f"{scratch}/clone", check=True, stdout=subprocess.DEVNULL)
    edit = time.monotonic() - started

print(f"{'ok' if first <= 8 else 'OVER':4} fresh clone, empty cache, to the demo's list: {first:.1f} min of at most 8")
print(f"{'ok' if edit <= 15 else 'OVER':4} an edit in a view to its test's answer: {edit:.1f} s of at most 15")
sys.exit(0 if first <= 8 and edit <= 15 else 1)
