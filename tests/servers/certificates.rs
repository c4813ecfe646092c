//! Certificates made by openssl.
use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate authority in a directory of its own.
pub(crate) struct Authority {
    directory: PathBuf,
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("openssl is missing: install it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {arguments:?}: {said}");
}

const KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];

impl Authority {
    /// A new one, in a new directory of this name.
    pub(crate) fn new(parent: &Path, name: &str) -> Self {
        let directory = parent.join(name);
        std::fs::create_dir(&directory).unwrap();
        let subject = format!("/CN={name}");
        let files = [
            "-days", "2", "-keyout", "ca.key", "-out", "ca.crt", "-subj", &subject,
        ];
        openssl(&directory, &[&["req", "-x509"], &KEY[..], &files].concat());
        Self { directory }
    }

    /// The authority's own certificate.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.directory.join("ca.crt")
    }

    /// A certificate for these names, such as `DNS:example.com` or `IP:127.0.0.1`, and its key.
    pub(crate) fn sign(&self, file: &str, names: &str) -> (PathBuf, PathBuf) {
        let [key, request, certificate] = ["key", "csr", "crt"].map(|end| format!("{file}.{end}"));
        let subject = format!("/CN={file}");
        let files = ["-keyout", &key, "-out", &request, "-subj", &subject];
        openssl(&self.directory, &[&["req"], &KEY[..], &files].concat());
        let extensions = format!("{file}.ext");
        let text = format!("subjectAltName={names}\n");
        std::fs::write(self.directory.join(&extensions), text).unwrap();
        let signed = [
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-days",
            "1",
            "-out",
            &certificate,
            "-extfile",
            &extensions,
        ];
        openssl(&self.directory, &signed);
        (self.directory.join(certificate), self.directory.join(key))
    }
}
