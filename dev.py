#!/usr/bin/env python3
"""One command for a newcomer: make the environment, then start a node.

Only the standard library is used here. The environment is a venv beside this file, filled from
the hash-pinned requirement files; a record inside it says what was installed, so that a later
start only compares hashes. An environment that was left half-made is made again, and one that
this script did not make is never removed.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

HELP = """\
usage: python3 dev.py [--wheels FOLDER] [COMMAND] [ARGUMENTS]

Makes the environment on first use, then runs:

  (nothing)           mesh up --foreground --open: a node in this terminal, its page in a browser
  --no-open           the same without the page: it asks in the terminal
  -- ARGUMENTS        the same, with further arguments
  mesh ARGUMENTS      any mesh command
  sim ARGUMENTS       the simulator
  test ARGUMENTS      the tests (pytest, three workers)
  lint [--fix]        ruff, mypy (as on Linux, Windows and macOS) and import-linter
  bench ARGUMENTS     the benchmarks in tests/bench
  api ARGUMENTS       every route of the API against a real node (Schemathesis)
  mutants [NAMES]     mutation testing of crypto, posting and ratchet (not on Windows)
  lock [--upgrade]    write the requirement files again from pyproject.toml, and wheels.txt
  bundle [--deb]      make an archive that runs without Python, for this system, in dist/
  release ARGUMENTS   make keys of releases, write the manifest of dist/, sign it
  wheels [FOLDER]     fill a folder (wheels) with what a computer without internet installs
  shell-path          print the folder of the programs, for PATH

--wheels FOLDER installs from such a folder where no internet is: made on a computer of the same
kind with the same Python, and carried here.

examples:

  python3 dev.py
  python3 dev.py --no-open
  python3 dev.py -- --profile anna
  python3 dev.py mesh status --json
  python3 dev.py sim run partition-heal --nodes 20 --seed 7
  python3 dev.py test tests/link -x
  python3 dev.py mutants 'mesh.posting.*'
  export PATH="$(python3 dev.py shell-path):$PATH"
  python3 dev.py wheels /media/stick/wheels
  python3 dev.py --wheels /media/stick/wheels

MESH_DEV_VENV names another folder for the environment, for instance one for each Python:

  MESH_DEV_VENV=.venv-3.13 python3.13 dev.py test
