"""Writes an image of one layer as an archive that is an OCI layout and what `docker load` reads in one. The same input makes the same bytes. No network."""

import gzip
import hashlib
import io
import json
import posixpath
import tarfile
from dataclasses import dataclass

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass
class Image:
    """An archive, the digest of the image's manifest, and the bytes of its layer as it is fetched."""

    archive: bytes
    digest: str
    layer_size: int


def tar(files, time=0):
    """A tar of `files`, each (path, content in bytes, mode), in the order of their paths, with the directories above them. Owned by root, and
    all of the same time (seconds since 1970)."""
    directories = {directory for path, _, _ in files for directory in above(path)}
    entries = [(path, None, 0o755) for path in directories] + list(files)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, content, mode in sorted(entries):
            entry = tarfile.TarInfo(path)
            entry.mode, entry.mtime = mode, time
            if content is None:
                entry.type = tarfile.DIRTYPE
                archive.addfile(entry)
            else:
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def above(path):
    """The directories that a path lies in: a and a/b of a/b/c."""
    while path := posixpath.dirname(path):
        yield path


def full_name(reference):
    """A reference as containerd stores it: what names no registry is Docker's."""
    first, slash, _ = reference.partition("/")
    if not slash:
        return f"docker.io/library/{reference}"
    return reference if "." in first or ":" in first or first == "localhost" else f"docker.io/{reference}"


def compressed(text):
    # The level is that of gzip itself; the best one saves 1 % and costs three times as long.
    return gzip.compress(text, compresslevel=6, mtime=0)


def as_json(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def image(files, reference, architecture, entrypoint, user, labels, created, time=0):
    """The archive of an image of these files (see `tar`). `reference` is its name and tag, `created` an RFC 3339 time."""
    layer = tar(files, time)
    blobs = {}

    def blob(content, kind, **more):
        digest = hashlib.sha256(content).hexdigest()
        blobs[digest] = content
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content), **more}

    layers = [blob(compressed(layer), LAYER)]
    config = {
        "architecture": architecture,
        "os": "linux",
        "created": created,
        "config": {"User": user, "Entrypoint": entrypoint, "WorkingDir": "/", "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": blob(as_json(config), CONFIG), "layers": layers, "annotations": labels}
    # Where the one who loads it finds its name: skopeo and containerd in the first, containerd with its registry in the second.
    names = {"org.opencontainers.image.ref.name": reference.rpartition(":")[2], "io.containerd.image.name": full_name(reference)}
    platform = {"architecture": architecture, "os": "linux"}
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [blob(as_json(manifest), MANIFEST, platform=platform, annotations=names)],
    }

    def path(descriptor):
        return f"blobs/sha256/{descriptor['digest'].removeprefix('sha256:')}"

    docker = [{"Config": path(manifest["config"]), "RepoTags": [reference], "Layers": [path(one) for one in layers]}]
    contents = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}', "index.json": as_json(index), "manifest.json": as_json(docker)}
    contents |= {f"blobs/sha256/{digest}": content for digest, content in blobs.items()}
    archive = tar([(name, content, 0o644) for name, content in contents.items()], time)
    return Image(archive, index["manifests"][0]["digest"], layers[0]["size"])
