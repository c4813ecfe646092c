//! `concertina crd`: prints the CustomResourceDefinition. No network.
use std::io::{self, Write};

use crate::api::{SchemaError, crd_yaml};

/// Why the definition is not printed.
#[derive(Debug, thiserror::Error)]
pub enum CrdError {
    /// It cannot be produced.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// It cannot be written.
    #[error("cannot write the definition")]
    Write(#[from] io::Error),
}

/// Writes the definition as YAML to `out`. A reader that has seen enough, such as `head`, is no error.
///
/// # Errors
/// When `out` fails in another way.
pub fn print(out: &mut dyn Write) -> Result<(), CrdError> {
    let yaml = crd_yaml()?;
    match out.write_all(yaml.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails every write with this kind.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_printed_is_the_definition() {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), crd_yaml().unwrap());
    }

    #[test]
    fn a_reader_that_leaves_is_no_error_and_a_full_disk_is() {
        assert!(print(&mut Broken(io::ErrorKind::BrokenPipe)).is_ok());
        let error = print(&mut Broken(io::ErrorKind::StorageFull)).unwrap_err();
        assert_eq!(error.to_string(), "cannot write the definition");
    }
}
