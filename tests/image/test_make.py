"""What makes images refuses what could not run, and the image says whose program it is. Asks cargo, no cluster."""

import json
import os
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
from pathlib import Path

import bill
import make
from crates import REPOSITORY

LOADER, LOAD = 3, 1


def elf(*headers):
    """A 64-bit ELF file with program headers of these types and nothing else."""
    return (
        b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
        + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, len(headers), 0, 0, 0)
        + b"".join(struct.pack("<I52x", one) for one in headers)
    )


class Dockerfile(unittest.TestCase):
    def test_its_labels_are_those_of_the_image(self):
        text = (REPOSITORY / "deploy/Dockerfile").read_text()
        told = dict(re.findall(r'(org\.opencontainers\.image\.\w+)="?([^"\n\\]*[^"\n\\ ])', text))
        _, crates = bill.papers("concertina", bill.created())
        self.assertEqual(told, make.labels("concertina", crates))


class Make(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.out = self.directory / "out"

    def make(self, program, *arguments, **environment):
        file = self.directory / "concertina"
        file.write_bytes(program)
        command = [sys.executable, str(REPOSITORY / "deploy/image/make.py"), "--out", str(self.out), *arguments]
        command = [str(file) if one == "PROGRAM" else one for one in command]
        return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)

    def config(self):
        with tarfile.open(self.out / "concertina.tar") as archive:
            [docker] = json.load(archive.extractfile("manifest.json"))
            return docker["RepoTags"][0], json.load(archive.extractfile(docker["Config"]))

    def test_a_program_that_needs_a_loader_is_refused(self):
        done = self.make(elf(LOAD, LOADER), "concertina:1", "PROGRAM")
        self.assertRegex(done.stderr, "linked dynamically.*deploy/image/build")
        self.assertEqual((done.returncode, self.out.exists()), (1, False))

    def test_what_is_no_program_is_refused(self):
        self.assertIn("no 64-bit ELF program", self.make(b"#!/bin/sh\n", "concertina:1", "PROGRAM").stderr)

    def test_an_image_that_is_too_large_is_refused(self):
        program = elf(LOAD)
        self.assertIn(f"{len(program)} bytes, more than", self.make(program, "--most", str(len(program) - 1), "concertina:1", "PROGRAM").stderr)
        self.assertEqual(self.make(program, "--most", str(len(program)), "concertina:1", "PROGRAM").returncode, 0)

    def test_a_name_without_a_tag_needs_a_package(self):
        self.assertIn("has no tag", self.make(elf(LOAD), "registry:5000/concertina", "PROGRAM").stderr)

    def test_the_image_of_a_package_says_what_it_is_and_brings_its_papers(self):
        done = self.make(elf(LOAD), "--package", "concertina", "registry.example/scaler", "PROGRAM", "--", "run", "--log-json", SOURCE_DATE_EPOCH="86400")
        self.assertEqual(done.returncode, 0, done.stderr)
        reference, config = self.config()
        version = reference.removeprefix("registry.example/scaler:")
        labels = config["config"]["Labels"]
        self.assertEqual(labels["org.opencontainers.image.version"], version)
        self.assertEqual((labels["org.opencontainers.image.title"], labels["org.opencontainers.image.licenses"]), ("concertina", "Apache-2.0"))
        self.assertEqual(config["config"]["Entrypoint"], ["/concertina", "run", "--log-json"])
        self.assertEqual(config["created"], "1970-01-02T00:00:00Z")
        self.assertEqual({one.name for one in self.out.iterdir()}, {"concertina.tar", "LICENSE", "THIRD-PARTY-LICENSES.txt", "concertina.cdx.json"})