"""

ROOT = Path(__file__).resolve().parent
PYTHON_MIN = (3, 11)
UV = "uv==0.13.9"

# Which requirement file serves which use, and from which parts of pyproject.toml it is compiled.
LOCKS = {
    "run": ("requirements.txt", ("--extra", "sim", "--group", "editable")),
    "bundle": ("requirements-bundle.txt", ("--group", "bundle")),
    "test": ("requirements-dev.txt", ("--extra", "sim", "--extra", "sweep", "--group", "dev")),
    "bench": (
        "requirements-bench.txt",
        ("--extra", "sim", "--extra", "bench", "--extra", "study", "--group", "dev"),
    ),
}

# What pip says where it reached no index, and of a library that it finds nowhere.
NO_INDEX = ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "ProxyError")
NOT_FOUND = re.compile(r"No matching distribution found for ([\w.-]+==[\w.+-]+)")

# The table of wheels, and the tags in it: laptops have no other processors and C libraries.
WHEELS = "wheels.txt"
LAPTOP_TAG = re.compile(
    r"^(py3|py2\.py3|cp3[0-9]+-(cp3(1[1-9]|[2-9][0-9])|abi3))-.*"
    r"(any$|manylinux.*(x86_64|aarch64)$|macosx.*(x86_64|arm64|universal2)$|win_(amd64|arm64)$)"
)

NO_PIP = """\
This Python cannot fill an environment: it has neither ensurepip nor pip.
On Debian and Ubuntu: sudo apt install python3-venv
"""


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for and return the exit code."""
    if arguments[:1] == ["--wheels"]:
        if len(arguments) < 2 or not Path(arguments[1]).is_dir():
            say("Say which folder of wheels: python3 dev.py --wheels FOLDER [COMMAND]")
            return 2
        os.environ["MESH_DEV_WHEELS"] = str(Path(arguments[1]).absolute())
        arguments = arguments[2:]
    command, *rest = arguments or ["--"]
    if command == "--no-open":
        command, rest = "--", [*arguments]
    if command in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    if command == "--":
        environment = ready_environment("run")
        os.environ["MESH_COMMAND"] = "python3 dev.py mesh"
        replace_process([environment.program("mesh"), "up", "--foreground", "--open", *rest])
    if command == "mesh":
        environment = ready_environment("run")
        replace_process([environment.program("mesh"), *rest])
    if command == "sim":
        environment = ready_environment("run")
        replace_process([environment.python, "-m", "sim", *rest])
    if command == "test":
        environment = ready_environment("test")
        os.chdir(ROOT)
        # Tests start hundreds of processes, and each would compile Mesh anew.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        replace_process([environment.python, "-m", "pytest", *workers(rest), *rest])
    if command in ("bench", "api"):
        environment = ready_environment("bench")
        os.chdir(ROOT)
        module = "tests.bench" if command == "bench" else "tests.api.every_route"
        replace_process([environment.python, "-m", module, *rest])
    if command == "bundle":
        environment = ready_environment("bundle")
        os.chdir(ROOT)
        replace_process([environment.python, "-m", "mesh.bundling", *rest])
    if command == "release":
        environment = ready_environment("run")
        os.chdir(ROOT)
        replace_process([environment.python, "-m", "mesh.bundling.releasing", *rest])
    if command == "mutants":
        return mutants(ready_environment("test"), rest)
    if command == "lint":
        return lint(ready_environment("test"), fix=rest == ["--fix"])
    if command == "lock":
        return lock(rest)
    if command == "wheels":
        return fill_wheels(Path(rest[0] if rest else "wheels"))
    if command == "shell-path":
        print(ready_environment("run").programs)
        return 0
    say(f"There is no command {command!r}. See: python3 dev.py --help")
    if command.startswith("-"):
        say(f"For an option of mesh up: python3 dev.py -- {' '.join(arguments)}")
    return 2


