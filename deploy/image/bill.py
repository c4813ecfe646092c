"""bill.py PACKAGE DIRECTORY: the bill of materials of a program (CycloneDX 1.6) and the licence texts of what is in it. Reads the crates' own sources, which cargo
fetches where it has not yet."""

import json
import os
import platform
import re
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path

from crates import REPOSITORY, host, in_program, toolchain

TEXTS = Path(__file__).parent / "licenses"
# The same for everybody: of what may be had under it, it is the text where there is no other.
APACHE = REPOSITORY / "LICENSE"
# Names of files with licences. LICENSE_HEADER and the like are not texts but templates of such.
NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)([-._](?!header|template).*)?$", re.I)
# The notices of glibc, beside the LGPL: those of Debian, where the static library is a package of its own, and of Fedora.
GLIBC = [Path("/usr/share") / name for name in ("doc/libc6-dev/copyright", "doc/libc6/copyright", "licenses/glibc/LICENSES")]
NOT_TEXTS = {".rs", ".py", ".toml", ".html", ".json", ".hbs"}


@dataclass
class Part:
    """What is in a static program and is no crate: libraries of the compiler and the system."""

    name: str
    version: str
    licence: str
    description: str
    files: list[Path]

    @property
    def reference(self):
        return f"pkg:generic/{self.name}@{self.version}"


def runtime(target):
    """What rustc and the linker put into every static program of this target."""
    if not target.endswith("-linux-gnu"):
        raise SystemExit(f"image: a program for {target} has another C library than glibc, whose licence is not known here; use a Rust for linux-gnu")
    linker = subprocess.run(["cc", "-dumpfullversion"], capture_output=True, text=True, check=True).stdout.strip()
    glibc = [TEXTS / "LGPL-2.1.txt", *[file for file in GLIBC if file.exists()][:1]]
    return [
        Part("rust-std", host()[1], "MIT OR Apache-2.0", "The standard library of Rust", [APACHE, *standard_library(toolchain())]),
        Part("glibc", platform.libc_ver()[1], "LGPL-2.1-or-later", "The C library of GNU, linked statically", glibc),
        Part("libgcc", linker, "GPL-3.0-or-later WITH GCC-exception-3.1", "The unwinder of GCC", [TEXTS / "GCC-exception-3.1.txt"]),
    ]


def standard_library(directory):
    """The notices of Rust's standard library and of the crates in it, and the licences that they name. A toolchain in `directory` that
    comes from rust-lang.org has them."""
    notices = directory / "share/doc/rust/COPYRIGHT-library.html"
    if not notices.exists():
        return []
    text = notices.read_text()
    licences = sorted((notices.parent / "licenses").glob("*.txt"))
    return [notices, *[file for file in licences if re.search(rf"\b{re.escape(file.stem)}\b", text)]]


def licence_files(crate):
    """The files with licences in a crate's sources, those of code that it contains too."""
    found = []
    for directory, below, names in os.walk(crate.directory):
        below[:] = sorted(name for name in below if name not in {"tests", "target", ".git"})
        found += [Path(directory) / name for name in sorted(names) if NAMES.match(name) and Path(name).suffix not in NOT_TEXTS]
    return found


def licence_texts(crates, parts):
    """One text: what is in the program under which licence, and each licence text once with those whose it is."""
    whose, texts = {}, {}
    for crate in sorted(crates, key=lambda one: one.key):
        files = licence_files(crate) or ([APACHE] if "Apache-2.0" in crate.licence else [])
        if not files:
            raise SystemExit(f"image: {crate.name} {crate.version} ({crate.licence}) has no licence text in {crate.directory}")
        note(crate, files, whose, texts)
    for part in parts:
        note(part, part.files, whose, texts)
    lines = ["What is in this program and is not Concertina's own, with its licences. Their texts follow.", ""]
    lines += [f"{one.name} {one.version}: {one.licence}" for one in sorted([*crates, *parts], key=lambda one: (one.name, one.version))]
    for words, users in whose.items():
        lines += ["", "=" * 80, f"Text of {', '.join(sorted(users))}:", "", texts[words]]
    return "\n".join(lines) + "\n"


