"""make.py: makes an image FROM scratch of one static program, as an archive for docker load, ctr images import and skopeo. The same program makes the
same image: times are those of SOURCE_DATE_EPOCH, or 1970. Needs neither root nor a container engine, and no network but cargo's."""

import argparse
import platform
import struct
import sys
from pathlib import Path

from archive import image
from bill import created, epoch, papers

# Nobody in particular, as in distroless images; by number, since there is no /etc/passwd.
USER = "65532:65532"
DYNAMIC_LOADER = 3  # the type of a program header of an ELF file


def needs_loader(program):
    """Whether an ELF program wants a dynamic loader, which an image without files lacks."""
    if program[:4] != b"\x7fELF" or program[4] != 2:
        raise SystemExit("image: this is no 64-bit ELF program")
    start, size, count = struct.unpack_from("<Q", program, 32)[0], *struct.unpack_from("<HH", program, 54)
    return any(struct.unpack_from("<I", program, start + size * one)[0] == DYNAMIC_LOADER for one in range(count))


def arguments():
    parser = argparse.ArgumentParser(prog="make.py", description=__doc__.partition(": ")[2])
    parser.add_argument("--out", type=Path, help="directory for the archive and what is in it besides the program; without it the archive is printed")
    parser.add_argument("--package", help="the package of the workspace that the program is of: its licences, bill of materials and labels go along")
    parser.add_argument("--most", type=int, help="bytes that the files of the image may have, uncompressed")
    parser.add_argument("reference", help="name and tag of the image, such as concertina:0.1.0; without a tag it is the version of --package")
    parser.add_argument("program", type=Path, help="the static program; it lies under its name in the root of the image")
    parser.add_argument("argument", nargs="*", help="arguments that the image gives to its program")
    return parser.parse_args()


def main():
    asked = arguments()
    program = asked.program.read_bytes()
    if needs_loader(program):
        raise SystemExit(f"image: {asked.program} is linked dynamically and cannot run in an image of its own; for Rust: deploy/image/build")
    added, crates = papers(asked.package, created()) if asked.package else ([], [])
    reference, name = named(asked.reference, crates), asked.program.name
    files = [(name, program, 0o755)] + [(f"licenses/{file}", content, 0o644) for file, content in added]
    size = sum(len(content) for _, content, _ in files)
    if asked.most and size > asked.most:
        raise SystemExit(f"image: its files have {size} bytes, more than {asked.most}; docs/how-to/image.md says what they are")
    made = image(
        files,
        reference,
        architecture={"aarch64": "arm64"}.get(platform.machine(), "amd64"),
        entrypoint=[f"/{name}", *asked.argument],
        user=USER,
        labels=labels(name, crates),
        created=created(),
        time=epoch(),
    )
    if not asked.out:
        sys.stdout.buffer.write(made.archive)
        return
    asked.out.mkdir(parents=True, exist_ok=True)
    file = asked.out / f"{name}.tar"
    file.write_bytes(made.archive)
    for paper, content in added:
        (asked.out / paper).write_bytes(content)
    print(f"{file}: {reference}, {size / 1e6:.1f} MB, {made.layer_size / 1e6:.1f} MB compressed\n{made.digest}")


def named(reference, crates):
    """The reference with its tag."""
    name, colon, tag = reference.rpartition(":")
    if not colon or "/" in tag:
        if not crates:
            raise SystemExit(f'image: "{reference}" has no tag: write such as {reference}:0.1.0')
        name, tag = reference, crates[0].version
    return f"{name}:{tag}"


def labels(name, crates):
    """What the image says of itself, by the names that OCI gives. `crates` are those of its program, itself first."""
    told = {"title": name}
    for program in crates[:1]:
        told |= {"version": program.version, "description": program.description, "licenses": program.licence, "source": program.repository}
    return {f"org.opencontainers.image.{key}": value for key, value in told.items() if value}


if __name__ == "__main__":
    main()
