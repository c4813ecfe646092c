"""The bill of materials and the licence texts name what is in the controller, all of it and nothing else. Asks cargo, no cluster."""

import json
import re
import tempfile
import tomllib
import unittest
import unittest.mock
from pathlib import Path

import bill
import crates

CREATED = "1970-01-01T00:00:00Z"


class Bill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.target, _ = crates.host()
        files, cls.crates = bill.papers("concertina", CREATED)
        cls.files = {name: content.decode() for name, content in files}
        cls.told = json.loads(cls.files["concertina.cdx.json"])
        cls.parts = {one["name"] for one in cls.told["components"] if one["purl"].startswith("pkg:generic/")}

    def components(self):
        return [one for one in self.told["components"] if one["name"] not in self.parts]

    def test_it_is_of_the_controller(self):
        program = self.told["metadata"]["component"]
        self.assertEqual((program["type"], program["name"]), ("application", "concertina"))
        self.assertEqual(self.crates[0].key, (program["name"], program["version"]))

    def test_what_is_linked_is_there_and_what_only_builds_or_tests_is_not(self):
        names = {one["name"] for one in self.told["components"]}
        self.assertLessEqual({"kube", "tokio", "ring", "tikv-jemalloc-sys", "concertina-decision", "rust-std"}, names)
        self.assertTrue(names.isdisjoint({"serde_derive", "kube-derive", "cc", "syn", "proptest", "criterion", "shop", "demo"}), names)

    def test_the_libraries_of_the_system_that_are_linked_are_there(self):
        self.assertEqual(self.parts, {"rust-std", "glibc", "libgcc"})

    def test_a_crate_of_the_registry_has_the_checksum_of_the_lock_file(self):
        locked = {(one["name"], one["version"]): one.get("checksum") for one in tomllib.loads((crates.REPOSITORY / "Cargo.lock").read_text())["package"]}
        for one in self.components():
            checksum = locked[one["name"], one["version"]]
            self.assertEqual(one.get("hashes"), [{"alg": "SHA-256", "content": checksum}] if checksum else None, one["name"])

    def test_every_licence_is_one_that_the_repository_allows(self):
        allowed = set(tomllib.loads((crates.REPOSITORY / "deny.toml").read_text())["licenses"]["allow"])
        for one in self.components():
            expression = one["licenses"][0]["expression"]
            # Of alternatives one is enough.
            for needed in re.split(r" AND (?![^(]*\))", expression):
                choices = set(re.split(r" OR ", needed.strip("()")))
                self.assertTrue(choices & allowed, f"{one['name']}: {expression}")

    def test_a_dependency_is_one_of_the_components(self):
        references = {one["bom-ref"] for one in [*self.told["components"], self.told["metadata"]["component"]]}
        self.assertEqual(len(references), len(self.told["components"]) + 1)
        self.assertEqual({one["ref"] for one in self.told["dependencies"]}, references)
        self.assertEqual({to for one in self.told["dependencies"] for to in one.get("dependsOn", [])}, references - {self.told["metadata"]["component"]["bom-ref"]})

    def test_every_crate_is_in_the_list_of_licences_and_has_a_text(self):
        lines = self.files["THIRD-PARTY-LICENSES.txt"].splitlines()
        with_text = {name for line in lines if line.startswith("Text of ") for name in line.removeprefix("Text of ").rstrip(":").split(", ")}
        for one in self.crates:
            if one.checksum:
                self.assertIn(f"{one.name} {one.version}: {one.licence}", lines)
                self.assertIn(f"{one.name} {one.version}", with_text)

    def test_code_that_a_crate_brings_of_others_has_its_text_too(self):
        text = self.files["THIRD-PARTY-LICENSES.txt"]
        for words in ["Jason Evans", "the fiat-crypto authors", "GNU LESSER GENERAL PUBLIC LICENSE", "GCC RUNTIME LIBRARY EXCEPTION"]:
            with self.subTest(words):
                self.assertTrue(words in text)

    def test_it_is_the_same_when_it_is_made_again(self):
        again, _ = bill.papers("concertina", CREATED)
        self.assertEqual({name: content.decode() for name, content in again}, self.files)


class Texts(unittest.TestCase):
    def crate(self, licence, *files):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        for name, text in files:
            file = Path(directory.name) / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(text)
        return crates.Crate("one", "1.0.0", licence, Path(directory.name), checksum="0")

    def test_a_crate_without_a_text_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "one 1.0.0 .MIT. has no licence text"):
            bill.licence_texts([self.crate("MIT", ("src/license.rs", "mod license;"))], [])

    def test_apache_needs_no_text_of_the_crates_own(self):
        self.assertIn("Apache License", bill.licence_texts([self.crate("MIT OR Apache-2.0")], []))

    def test_texts_that_differ_in_their_blanks_are_written_once(self):
        crate = self.crate("MIT", ("LICENSE", "May be\nused"), ("vendored/COPYING", "  May be used\n"), ("NOTICE", "Be warned"))
        text = bill.licence_texts([crate], [])
        self.assertEqual((text.count("used"), text.count("Be warned")), (1, 1))


class Runtime(unittest.TestCase):
    def test_a_program_with_another_library_of_c_is_refused(self):
        with self.assertRaisesRegex(SystemExit, "for x86_64-unknown-linux-musl has another C library"):
            bill.runtime("x86_64-unknown-linux-musl")

    def test_the_notices_of_the_system_s_libraries_go_along_where_it_has_them(self):
        with tempfile.TemporaryDirectory() as directory:
            there, missing = Path(directory) / "copyright", Path(directory) / "LICENSES"
            there.write_text("Sun Microsystems")
            with unittest.mock.patch.object(bill, "GLIBC", [missing, there]):
                _, glibc, _ = bill.runtime(crates.host()[0])
            self.assertEqual([file.name for file in glibc.files], ["LGPL-2.1.txt", "copyright"])

    def test_the_notices_of_the_standard_library_go_along_with_the_licences_that_they_name(self):
        with tempfile.TemporaryDirectory() as directory:
            self.assertEqual(bill.standard_library(Path(directory)), [])
            documents = Path(directory) / "share/doc/rust"
            (documents / "licenses").mkdir(parents=True)
            for name in ["MIT", "OFL-1.1"]:
                (documents / "licenses" / f"{name}.txt").write_text(name)
            notices = "<p><b>License:</b> MIT</p>\n\n \n\n<pre>  Copyright &lt;somebody&gt;</pre>\n<pre>Copyright\n&lt;somebody&gt;</pre>\n"
            (documents / "COPYRIGHT-library.html").write_text(notices)
            files = bill.standard_library(Path(directory))
            self.assertEqual([file.name for file in files], ["COPYRIGHT-library.html", "MIT.txt"])
            self.assertEqual(bill.plain(files[0]), "License: MIT\n\n  Copyright <somebody>\n(as above)\n")


class Edges(unittest.TestCase):
    def test_a_tree_tells_who_needs_whom(self):
        tree = "0a v1.0.0 (/source)\n1b v2.0.0\n2c v3.0.0+x\n1c v3.0.0+x\n"
        a, b, c = ("a", "1.0.0"), ("b", "2.0.0"), ("c", "3.0.0+x")
        self.assertEqual(crates.edges(tree), {a: {b, c}, b: {c}, c: set()})