class Environment:
    """A venv and the record of what this script put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "mesh-dev.json"
        self.programs = folder / ("Scripts" if os.name == "nt" else "bin")
        self.python = self.program("python")

    def program(self, name: str) -> str:
        """Return the path of one of the environment's programs."""
        return str(self.programs / (f"{name}.exe" if os.name == "nt" else name))

    def stamps(self) -> dict[str, str] | None:
        """Return what was installed, or None if this script did not make the folder."""
        try:
            record = json.loads(self.record.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {} if self.record.exists() else None
        return {str(use): str(stamp) for use, stamp in record.items()}

    def write_stamps(self, stamps: dict[str, str]) -> None:
        """Replace the record in one step."""
        draft = self.record.with_suffix(".draft")
        draft.write_text(json.dumps(stamps, indent=1), encoding="utf-8")
        draft.replace(self.record)

    def is_same_python(self) -> bool:
        """Say whether the venv is whole and was made with this version of Python."""
        settings = self.folder / "pyvenv.cfg"
        if not settings.exists() or not Path(self.python).exists():
            return False
        for line in settings.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            if name.strip() in ("version", "version_info"):
                return value.strip().split(".")[:2] == python_version().split(".")
        return False

    def has_pip(self) -> bool:
        """Say whether the venv came with a pip of its own."""
        lib = "Lib" if os.name == "nt" else "lib/python*"
        return any(self.folder.glob(f"{lib}/site-packages/pip/__main__.py"))


def ready_environment(use: str) -> Environment:
    """Return the environment with everything installed that `use` needs."""
    environment = Environment(environment_folder())
    stamp = stamp_of(use)
    if is_ready(environment, use, stamp):
        return environment
    require_pip()
    with only_one_at_a_time(environment.folder):
        # Another terminal may have done it while we waited.
        if not is_ready(environment, use, stamp):
            make(environment)
            install(environment, use, stamp)
    return environment


def environment_folder() -> Path:
    """Return the folder that MESH_DEV_VENV names, or the one beside this file."""
    named = os.environ.get("MESH_DEV_VENV")
    return Path(named).absolute() if named else ROOT / ".venv"


def stamp_of(use: str) -> str:
    """Return a hash over all that an installation depends on."""
    seal = hashlib.sha256(f"{python_version()} {ROOT}".encode())
    for name in (LOCKS[use][0], "pyproject.toml"):
        seal.update((ROOT / name).read_bytes())
    return seal.hexdigest()


def is_ready(environment: Environment, use: str, stamp: str) -> bool:
    """Say whether nothing has to be done before starting."""
    stamps = environment.stamps() or {}
    return stamps.get(use) == stamp and Path(environment.python).exists()


def make(environment: Environment) -> None:
    """Create the venv, unless a whole one of this Python is there."""
    folder, stamps = environment.folder, environment.stamps()
    if stamps is None and folder.exists() and any(folder.iterdir()):
        if not environment.is_same_python():
            sys.exit(
                f"{folder} is not an environment of Python {python_version()}, and not made by\n"
                "this script. Remove it, or name another folder in MESH_DEV_VENV."
            )
        environment.write_stamps({"made": python_version()})
        return
    if stamps is not None:
        if "made" in stamps and environment.is_same_python():
            return
        why = f"is of Python {stamps['made']}" if "made" in stamps else "was left half-made"
        say(f"{folder} {why}; making it again. MESH_DEV_VENV can name another folder.")
        # Moved first: whatever is left of it after an interruption is not taken for a venv.
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        shutil.rmtree(old)
    say(f"Making the environment in {folder} with Python {python_version()}.")
    folder.mkdir(parents=True, exist_ok=True)
    environment.write_stamps({})
    without = [] if has_ensurepip() else ["--without-pip"]
    run([sys.executable, "-m", "venv", *without, str(folder)])
    environment.write_stamps({"made": python_version()})


def install(environment: Environment, use: str, stamp: str) -> None:
    """Install the locked libraries for `use` and the tree itself, then stamp the record."""
    say(f"Installing from {LOCKS[use][0]}.")
    stamps = environment.stamps() or {}
    stamps.pop(use, None)
    environment.write_stamps(stamps)
    own = environment.has_pip()
    pip = [environment.python] if own else [sys.executable]
    pip += ["-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input"]
    pip += [] if own else ["--python", environment.python]
    carried = os.environ.get("MESH_DEV_WHEELS", "")
    where = ["--no-index", "--find-links", carried] if carried else []
    get_packages([*pip, "install", *where, "--require-hashes", "-r", str(ROOT / LOCKS[use][0])])
    run([*pip, "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)])
    environment.write_stamps({**stamps, use: stamp})


def get_packages(pip: Sequence[str]) -> None:
    """Let pip fetch what is locked; stop with one sentence if it is not to be had."""
    done = subprocess.run(
        pip, cwd=ROOT, env=surroundings(), stdout=sys.stderr, stderr=subprocess.PIPE, check=False
    )
    if done.returncode == 0:
        return
    told = done.stderr.decode(errors="replace")
    system = f"Python {python_version()} on {sysconfig.get_platform()}"
    carried = os.environ.get("MESH_DEV_WHEELS", "")
    missing = NOT_FOUND.search(told)
    if carried and missing:
        sys.exit(f"{carried} has no wheel of {missing[1]} for {system}: fill it there anew.")
    if any(word in told for word in NO_INDEX):
        sys.exit(
            "The libraries that Mesh needs are not here, and no index of packages answers: fill a\n"
            f"folder where there is internet ({system}) with `python3 dev.py wheels\n"
            "FOLDER`, bring it here, and start with `python3 dev.py --wheels FOLDER`."
        )
    sys.stderr.write(told)
    sys.exit(f"This step failed with exit code {done.returncode}: {' '.join(pip)}")


def fill_wheels(folder: Path) -> int:
    """Fill a folder with the locked wheels that this kind of computer takes to run Mesh."""
    environment = Environment(environment_folder())
    require_pip()
    with only_one_at_a_time(environment.folder):
        make(environment)
    pip = [environment.python if environment.has_pip() else sys.executable, "-m", "pip"]
    pip += ["--disable-pip-version-check", "--quiet", "--no-input", "download", "--no-deps"]
    lock = ["--require-hashes", "-r", str(ROOT / LOCKS["run"][0])]
    get_packages([*pip, "--only-binary", ":all:", "--dest", str(folder.absolute()), *lock])
    system = f"Python {python_version()} on {sysconfig.get_platform()}"
    say(f"{folder} holds what {system} needs. There: python3 dev.py --wheels {folder}")
    return 0


def require_pip() -> None:
    """Stop with a sentence that helps if this Python has no means to install anything."""
    if not has_ensurepip() and importlib.util.find_spec("pip") is None:
        sys.exit(NO_PIP.rstrip())


def has_ensurepip() -> bool:
    """Say whether a venv can be given a pip; Debian keeps it in a package of its own."""
    try:
        return importlib.util.find_spec("ensurepip.__main__") is not None
    except ImportError:
        return False


def lint(environment: Environment, *, fix: bool) -> int:
    """Run all static checks, also after one has failed, and return 1 if any did."""
    python = environment.python
    checks = [
        [python, "-m", "ruff", "check", *(["--fix"] if fix else []), "."],
        [python, "-m", "ruff", "format", *([] if fix else ["--check"]), "."],
        [python, "-m", "mypy"],
        # What stands behind a question for the system is looked at for each of them.
        [python, "-m", "mypy", "--platform", "win32", "mesh", "dev.py"],
        [python, "-m", "mypy", "--platform", "darwin", "mesh", "dev.py"],
        [environment.program("lint-imports")],
    ]
    codes = [subprocess.call(check, cwd=ROOT) for check in checks]
    return 1 if any(codes) else 0


def mutants(environment: Environment, names: Sequence[str]) -> int:
    """Change the code in many small ways, and list the changes that no test noticed."""
    # A score is only worth something if all mutants met the same tests: nothing is kept.
    shutil.rmtree(ROOT / "mutants", ignore_errors=True)
    mutmut = [environment.python, "-m", "mutmut", "run", "--max-children", "1", *names]
    code = subprocess.call(mutmut, cwd=ROOT)
    if code:
        return code
    for record in sorted((ROOT / "mutants").rglob("*.meta")):
        verdicts = json.loads(record.read_text(encoding="utf-8"))["exit_code_by_key"]
        tried = {name: verdict for name, verdict in verdicts.items() if verdict is not None}
        # pytest's exit codes: 0 is all passed, 5 and 33 are no test at all.
        alive = [name for name, verdict in tried.items() if verdict in (0, 5, 33)]
        if tried:
            module = record.relative_to(ROOT / "mutants").with_suffix("")
            print(f"{module}: {len(tried) - len(alive)} of {len(tried)} killed")
        for name in alive:
            print(f"    python -m mutmut show {name}")
    return 0


def lock(options: Sequence[str]) -> int:
    """Compile the requirement files, keeping what they hold unless asked to upgrade."""
    with compiler() as compile_command:
        follow: list[str] = []
        for name, parts in LOCKS.values():
            flags = ["--generate-hashes", "--no-emit-index-url", "--no-emit-find-links"]
            target = ["--output-file", name, "pyproject.toml"]
            run([*compile_command, *flags, *parts, *follow, *options, *target])
            say(f"Wrote {name}.")
            # Each file follows the one before, so that all of them fit into one environment.
            follow = ["--constraint", name]
    return list_wheels()


def list_wheels() -> int:
    """Write which wheels the index has of each locked version, for computers that are laptops."""
    import tomllib

    rows: set[str] = set()
    with compiler() as compile_command, tempfile.TemporaryDirectory() as place:
        for name, _ in LOCKS.values():
            # A format that lists files; it names their addresses too, so it is not kept.
            listed = Path(place) / "pylock.toml"
            flags = ["--no-deps", "--format", "pylock.toml", "--output-file", str(listed)]
            run([*compile_command, *flags, name])
            for each in tomllib.loads(listed.read_text(encoding="utf-8"))["packages"]:
                files = [wheel["url"].rpartition("/")[2] for wheel in each.get("wheels", ())]
                tags = [file.removesuffix(".whl").split("-", 2)[2] for file in files]
                kept = sorted(tag for tag in tags if LAPTOP_TAG.search(tag))
                rows.add(" ".join([each["name"], each["version"], *kept]))
    (ROOT / WHEELS).write_text("\n".join([*sorted(rows), ""]), encoding="utf-8", newline="\n")
    say(f"Wrote {WHEELS}.")
    return 0


@contextlib.contextmanager
def compiler() -> Iterator[list[str]]:
    """Return the beginning of the command that compiles requirement files; it goes at the end."""
    require_pip()
    with tempfile.TemporaryDirectory() as place:
        tools = Environment(Path(place) / "tools")
        make(tools)
        own = [tools.python, "-m", "pip"]
        pip = own if tools.has_pip() else [sys.executable, "-m", "pip", "--python", tools.python]
        run([*pip, "--disable-pip-version-check", "--quiet", "install", UV])
        flags = ["--universal", "--python-version", ".".join(map(str, PYTHON_MIN))]
        flags += ["--no-header", "--no-config", "--quiet", "--python", sys.executable]
        yield [tools.program("uv"), "pip", "compile", *flags]


def workers(arguments: Sequence[str]) -> list[str]:
    """Return the options that spread the tests, unless the caller says how or debugs."""
    own = ("-n", "--numprocesses", "--dist", "--pdb", "--trace", "--collect-only", "--co")
    if any(argument.startswith(own) for argument in arguments):
        return []
    # Tests of one group, such as those with network namespaces, share a worker. These mostly wait
    # for something to happen, so that three workers keep two cores busy.
    return ["-n", "3", "--dist", "loadgroup"]


@contextlib.contextmanager
def only_one_at_a_time(folder: Path) -> Iterator[None]:
    """Keep a second terminal from installing into the same folder at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(folder.name + ".lock").open("w") as file:
        if sys.platform == "win32":
            import msvcrt

            acquired = False
            while not acquired:
                # It gives up by itself after ten seconds.
                with contextlib.suppress(OSError):
                    msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
                    acquired = True
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: Sequence[str]) -> None:
    """Run one step of the preparation, and stop with its exit code if it fails."""
    code = subprocess.call(command, cwd=ROOT, env=surroundings(), stdout=sys.stderr)
    if code:
        say(f"This step failed with exit code {code}: {' '.join(command)}")
        sys.exit(code)


def surroundings() -> dict[str, str]:
    """Return the variables without settings that would send packages elsewhere."""
    astray = ("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PYTHONHOME")
    return {name: value for name, value in os.environ.items() if name not in astray}


def replace_process(command: Sequence[str]) -> NoReturn:
    """Become the command, so that signals and the exit code are its own."""
    if os.name != "nt":
        os.execv(command[0], [*command])
    # Windows cannot replace a process; the child sees Ctrl-C as well, and decides.
    child = subprocess.Popen(command)
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(child.wait())


def python_version() -> str:
    """Return the version as folders and requirement files know it, such as 3.11."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def say(text: str) -> None:
    """Tell how it goes; standard output belongs to the command that was asked for."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # The newcomer's Python may be older than the one that the linter reckons with.
    if sys.version_info < PYTHON_MIN:
        sys.exit(f"Mesh needs Python 3.11 or newer; this is Python {python_version()}.")
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("Interrupted. The next start goes on from here.")
        sys.exit(130)
