"""An image's archive says of itself what is in it, and the same files make the same bytes. No network."""

import gzip
import hashlib
import io
import json
import tarfile
import unittest

import archive

FILES = [("program", b"\x7fELF", 0o755), ("licenses/deep/LICENSE", b"words", 0o644)]


def made(files=FILES, reference="concertina:1", **more):
    return archive.image(files, reference, "amd64", ["/program", "run"], "65532:65532", {"a": "b"}, "1970-01-01T00:00:00Z", **more)


def read(text):
    """The contents of a tar by name."""
    with tarfile.open(fileobj=io.BytesIO(text)) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}


class Archive(unittest.TestCase):
    def setUp(self):
        self.contents = read(made().archive)

    def blob(self, descriptor):
        content = self.contents[f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"]
        self.assertEqual(len(content), descriptor["size"])
        return content

    def manifest(self):
        return json.loads(self.blob(json.loads(self.contents["index.json"])["manifests"][0]))

    def test_a_blob_has_the_digest_that_it_is_named_by(self):
        blobs = {name.removeprefix("blobs/sha256/"): content for name, content in self.contents.items() if name.startswith("blobs/")}
        self.assertEqual(len(blobs), 3)
        for name, content in blobs.items():
            self.assertEqual(hashlib.sha256(content).hexdigest(), name)

    def test_the_digest_told_is_that_of_the_manifest(self):
        self.assertEqual(json.loads(self.contents["index.json"])["manifests"][0]["digest"], made().digest)

    def test_the_configuration_names_the_layer_as_it_is_uncompressed(self):
        manifest = self.manifest()
        layer = gzip.decompress(self.blob(manifest["layers"][0]))
        config = json.loads(self.blob(manifest["config"]))
        self.assertEqual(config["rootfs"]["diff_ids"], [f"sha256:{hashlib.sha256(layer).hexdigest()}"])

    def test_the_program_runs_as_nobody_with_its_arguments(self):
        config = json.loads(self.blob(self.manifest()["config"]))["config"]
        self.assertEqual((config["User"], config["Entrypoint"], config["Labels"]), ("65532:65532", ["/program", "run"], {"a": "b"}))

    def test_docker_finds_the_same_configuration_and_layer(self):
        [docker], manifest = json.loads(self.contents["manifest.json"]), self.manifest()
        names = [one["digest"].replace("sha256:", "blobs/sha256/") for one in [manifest["config"], *manifest["layers"]]]
        self.assertEqual([docker["Config"], *docker["Layers"]], names)
        self.assertEqual(docker["RepoTags"], ["concertina:1"])

    def test_the_files_are_owned_by_root_and_lie_in_directories_that_come_first(self):
        layer = gzip.decompress(self.blob(self.manifest()["layers"][0]))
        with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
            told = [(one.name, one.mode, one.uid, one.gid, one.mtime) for one in tar]
        self.assertEqual(
            told,
            [
                ("licenses", 0o755, 0, 0, 0),
                ("licenses/deep", 0o755, 0, 0, 0),
                ("licenses/deep/LICENSE", 0o644, 0, 0, 0),
                ("program", 0o755, 0, 0, 0),
            ],
        )

    def test_the_same_files_in_another_order_make_the_same_bytes(self):
        self.assertEqual(made().archive, made(FILES[::-1]).archive)

    def test_another_byte_makes_another_digest(self):
        self.assertNotEqual(made().digest, made([("program", b"\x7fELG", 0o755), FILES[1]]).digest)

    def test_a_name_without_a_registry_is_of_dockers(self):
        for reference, name in [
            ("concertina:1", "docker.io/library/concertina:1"),
            ("team/concertina:1", "docker.io/team/concertina:1"),
            ("localhost/concertina:1", "localhost/concertina:1"),
            ("registry:5000/concertina:1", "registry:5000/concertina:1"),
            ("registry.example/team/concertina:1", "registry.example/team/concertina:1"),
        ]:
            with self.subTest(reference):
                self.assertEqual(archive.full_name(reference), name)