def note(one, files, whose, texts):
    for file in files:
        text = plain(file).strip("\n")
        # Texts that differ in their line ends and indents alone are one.
        words = " ".join(text.split())
        texts.setdefault(words, text)
        whose.setdefault(words, set()).add(f"{one.name} {one.version}")


def plain(file):
    """The text of a file. Of HTML it is what is between the tags, and a text set as it is (`pre`) only once."""
    text = file.read_text(errors="replace")
    if file.suffix != ".html":
        return text
    words, known, parser = [], set(), HTMLParser()

    def once(match):
        same = " ".join(match[1].split())
        if same in known:
            return "(as above)"
        known.add(same)
        return match[0]

    parser.handle_data = words.append
    parser.feed(re.sub(r"<pre>(.*?)</pre>", once, text, flags=re.S))
    parser.close()
    return re.sub(r"\n\s*\n", "\n\n", "".join(words))


def reference(crate):
    return f"pkg:cargo/{crate.name}@{crate.version.replace('+', '%2B')}"


def component(crate):
    """A crate as CycloneDX has it."""
    told = {
        "type": "library",
        "bom-ref": reference(crate),
        "name": crate.name,
        "version": crate.version,
        "purl": reference(crate),
        "licenses": [{"expression": crate.licence}],
    }
    if crate.description:
        told["description"] = " ".join(crate.description.split())
    if crate.checksum:
        told["hashes"] = [{"alg": "SHA-256", "content": crate.checksum}]
    if crate.repository:
        told["externalReferences"] = [{"type": "vcs", "url": crate.repository}]
    return told


def bill(crates, parts, created):
    """The bill of materials of the program whose crates these are, the program itself first; `created` is an RFC 3339 time."""
    program, *rest = crates
    references = {crate.key: reference(crate) for crate in crates}
    below = [{"ref": reference(crate), "dependsOn": sorted(references[key] for key in crate.needs)} for crate in crates]
    below[0]["dependsOn"] += [part.reference for part in parts]
    below += [{"ref": part.reference} for part in parts]
    others = [
        {
            "type": "library",
            "bom-ref": part.reference,
            "name": part.name,
            "version": part.version,
            "description": part.description,
            "purl": part.reference,
            "licenses": [{"expression": part.licence}],
        }
        for part in parts
    ]
    told = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": created, "component": component(program) | {"type": "application"}},
        "components": [component(crate) for crate in sorted(rest, key=lambda one: one.key)] + others,
        "dependencies": below,
    }
    # The same bill has the same number.
    told["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(told, sort_keys=True))}"
    return json.dumps(told, indent=1) + "\n"


def created():
    """The time that things made here have: SOURCE_DATE_EPOCH or 1970, in RFC 3339."""
    return datetime.fromtimestamp(epoch(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch():
    """The same in seconds since 1970."""
    return int(os.environ.get("SOURCE_DATE_EPOCH", "0"))


def papers(package, created):
    """The files that go with the program of a package, (name, content in bytes) each, and its crates."""
    target, _ = host()
    crates, parts = in_program(package, target), runtime(target)
    foreign = [crate for crate in crates if crate.checksum]
    files = [
        ("LICENSE", APACHE.read_bytes()),
        ("THIRD-PARTY-LICENSES.txt", licence_texts(foreign, parts).encode()),
        (f"{package}.cdx.json", bill(crates, parts, created).encode()),
    ]
    return files, crates


if __name__ == "__main__":
    directory = Path(sys.argv[2])
    directory.mkdir(parents=True, exist_ok=True)
    for name, content in papers(sys.argv[1], created())[0]:
        (directory / name).write_bytes(content)
