//! Files that are read again when they change, such as rotated tokens and certificates. Reads files, no network.
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use std::sync::Arc;
use tokio::time::Instant;

use crate::cluster::lock;

/// A file is read at most this often.
pub(super) const READ_EVERY: Duration = Duration::from_secs(3);

/// What a file holds, or a sentence why that is not known.
type Contents = Result<Arc<[u8]>, String>;

/// A file of the configuration.
pub(super) struct WatchedFile {
    field: &'static str,
    path: PathBuf,
    read: Mutex<Option<(Instant, Contents)>>,
}

impl WatchedFile {
    /// The file that `field` of the configuration names. It is not read yet.
    pub(super) fn new(field: &'static str, path: &Path) -> Self {
        Self {
            field,
            path: path.to_owned(),
            read: Mutex::new(None),
        }
    }

    /// What the file holds; the same allocation as before when it has not changed. What cannot be read is an error, also
    /// when it could be read before: nobody shall go on with what was taken away.
    pub(super) fn contents(&self, now: Instant) -> Contents {
        let mut read = lock(&self.read);
        if let Some((at, contents)) = &*read
            && now < *at + READ_EVERY
        {
            return contents.clone();
        }
        // The file is small, and in memory where it is a mounted Secret: comparing it is surer than comparing times.
        let contents = match (std::fs::read(&self.path), &*read) {
            (Ok(bytes), Some((_, Ok(before)))) if **before == *bytes => Ok(Arc::clone(before)),
            (Ok(bytes), _) => Ok(bytes.into()),
            (Err(error), _) => Err(format!(
                "{} cannot be read ({error}): check the path and what is mounted there",
                self.name()
            )),
        };
        *read = Some((now, contents.clone()));
        contents
    }

    /// Field and path, for sentences.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.field, self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_after_a_while_and_known_to_be_the_same() {
        let path = std::env::temp_dir().join(format!("concertina-watched-{}", std::process::id()));
        std::fs::write(&path, "one").unwrap();
        let file = WatchedFile::new("bearerTokenFile", &path);
        let now = Instant::now();
        let one = file.contents(now).unwrap();
        let same = file.contents(now + READ_EVERY).unwrap();
        assert!(Arc::ptr_eq(&one, &same));
        std::fs::write(&path, "two").unwrap();
        assert_eq!(
            *file.contents(now + READ_EVERY).unwrap(),
            *b"one",
            "not yet read again"
        );
        assert_eq!(*file.contents(now + 2 * READ_EVERY).unwrap(), *b"two");
        std::fs::remove_file(&path).unwrap();
        let reason = file.contents(now + 3 * READ_EVERY).unwrap_err();
        assert!(reason.starts_with("bearerTokenFile /"), "{reason}");
        assert!(reason.contains("cannot be read (No such file"), "{reason}");
    }
}
