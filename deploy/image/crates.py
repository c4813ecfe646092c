"""Which crates are in a program, and what each says of itself, as cargo knows it. Cargo may fetch what it has not yet."""

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass
class Crate:
    """One crate in a program. `checksum` is the SHA-256 of its package in the registry; the workspace's own crates have none."""

    name: str
    version: str
    licence: str
    directory: Path
    checksum: str | None = None
    description: str | None = None
    repository: str | None = None
    authors: list[str] = field(default_factory=list)
    needs: set[tuple[str, str]] = field(default_factory=set)

    @property
    def key(self):
        return self.name, self.version


def cargo(*arguments):
    done = subprocess.run(["cargo", *arguments, "--locked"], cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"image: cargo {arguments[0]} failed:\n{done.stderr}")
    return done.stdout


def host():
    """The target that this machine's compiler makes programs for, and the compiler's version."""
    said = subprocess.run(["rustc", "-vV"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return re.search(r"^host: (.*)$", said, re.M)[1], re.search(r"^release: (.*)$", said, re.M)[1]


def toolchain():
    """The directory of this machine's compiler."""
    said = subprocess.run(["rustc", "--print", "sysroot"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    return Path(said.strip())


def edges(tree):
    """From a tree of cargo with depths, (name, version) of each crate, and of each the crates right below it."""
    found, path = {}, []
    for line in tree.splitlines():
        depth, name, version = re.match(r"(\d+)(\S+) v(\S+)", line).groups()
        key = (name, version)
        path[int(depth) :] = [key]
        found.setdefault(key, set())
        if len(path) > 1:
            found[path[-2]].add(key)
    return found


def in_program(package, target):
    """The crates whose code is in the program of this package of the workspace, the package itself first. Macros and what only builds or tests
    is left out. `cargo tree` says which: `cargo metadata` knows the features of the whole workspace alone."""
    tree = cargo(
        "tree", "--package", package, "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "depth", "--no-dedupe", "--format", "{p}"
    )
    told = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target))
    packages = {(one["name"], one["version"]): one for one in told["packages"]}
    locked = tomllib.loads((REPOSITORY / "Cargo.lock").read_text())["package"]
    checksums = {(one["name"], one["version"]): one.get("checksum") for one in locked}
    crates = []
    for key, needs in edges(tree).items():
        one = packages[key]
        crates.append(
            Crate(
                *key,
                # "MIT/Apache-2.0" is how SPDX expressions were written once.
                licence=re.sub(r"\s*/\s*", " OR ", one["license"] or f"LicenseRef-{key[0]}"),
                directory=Path(one["manifest_path"]).parent,
                checksum=checksums[key],
                description=one["description"],
                repository=one["repository"],
                authors=one["authors"],
                needs=needs,
            )
        )
    return crates
